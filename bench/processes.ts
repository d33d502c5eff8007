/**
 * The processes of a benchmark: the stub of the participants, and each contender, the durable ones with a store of
 * their own. All that is started here is ended by `endAll`, by its own pid.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type RedisServer, type RedisServerOptions, startRedis } from '../test/redis-server.ts';

export type Fsync = 'everysec' | 'always';

/** What outlives the contenders, since they are its clients. */
export interface Server {
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  readonly url: string;
  /** Its own processes; what those started belongs to it. */
  readonly pids: readonly number[];
  /** Null for the one that keeps nothing. */
  readonly store: Store | null;
}

/** The process of a Redis, or of what else a contender keeps its state in. */
export interface Store {
  readonly pid: number;
  /** Of a Redis, which is asked there how its clients reach it. */
  readonly socketPath?: string;
}

const START_MAX_MS = 60_000;
const END_MAX_MS = 5_000;
/** As the image has it. Peers get it as well. */
export const YOUNG_GENERATION = '--max-semi-space-size=64';
const PARTICIPANTS = ['ORDER', 'INVENTORY', 'PAYMENT', 'SHIPPING', 'NOTIFICATION'];
const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const children = new Set<ChildProcess>();
const servers = new Set<Server>();
let ending = false;

export async function startStub(): Promise<{ url: string; pid: number }> {
  const child = plain('stub.ts', []);
  return { url: await portSent(child), pid: pidOf(child) };
}

export function startFloor(stubUrl: string): Promise<Contender> {
  return startPlain('floor', 'contenders/floor.ts', [stubUrl], null);
}

export async function startFloorWithSet(stubUrl: string, fsync: Fsync): Promise<Contender> {
  const redis = await redisOf(fsync);
  return startPlain('floor + SET', 'contenders/floor.ts', [stubUrl, redis.socketPath], redis);
}

/** A file of the benchmark in a process of its own, which says by a message that it is ready. */
export async function startForked(file: string, args: readonly string[]): Promise<ChildProcess> {
  const child = plain(file, args);
  await portSent(child);
  return child;
}

/** One that is a file of the benchmark, in a process of its own. */
export async function startPlain(
  name: string,
  file: string,
  args: readonly string[],
  store: Store | null,
  nodeOptions: readonly string[] = [],
): Promise<Contender> {
  const child = plain(file, args, nodeOptions);
  return { name, url: await portSent(child), pids: [pidOf(child)], store };
}

export interface OursStart {
  readonly processes?: number;
  /** The folder of another checkout. */
  readonly checkout?: string;
}

export const nameOfOurs = ({ processes = 1, checkout }: OursStart = {}): string =>
  `saga coordinator${processes === 1 ? '' : ` × ${processes}`}${checkout === undefined ? '' : ' before'}`;

/** The coordinator as the image runs it, with its defaults. */
export async function startOurs(stubUrl: string, fsync: Fsync, start: OursStart = {}): Promise<Contender> {
  const { processes = 1, checkout } = start;
  const redis = await redisOf(fsync);
  const settings = { COORDINATOR_PROCESSES: String(processes) };
  const { url, pid } = await startCoordinator({ stubUrl, redis, settings, checkout });
  return { name: nameOfOurs(start), url, pids: [pid], store: redis };
}

export interface Coordinator {
  readonly url: string;
  readonly pid: number;
  /** A WebSocket of node's inspector, where it was asked for. */
  readonly inspector: string | null;
  /** SIGKILL: it learns nothing of it. */
  kill(): Promise<void>;
}

export interface CoordinatorStart {
  readonly stubUrl: string;
  readonly redis: RedisServer;
  /** What differs from the defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly inspect?: boolean;
  /** The folder of another checkout, built, whose coordinator it is; this one unless said. */
  readonly checkout?: string | undefined;
}

/** What `npm run build` compiled, in a process of its own. */
export async function startCoordinator({
  stubUrl,
  redis,
  settings = {},
  inspect = false,
  checkout = fileOf('..'),
}: CoordinatorStart): Promise<Coordinator> {
  const inspecting = inspect ? ['--inspect=127.0.0.1:0'] : [];
  const child = kept(
    spawn(process.execPath, [YOUNG_GENERATION, ...inspecting, join(checkout, 'dist/server/main.js')], {
      // Not our own environment: a setting that somebody exported would be measured along.
      env: {
        PATH: process.env.PATH,
        ...Object.fromEntries(PARTICIPANTS.map((name) => [`${name}_SERVICE_URL`, stubUrl])),
        COORDINATOR_PORT: '0',
        COORDINATOR_ID: 'bench',
        REDIS_URL: `unix://${redis.socketPath}`,
        ...settings,
      },
      stdio: ['ignore', 'pipe', inspect ? 'pipe' : 'inherit'],
    }),
  );
  const listening = inspect ? said(child, child.stderr, /listening on (ws:\S+)/) : null;
  const url = await said(child, child.stdout, /"url":"([^"]+)".*"msg":"ready"/);
  return {
    url,
    pid: pidOf(child),
    inspector: await listening,
    kill: async () => {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** What a process says of itself once. What it says later is dropped unread, or a full pipe would stop it. */
export function said(child: ChildProcess, stream: Readable | null, pattern: RegExp): Promise<string> {
  if (stream === null) throw new Error('It has no output to read');
  return started<string>(child, (resolve) => {
    const lines = createInterface({ input: stream });
    lines.on('line', (line) => {
      const found = pattern.exec(line)?.[1];
      if (found === undefined) return;
      lines.close();
      stream.resume();
      resolve(found);
    });
  });
}

/** Rewriting the file is off: it would fall into some rounds and not into others, and be measured with none. */
export function redisOf(appendfsync: Fsync): Promise<RedisServer> {
  const settings = { 'auto-aof-rewrite-percentage': '0' };
  return keptRedis({ appendonly: true, appendfsync, settings });
}

/** A Redis of one's own, which `endAll` ends. */
export async function keptRedis(options: RedisServerOptions): Promise<RedisServer> {
  return keptServer(await startRedis(options));
}

/** One that `endAll` ends, after its clients. */
export function keptServer<T extends Server>(server: T): T {
  servers.add(server);
  return server;
}

function plain(file: string, args: readonly string[], nodeOptions: readonly string[] = []): ChildProcess {
  return kept(fork(fileOf(file), [...args], { execArgv: [...nodeOptions, '--import', 'tsx'] }));
}

function kept(child: ChildProcess): ChildProcess {
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

const portSent = (child: ChildProcess) =>
  started<string>(child, (resolve) =>
    child.once('message', (port) => resolve(`http://127.0.0.1:${String(port)}`)),
  );

export function started<T>(child: ChildProcess, listen: (resolve: (value: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const name = child.spawnargs.at(-1);
    const late = setTimeout(() => reject(new Error(`${name} was not ready in time`)), START_MAX_MS);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      if (!ending) reject(new Error(`${child.spawnargs.join(' ')} ended by itself (${signal ?? code})`));
    });
    listen((value) => {
      clearTimeout(late);
      resolve(value);
    });
  });
}

export function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('A process did not start');
  return pid;
}

/**
 * Harmless when repeated. The coordinator is told to drain first; what does not end in time is killed. Afterwards others
 * may be started.
 */
export async function endAll(): Promise<void> {
  ending = true;
  await Promise.all([...children].map((child) => endInTime(child, 'SIGTERM')));
  await Promise.all([...servers].map((server) => server.stop()));
  servers.clear();
  ending = false;
}

export async function endInTime(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  const late = setTimeout(() => child.kill('SIGKILL'), END_MAX_MS);
  await exit;
  clearTimeout(late);
}

/** For an exit that waits for nobody. Servers end by themselves when we are gone. */
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
