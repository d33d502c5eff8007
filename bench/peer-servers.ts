/** The servers that peers keep their state in: of Restate and of Postgres, each in a temporary directory of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { freePort, killWithUs } from '../test/redis-server.ts';
import { endInTime, keptServer, pidOf, said, started } from './processes.ts';

export interface RestateServer {
  readonly pid: number;
  readonly ingressUrl: string;
  readonly adminUrl: string;
}

const ASK_AGAIN_MS = 50;

/** With its own defaults, but for its ports, its directory, what it reports home, and what is said of partitions. */
export async function startRestateServer(binary: string, partitions: number | null): Promise<RestateServer> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-restate-'));
  const [ingress, admin, node] = [await freePort(), await freePort(), await freePort()].map(
    (port) => `127.0.0.1:${port}`,
  );
  const child = spawn(binary, ['--no-logo', '--node-name', 'bench', '--base-dir', directory], {
    env: {
      RESTATE_BIND_ADDRESS: node,
      RESTATE_INGRESS__BIND_ADDRESS: ingress,
      RESTATE_ADMIN__BIND_ADDRESS: admin,
      RESTATE_DISABLE_TELEMETRY: 'true',
      // It logs nothing of a call by default either; this only keeps its start out of the benchmark's output.
      RESTATE_LOG_FILTER: 'error,octocrab=off',
      ...(partitions !== null && { RESTATE_DEFAULT_NUM_PARTITIONS: String(partitions) }),
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Its graceful end drains for a minute what is thrown away with the directory.
  keptIn(directory, child, 'SIGKILL');
  await whenAnswered(child, [`http://${admin}/health`, `http://${ingress}/restate/health`]);
  return { pid: pidOf(child), ingressUrl: `http://${ingress}`, adminUrl: `http://${admin}` };
}

/** When all of these are answered with 200. */
export function whenAnswered(child: ChildProcess, urls: readonly string[]): Promise<void> {
  return started<void>(child, (resolve) => {
    const ask = async () => {
      const answers = await Promise.allSettled(urls.map(answersWell));
      if (answers.every((answer) => answer.status === 'fulfilled' && answer.value)) resolve();
      else setTimeout(ask, ASK_AGAIN_MS);
    };
    void ask();
  });
}

async function answersWell(url: string): Promise<boolean> {
  const { statusCode, body } = await request(url);
  await body.dump();
  return statusCode === 200;
}

/** Ended with the benchmark, however that ends, and its directory with it. */
export function keptIn(directory: string, child: ChildProcess, signal: NodeJS.Signals): void {
  keptServer({
    stop: async () => {
      await endInTime(child, signal);
      await rm(directory, { recursive: true, force: true });
    },
  });
  killWithUs(child);
}

export interface Postgres {
  readonly pid: number;
  readonly url: string;
}

/** The newest that is installed; null where none is. Debian keeps its programs off PATH. */
export function postgresPrograms(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(root, version, 'bin')),
    ...(process.env.PATH ?? '').split(':'),
  ];
  return (
    folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(join(folder, name)))) ?? null
  );
}

/** A new cluster with Postgres's defaults, reached over a unix socket alone. */
export async function startPostgres(programs: string): Promise<Postgres> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-postgres-'));
  const data = join(directory, 'data');
  const user = unprivileged();
  if (user !== null) chownSync(directory, user.uid, user.gid);
  const options = { cwd: directory, env: { PATH: process.env.PATH }, ...user };
  const fresh = [
    '--pgdata',
    data,
    '--username',
    'bench',
    '--auth',
    'trust',
    '--encoding',
    'UTF8',
    '--no-locale',
  ];
  execFileSync(join(programs, 'initdb'), fresh, { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
  const child = spawn(join(programs, 'postgres'), ['-D', data, '-k', directory, '-h', ''], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // To Postgres SIGINT means: end now, cleanly, and do not wait for clients to leave.
  keptIn(directory, child, 'SIGINT');
  await said(child, child.stderr, /(ready to accept connections)/);
  return {
    pid: pidOf(child),
    url: `postgresql://bench@localhost/bench?host=${encodeURIComponent(directory)}`,
  };
}

/** Postgres refuses to run as root. Null where we are somebody else already. */
function unprivileged(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const users = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error('Postgres does not run as root, and there is neither a user postgres nor nobody');
}
