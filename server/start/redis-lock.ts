/**
 * The lock that keeps a second redis-server off an append-only file, which two writers would ruin.
 *
 * It is taken by the very process that becomes the redis-server, just before it does, so it names one pid from first
 * to last: nobody can die between starting a server and noting its pid. It is never given back, only found to belong
 * to a dead process. Everything here is synchronous and runs in microseconds.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How the script ends when the lock is another's. */
export const LOCK_HELD = 75;

/**
 * For `sh -c`, in the lock's folder; `$0` is the program to become, `$1` a nonce, the rest the program's arguments.
 * A lock that is made by a link appears with its content or not at all, and only one of many links succeeds.
 */
export const LOCK_AND_BECOME = `
trap 'rm -f "redis.lock.$1"; exit ${LOCK_HELD}' TERM
echo "$$ $1" >"redis.lock.$1" || exit 74
ln "redis.lock.$1" redis.lock 2>/dev/null && held=yes
rm -f "redis.lock.$1"
[ "$held" ] || exit ${LOCK_HELD}
shift
exec "$0" "$@"`;

interface Lock {
  readonly path: string;
  /** Unique to this lock for ever, unlike its path and the pid in it. */
  readonly text: string;
  readonly pid: number;
  readonly nonce: string;
}

/** The pid of whoever holds the folder's lock. A lock that is left of a dead process is removed on the way. */
export function lockHolder(folder: string): number | null {
  const lock = readLock(join(folder, 'redis.lock'));
  if (lock === null) return null;
  if (worksIn(lock.pid, folder)) return lock.pid;
  removeDead(lock);
  return null;
}

/**
 * Removes a dead process's lock, and never a newer one that came to stand in its place: whoever removes first takes
 * a lock on this very lock, and only then looks whether it still stands. Whoever dies doing so is cleared away
 * in the same manner.
 */
function removeDead(lock: Lock): void {
  const right = `${lock.path}.${lock.nonce}.removing`;
  if (!createLock(right)) {
    const other = readLock(right);
    if (other !== null && !lives(other.pid)) removeDead(other);
    return;
  }
  if (readLock(lock.path)?.text === lock.text) rmSync(lock.path, { force: true });
  rmSync(right, { force: true });
}

function createLock(path: string): boolean {
  const nonce = randomUUID();
  const whole = `${path}.${nonce}`;
  writeFileSync(whole, `${process.pid} ${nonce}\n`);
  try {
    linkSync(whole, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(whole);
  }
}

/** A lock that a power cut left empty reads as nobody's. */
function readLock(path: string): Lock | null {
  try {
    const text = readFileSync(path, 'utf8');
    const [, pid = '0', nonce = 'torn'] = /^(\d{1,10}) ([\w-]{1,64})\n$/.exec(text) ?? [];
    return { path, text, pid: Number(pid), nonce };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Whether the process lives and is not just a stranger to whom the system gave the same pid, as happens after a
 * reboot and in every container. Where the system does not show what a process works on, a living pid is believed.
 */
function worksIn(pid: number, folder: string): boolean {
  if (!lives(pid)) return false;
  if (process.platform !== 'linux') return true;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(folder);
  } catch {
    return false;
  }
}

function lives(pid: number): boolean {
  // To the system, 0 means a whole process group.
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
