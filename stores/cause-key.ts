import { createHash } from 'node:crypto';

/** By it a cause is found again: its machine is part of it. */
export function causeKey(machine: string, digest: string): string {
  return createHash('sha256').update(`${machine}\n${digest}`).digest('hex').slice(0, 16);
}
