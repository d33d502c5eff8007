/** Where log lines go: together, and lost rather than waited for where nobody reads them any more. */
import fs from 'node:fs';
import { pino } from 'pino';

const LOG_FLUSH_MS = 50;
/** What POSIX systems write to a pipe without another writer's bytes in between: PIPE_BUF on Linux. */
const PIPE_PIECE_BYTES = 4096;

type Destination = ReturnType<typeof pino.destination>;

/** @param isShared other processes write to the same file: their lines must not mix */
export function logDestination(fd: number, isShared: boolean): Destination {
  // Lines leave together, at most LOG_FLUSH_MS late; what a process that is killed had not yet written is lost with it.
  const destination = pino.destination({
    dest: fd,
    sync: false,
    minLength: 4096,
    // Only so much is written to a pipe in one piece. (Only a single line that is longer than that can still mix.)
    ...(isShared && { minLength: PIPE_PIECE_BYTES / 2, maxWrite: PIPE_PIECE_BYTES }),
    periodicFlush: LOG_FLUSH_MS,
  });
  const flushSync = destination.flushSync.bind(destination);
  destination.flushSync = () => losingWhatFails(flushSync);
  return destination;
}

/**
 * When a process ends pino has its last lines written by sonic-boom's `flushSync`, which tries again for ever whatever has
 * failed: where the reader of a pipe is gone (EPIPE) the process would never end.
 */
function losingWhatFails(flushSync: () => void): void {
  const { writeSync } = fs;
  fs.writeSync = ((fd: number, data: string | Uint8Array) => {
    try {
      return typeof data === 'string' ? writeSync(fd, data, null, 'utf8') : writeSync(fd, data);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN' || code === 'EBUSY') throw error;
      return Buffer.byteLength(data);
    }
  }) as typeof writeSync;
  try {
    flushSync();
  } finally {
    fs.writeSync = writeSync;
  }
}
