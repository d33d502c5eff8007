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
  });
  const { allWritten } = flushingSoon(destination);
  const flushSync = destination.flushSync.bind(destination);
  destination.flushSync = () => {
    losingWhatFails(flushSync);
    allWritten();
  };
  return destination;
}

/**
 * Has lines written LOG_FLUSH_MS after the first of them. sonic-boom's `periodicFlush` goes on where there are none: twenty
 * times a second it has a thread write nothing.
 */
function flushingSoon(destination: Destination): { allWritten(): void } {
  const write = destination.write.bind(destination);
  let unwritten = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    timer = undefined;
    if (unwritten > 0) destination.flush();
  };
  const flushSoon = () => {
    timer ??= setTimeout(flush, LOG_FLUSH_MS).unref();
  };
  destination.write = (line) => {
    unwritten += Buffer.byteLength(line);
    flushSoon();
    return write(line);
  };
  destination.on('write', (bytes) => {
    unwritten -= bytes;
  });
  // A flush does nothing while a write is under way.
  destination.on('drain', () => {
    if (unwritten > 0) flushSoon();
  });
  destination.on('close', () => clearTimeout(timer));
  return {
    allWritten: () => {
      unwritten = 0;
    },
  };
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
