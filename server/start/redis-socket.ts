/** What can be learnt of a Redis at a unix socket without a client: who answers, and when it is gone. */
import { connect } from 'node:net';
import { relative } from 'node:path';

const ANSWER_MS = 2_000;

/** The kernel's `sun_path`, less its closing zero byte. */
const SOCKET_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103;

export type Answer =
  | {
      readonly state: 'ready';
      readonly pid: number;
      /** Connections that are open, but for the one that asked. */
      readonly others: number;
    }
  /** It reads its append-only file. */
  | { readonly state: 'loading' }
  /** Something listens there and does not answer in time, or not as a Redis does. */
  | { readonly state: 'silent' }
  /** Nobody listens, whether or not a socket was left there. */
  | { readonly state: 'absent' };

const NOBODY = new Set(['ENOENT', 'ECONNREFUSED']);

/** @throws the socket's error where asking is not permitted */
export function askRedis(socketPath: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let said = '';
    const settle = (answer: Answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => settle({ state: 'silent' }));
    // After QUIT the server closes the connection, so the answer is whole when it ends and needs no parser.
    socket.once('connect', () => socket.write('PING\r\nINFO server\r\nINFO clients\r\nQUIT\r\n'));
    socket.on('data', (text) => {
      said += text;
    });
    socket.once('end', () => settle(understood(said)));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (NOBODY.has(error.code ?? '')) return settle({ state: 'absent' });
      if (error.code === 'EACCES' || error.code === 'EPERM') return reject(error);
      settle({ state: 'silent' });
    });
  });
}

function understood(said: string): Answer {
  if (said.startsWith('-LOADING')) return { state: 'loading' };
  const pid = Number(/^process_id:(\d+)/m.exec(said)?.[1] ?? 0);
  const clients = Number(/^connected_clients:(\d+)/m.exec(said)?.[1] ?? 1);
  return said.startsWith('+PONG') && pid > 0
    ? { state: 'ready', pid, others: clients - 1 }
    : { state: 'silent' };
}

/** Calls back once when the server at the socket is gone, unless the signal aborts first. Keeps no process alive. */
export function whenGone(socketPath: string, gone: () => void, signal: AbortSignal): void {
  const socket = connect(socketPath);
  socket.unref();
  socket.on('error', () => {});
  socket.resume();
  socket.once('close', () => {
    if (!signal.aborted) gone();
  });
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
}

/**
 * A path under which the socket can be reached from here. The absolute one means the same in every process, but the
 * kernel takes only short ones; then one from the working directory may do.
 */
export function reachablePath(path: string): string {
  const fits = (candidate: string) => Buffer.byteLength(candidate) <= SOCKET_PATH_BYTES_MAX;
  const found = [path, relative(process.cwd(), path)].find(fits);
  if (found !== undefined) return found;
  throw new Error(
    `the path of the private Redis's socket has ${Buffer.byteLength(path)} bytes, and the system takes at most ` +
      `${SOCKET_PATH_BYTES_MAX}; set DATA_DIR to a shorter path: ${path}`,
  );
}
