/**
 * What we are compared with: BullMQ, Restate, DBOS and DTM. They are installed on demand, beside the product and never as
 * its dependencies (docs/decisions/peers.md), so nothing here imports them: each runs in processes of its own.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DTM_VERSION, dtmBinary, startDtmServer } from './dtm.ts';
import { postgresPrograms, startPostgres, startRestateServer } from './peer-servers.ts';
import {
  type Contender,
  type Fsync,
  redisOf,
  type Store,
  startPlain,
  YOUNG_GENERATION,
} from './processes.ts';

export interface Peers {
  readonly contenders: readonly Contender[];
  /** Which they are, in one line: versions, and who does not take part and why. */
  readonly line: string;
}

const BULLMQ = { 'BullMQ, a job a step': 'jobs', 'BullMQ, one job': 'job' };
const RESTATE = { Restate: null, 'Restate, 2 partitions': 2 };
export const PEER_NAMES = [...Object.keys(BULLMQ), ...Object.keys(RESTATE), 'DBOS', 'DTM'];

const FOLDER = fileURLToPath(new URL('peers/', import.meta.url));
const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(FOLDER, 'node_modules', name, 'package.json'), 'utf8')).version;

/**
 * @param wanted by the name of the contender; the others are neither installed nor started
 * @param say is told what is happening
 */
export async function startPeers(
  stubUrl: string,
  fsync: Fsync,
  wanted: (name: string) => boolean,
  say: (what: string) => void,
): Promise<Peers> {
  const contenders: Contender[] = [];
  const [names, skipped]: [string[], Record<string, string>] = [[], {}];
  const skip = (name: string, reason: string) => {
    skipped[name] = reason;
    say(`${name} does not take part: ${reason}`);
  };
  if (PEER_NAMES.some((name) => name !== 'DTM' && wanted(name))) {
    say('installing the peers');
    install();
  }

  const bullmq = Object.entries(BULLMQ).filter(([name]) => wanted(name));
  if (bullmq.length > 0) {
    say('starting BullMQ');
    for (const [name, shape] of bullmq) {
      const redis = await redisOf(fsync);
      contenders.push(await startPeer(name, 'bullmq.ts', [stubUrl, redis.socketPath, shape], redis));
    }
    names.push(`BullMQ ${versionOf('bullmq')}`);
  }

  const restate = Object.entries(RESTATE).filter(([name]) => wanted(name));
  const binary = restate.length > 0 ? restateBinary() : null;
  if (binary !== null) {
    say('starting Restate');
    for (const [name, partitions] of restate) {
      const server = await startRestateServer(binary, partitions);
      contenders.push(
        await startPeer(name, 'restate.ts', [stubUrl, server.ingressUrl, server.adminUrl], server),
      );
    }
    const sdk = versionOf('@restatedev/restate-sdk');
    names.push(`Restate ${versionOf('@restatedev/restate-server')} with its SDK ${sdk}`);
  } else if (restate.length > 0) {
    skip('Restate', `it has no server for ${process.platform} on ${process.arch}`);
  }

  const programs = wanted('DBOS') ? postgresPrograms() : null;
  if (programs !== null) {
    say('starting DBOS');
    const postgres = await startPostgres(programs);
    contenders.push(await startPeer('DBOS', 'dbos.ts', [stubUrl, postgres.url], postgres));
    const version = execFileSync(join(programs, 'postgres'), ['--version'], { encoding: 'utf8' });
    names.push(`DBOS ${versionOf('@dbos-inc/dbos-sdk')} on Postgres ${/[\d.]+/.exec(version)?.[0]}`);
  } else if (wanted('DBOS')) skip('DBOS', 'no Postgres is installed (initdb, postgres)');

  if (wanted('DTM')) {
    const dtm = dtmBinary(FOLDER, say);
    if ('reason' in dtm) skip('DTM', dtm.reason);
    else {
      say('starting DTM');
      const redis = await redisOf(fsync);
      const server = await startDtmServer(dtm.binary, redis);
      const front = await startPeer('DTM', 'dtm.ts', [stubUrl, server.url], redis);
      contenders.push({ ...front, pids: [...front.pids, server.pid] });
      names.push(`DTM ${DTM_VERSION.slice(1)}`);
    }
  }
  return { contenders, line: peersLine(names, skipped) };
}

const startPeer = (name: string, file: string, args: readonly string[], store: Store) =>
  startPlain(name, `peers/${file}`, args, store, [YOUNG_GENERATION]);

/** @param skipped the reason by name */
export function peersLine(names: readonly string[], skipped: Readonly<Record<string, string>>): string {
  const reasons = Object.entries(skipped).map(([name, reason]) => `${name} did not take part: ${reason}.`);
  return [`Peers: ${names.join(', ') || 'none'}.`, ...reasons].join(' ');
}

/** Exactly what the lock file names, and only where that has changed since. */
function install(): void {
  const lock = readFileSync(join(FOLDER, 'package-lock.json'), 'utf8');
  const installed = join(FOLDER, 'node_modules/.installed-lock.json');
  if (existsSync(installed) && readFileSync(installed, 'utf8') === lock) return;
  // No script of a package runs: none is needed, and one of them would report the installation to its maker.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefix', FOLDER];
  execFileSync('npm', ['ci', ...options], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(installed, lock);
}

function restateBinary(): string | null {
  const name = `@restatedev/restate-server-${process.platform}-${process.arch}`;
  const binary = join(FOLDER, 'node_modules', name, 'bin/restate-server');
  return existsSync(binary) ? binary : null;
}
