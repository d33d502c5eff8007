/**
 * A real redis-server of a test's own, on a free loopback port and in a directory of its own:
 *
 * ```ts
 * const server = await startRedis({ appendonly: true });
 * const redis = connect(server.url);
 * ...
 * await server.kill();     // as kill -9, as if the machine had lost it
 * await server.restart();  // the same port and directory: what the append-only file kept is there again
 * await server.stop();     // ends it and removes its directory: in afterAll
 * ```
 *
 * Nothing is shared with another file's server, so files run in parallel, and no other Redis of the machine is
 * touched. Where redis-server is missing it throws and says what to type: a suite that needs Redis never passes
 * for want of one.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

export type Program = 'redis-server' | 'valkey-server';

export interface RedisServerOptions {
  /** Keeps an append-only file, with `fsync always` unless said otherwise. Left out, nothing survives a kill. */
  readonly appendonly?: boolean;
  readonly appendfsync?: 'always' | 'everysec' | 'no';
  /**
   * Starts it as a Redis Cluster of this one node, which holds every slot: keys of two slots are refused. `empty` is a
   * node without slots, for a larger Cluster.
   */
  readonly cluster?: boolean | 'empty';
  /** It can be reached over TLS, too, at a port of its own, by whoever shows a certificate; so are its replicas, and nodes of its Cluster. */
  readonly tls?: ServerTls;
  /** Lets the disk be filled: with a file size limit (`prlimit --fsize`) writes fail, and do not end the process. */
  readonly diskMayFill?: boolean;
  /** `redis-server` unless said. */
  readonly program?: Program;
  /** Further settings, such as `{ 'maxmemory-policy': 'allkeys-lru' }`; a list where one takes several words. */
  readonly settings?: Readonly<Record<string, string | readonly string[]>>;
}

/** Paths of PEM files: what it shows, and whom it knows. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface RedisServer {
  /** `redis://127.0.0.1:<port>`; of a cluster `redis+cluster://...`. */
  readonly url: string;
  readonly port: number;
  /** `null` without TLS. */
  readonly tlsPort: number | null;
  /** A unix socket of the same server. */
  readonly socketPath: string;
  /** The server's process id: it changes with each restart. */
  readonly pid: number;
  /** Ends it as a crash would (SIGKILL); its directory stays. */
  kill(): Promise<void>;
  /** Starts it again after a kill, with what its append-only file kept. */
  restart(): Promise<void>;
  /** Ends it and removes its directory; harmless when repeated. */
  stop(): Promise<void>;
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'saga-redis-'));
  const socketPath = join(directory, 'redis.sock');
  // A port that was free may be taken before Redis binds it; then another one is tried.
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return await startOn(port, directory, socketPath, options);
    } catch (error) {
      if (attempt < 5 && error instanceof PortTakenError) continue;
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }
}

class PortTakenError extends Error {}

async function startOn(
  port: number,
  directory: string,
  socketPath: string,
  {
    appendonly = false,
    appendfsync = 'always',
    cluster = false,
    diskMayFill = false,
    program = 'redis-server',
    tls,
    settings = {},
  }: RedisServerOptions,
): Promise<RedisServer> {
  const tlsPort = tls === undefined ? null : await freePort();
  const all: Record<string, string | readonly string[]> = {
    port: String(port),
    bind: '127.0.0.1',
    unixsocket: socketPath,
    dir: directory,
    save: '',
    appendonly: appendonly ? 'yes' : 'no',
    appendfsync,
    'maxmemory-policy': 'noeviction',
    // Without an address of its own a node that never met another tells clients to connect to nowhere.
    ...(cluster ? { 'cluster-enabled': 'yes', 'cluster-announce-ip': '127.0.0.1' } : {}),
    ...(tls && tlsSettings(tls, tlsPort)),
    ...(tls && cluster ? { 'tls-cluster': 'yes' } : {}),
    ...settings,
  };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, ...[value].flat()]);
  const start = () => launch(args, { diskMayFill, program });
  let child = await start();
  if (cluster === true) await takeAllSlots(port);

  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  };
  return {
    url: `redis${cluster ? '+cluster' : ''}://127.0.0.1:${port}`,
    port,
    tlsPort,
    socketPath,
    get pid() {
      return child.pid ?? 0;
    },
    kill,
    restart: async () => {
      await kill();
      child = await start();
    },
    stop: async () => {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Of a server or of a sentinel, which speaks with others over TLS, too. */
export function tlsSettings({ cert, key, ca }: ServerTls, port: number | null): Record<string, string> {
  return {
    'tls-port': String(port),
    'tls-cert-file': cert,
    'tls-key-file': key,
    'tls-ca-cert-file': ca,
    'tls-auth-clients': 'yes',
    'tls-replication': 'yes',
  };
}

interface Launch {
  readonly diskMayFill?: boolean;
  readonly program?: Program;
  /** What it says when it is up. */
  readonly ready?: string;
}

/** Resolves when the server says that it accepts connections. */
export async function launch(
  args: readonly string[],
  { diskMayFill = false, program = 'redis-server', ready = 'eady to accept connections' }: Launch = {},
): Promise<ChildProcess> {
  // Over its file size limit a process is ended by SIGXFSZ, unless it was started with that signal ignored.
  const [command, before] = diskMayFill
    ? ['sh', ['-c', `trap "" XFSZ; exec ${program} "$@"`, 'sh']]
    : [program, []];
  const child = spawn(command, [...before, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') return reject(cause);
      reject(new Error(`${program} is not on PATH. Type: sudo apt-get install ${program}`, { cause }));
    });
    child.once('exit', (code) => {
      const text = said.join('\n');
      const Problem = /Address already in use/.test(text) ? PortTakenError : Error;
      reject(new Problem(`${program} ended with code ${code} instead of starting:\n${text}`));
    });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line);
        if (line.includes(ready)) resolve();
      });
    }
  });
  child.removeAllListeners('exit');
  killWithUs(child);
  // The rest of what it says is read and dropped, or a full pipe would stop it.
  child.stdout.resume();
  child.stderr.resume();
  return child;
}

/**
 * A test run that is cut short, even by SIGKILL, leaves no server behind: a shell waits for the end of a pipe that
 * only we hold open.
 */
export function killWithUs(server: ChildProcess): void {
  const script = 'cat >/dev/null; kill -9 "$1"';
  const watcher = spawn('sh', ['-c', script, 'sh', String(server.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  server.once('exit', () => watcher.kill('SIGKILL'));
}

async function takeAllSlots(port: number): Promise<void> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(port, '127.0.0.1');
  await redis.call('CLUSTER', 'ADDSLOTS', ...Array.from({ length: 16_384 }, (_, slot) => slot));
  // The node says `ok` a moment after it has its slots, and by no event; each question is a round trip, not a sleep.
  while (!String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok'));
  redis.disconnect();
}

/** Of the server that is started here: 6 of Redis 6.2, 9 of Valkey 9.1. */
export async function majorVersion(): Promise<number> {
  const { stdout } = await promisify(execFile)('redis-server', ['--version']);
  return Number(/v=(\d+)/.exec(stdout)?.[1]);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('The system gave no port');
  // Redis Cluster listens on its port + 10000 as well.
  return address.port > 55_000 ? address.port - 20_000 : address.port;
}
