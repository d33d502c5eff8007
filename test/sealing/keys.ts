/** Keys of tests: the same for the same id. */
import { createHash } from 'node:crypto';
import { Keyring, type SealingKey } from '../../stores/sealing/keyring.ts';
import type { Keys } from '../../stores/sealing/sealed-store.ts';

export function keyOf(id: string): SealingKey {
  return { id, secret: createHash('sha256').update(id).digest() };
}

/** As a file of keys has it. */
export function lineOf(id: string): string {
  return `${id}:${Buffer.from(keyOf(id).secret).toString('base64')}`;
}

export function ringOf(...ids: readonly string[]): Keyring {
  return new Keyring(ids.map(keyOf));
}

/** Keys that are changed by hand, and found by whoever misses one. */
export class HandKeys implements Keys {
  ring: Keyring;
  generation = 0;
  /** What is found when it is looked for. */
  coming: readonly string[] | null = null;

  constructor(...ids: readonly string[]) {
    this.ring = ringOf(...ids);
  }

  set(...ids: readonly string[]): void {
    this.ring = ringOf(...ids);
    this.generation += 1;
  }

  async refresh(): Promise<boolean> {
    if (this.coming === null) return false;
    this.set(...this.coming);
    this.coming = null;
    return true;
  }
}
