/** DTM's server: built by Go out of its module at the first time, and started with its Redis store on loopback. */
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { freePort } from '../test/redis-server.ts';
import { keptIn, whenAnswered } from './peer-servers.ts';
import { pidOf, type Store } from './processes.ts';

const MODULE = 'github.com/dtm-labs/dtm';
export const DTM_VERSION = 'v1.19.0';
/** Of its module, as go.sum would have it. Those of what it needs stand in its own go.sum. */
const SUM = 'h1:TKRf21MkelOR6PPGLT9QzNs0ZJF/RLz+zZPkeOwzPPU=';
const LISTENS_ON_ALL = 'fmt.Sprintf(":%d"';
const LISTENS_ON_LOOPBACK = 'fmt.Sprintf("127.0.0.1:%d"';

/** @param folder where what was built is kept */
export function dtmBinary(
  folder: string,
  say: (what: string) => void,
): { readonly binary: string } | { readonly reason: string } {
  const binary = join(folder, `.built/dtm-${DTM_VERSION}`);
  if (existsSync(binary)) return { binary };
  const go = goProgram();
  if (go === null) return { reason: 'no Go is installed (go)' };
  say('building DTM, which takes minutes');
  const directory = mkdtempSync(join(tmpdir(), 'bench-dtm-'));
  try {
    build(go, directory, binary);
    return { binary };
  } catch (error) {
    return { reason: `Go could not build it (${reasonOf(error)})` };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Go's own installer puts it off PATH. */
function goProgram(): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/go/bin'];
  return folders.map((folder) => join(folder, 'go')).find((file) => existsSync(file)) ?? null;
}

function build(go: string, directory: string, binary: string): void {
  const env = { ...process.env, CGO_ENABLED: '0' };
  const run = (args: readonly string[], cwd: string) =>
    execFileSync(go, args, { cwd, encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
  const module = JSON.parse(run(['mod', 'download', '-json', `${MODULE}@${DTM_VERSION}`], directory));
  if (module.Sum !== SUM) throw new Error(`its module has the sum ${module.Sum} instead of ${SUM}`);
  // Go's copy cannot be written to.
  execFileSync('cp', ['-R', '--no-preserve=mode', `${module.Dir}/.`, directory]);
  const server = join(directory, 'dtmsvr/svr.go');
  writeFileSync(server, onLoopback(readFileSync(server, 'utf8')));
  mkdirSync(join(binary, '..'), { recursive: true });
  run(['build', '-o', binary, '.'], directory);
}

/** Its HTTP and its gRPC, which it offers to the whole network, whatever its settings. */
export function onLoopback(source: string): string {
  const parts = source.split(LISTENS_ON_ALL);
  if (parts.length !== 3) throw new Error('it does not listen in two places any more');
  return parts.join(LISTENS_ON_LOOPBACK);
}

/** What Go said last, in its JSON or on stderr, or else why it did not run. */
function reasonOf(error: unknown): string {
  const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string };
  const said = /"Error": "(.*)"/.exec(stdout ?? '')?.[1] ?? stderr?.trim();
  return (said || message).split('\n').at(-1) ?? '';
}

/**
 * With its own defaults, but for its ports, its store, its log and how many idle connections it keeps. By default it logs each
 * write and each answer; errors are left, and nobody reads them, since a saga that fails is one.
 */
export async function startDtmServer(
  binary: string,
  { socketPath }: Required<Pick<Store, 'socketPath'>>,
): Promise<{ readonly pid: number; readonly url: string }> {
  const [http, grpc] = [await freePort(), await freePort()];
  // It joins host and port by a colon, and its client takes what begins with a slash for a unix socket.
  symlinkSync(socketPath, `${socketPath}:1`);
  const directory = mkdtempSync(join(tmpdir(), 'bench-dtm-'));
  const child = spawn(binary, [], {
    cwd: directory,
    env: {
      STORE_DRIVER: 'redis',
      STORE_HOST: socketPath,
      STORE_PORT: '1',
      HTTP_PORT: String(http),
      GRPC_PORT: String(grpc),
      LOG_LEVEL: 'error',
      // It keeps one more idle connection to a host than this, and has no other setting for it.
      GOMAXPROCS: '16',
    },
    stdio: 'ignore',
  });
  keptIn(directory, child, 'SIGTERM');
  const url = `http://127.0.0.1:${http}`;
  await whenAnswered(child, [`${url}/api/ping`]);
  return { pid: pidOf(child), url };
}
