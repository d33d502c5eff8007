/**
 * Files by which processes of one machine keep off each other's ground. Each names the pid of its holder. It appears with its
 * content or not at all, one of many that come at once succeeds, and what is left of a dead process is removed without
 * ever removing a newer one. Everything here is synchronous and runs in microseconds.
 */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

export interface Lock {
  readonly path: string;
  /** Unique to this lock for ever, unlike its path and the pid in it. */
  readonly text: string;
  readonly pid: number;
  readonly nonce: string;
}

/**
 * Removes a dead process's lock, and never a newer one that came to stand in its place: whoever removes first takes
 * a lock on this very lock, and only then looks whether it still stands. Whoever dies doing so is cleared away
 * in the same manner.
 */
export function removeDead(lock: Lock): void {
  const right = `${lock.path}.${lock.nonce}.removing`;
  if (!createLock(right)) {
    const other = readLock(right);
    if (other !== null && !lives(other.pid)) removeDead(other);
    return;
  }
  if (readLock(lock.path)?.text === lock.text) rmSync(lock.path, { force: true });
  rmSync(right, { force: true });
}

/** `nonce` as in `Lock`. Answers whether it is ours now. */
export function createLock(path: string, nonce: string = randomUUID()): boolean {
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
export function readLock(path: string): Lock | null {
  try {
    const text = readFileSync(path, 'utf8');
    const [, pid = '0', nonce = 'torn'] = /^(\d{1,10}) ([\w-]{1,64})\n$/.exec(text) ?? [];
    return { path, text, pid: Number(pid), nonce };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export function lives(pid: number): boolean {
  // To the system, 0 means a whole process group.
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
