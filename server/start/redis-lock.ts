/**
 * The lock that keeps a second redis-server off an append-only file, which two writers would ruin.
 *
 * It is taken by the very process that becomes the redis-server, just before it does, so it names one pid from first
 * to last: nobody can die between starting a server and noting its pid. It is never given back, only found to belong
 * to a dead process. Everything here is synchronous and runs in microseconds.
 */
import { readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { lives, readLock, removeDead } from './lock-file.ts';

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

/** The pid of whoever holds the folder's lock. A lock that is left of a dead process is removed on the way. */
export function lockHolder(folder: string): number | null {
  const lock = readLock(join(folder, 'redis.lock'));
  if (lock === null) return null;
  if (worksIn(lock.pid, folder)) return lock.pid;
  removeDead(lock);
  return null;
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
