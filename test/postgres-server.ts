/**
 * A PostgreSQL of a test's own, in a directory of its own, on a unix socket and no port. Its programs are looked for where Debian has them and on
 * the PATH. It refuses to run as root, so there it runs as `nobody`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import pg from 'pg';

/** Where initdb and postgres are; `null` where they are not. */
export const postgresPrograms: string | null =
  folders().find((folder) => existsSync(join(folder, 'initdb'))) ?? null;

function folders(): string[] {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  return [
    ...versions.map((version) => join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
}

export interface PostgresServer {
  readonly pool: pg.Pool;
  stop(): Promise<void>;
}

export async function startPostgres(programs: string): Promise<PostgresServer> {
  const directory = mkdtempSync(join(tmpdir(), 'saga-pg-'));
  const user = nobody();
  if (user !== null) chownSync(directory, user.uid, user.gid);
  const data = join(directory, 'data');
  const options = { cwd: directory, ...user, env: { LC_ALL: 'C', PATH: process.env.PATH ?? '' } };
  execFileSync(
    join(programs, 'initdb'),
    ['--pgdata', data, '--username', 'test', '--auth', 'trust', '--no-sync', '--no-instructions'],
    { ...options, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const settings = [
    'listen_addresses=',
    `unix_socket_directories=${directory}`,
    'fsync=off',
    'shared_buffers=16MB',
  ];
  const server = spawn(
    join(programs, 'postgres'),
    ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
    { ...options, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  await new Promise<void>((resolve, reject) => {
    server.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('ready to accept connections')) resolve();
    });
    server.once('exit', () => reject(new Error(`PostgreSQL did not start: ${log}`)));
  });
  // `max` is more than the calls that any test makes at once: one that waits for its turn holds a client.
  const pool = new pg.Pool({ host: directory, user: 'test', database: 'postgres', max: 20 });
  // They are told that the server has ended.
  const ignore = () => undefined;
  pool.on('error', ignore).on('connect', (client) => client.on('error', ignore));
  return {
    pool,
    async stop() {
      const ended = once(server, 'exit');
      server.kill('SIGQUIT');
      await ended;
      // Not waited for: a test that failed may have left a client that is in use.
      void pool.end();
      rmSync(directory, { recursive: true });
    },
  };
}

function nobody(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}
