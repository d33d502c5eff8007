/** The clocks of a fleet, set by hand: that of its Redis, and of each coordinator the wall clock and the monotonic one. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Member } from './fleet.ts';

interface Hands {
  /** By how much `Date` is wrong, and `performance.now`. */
  readonly wallMs?: number;
  readonly monotonicMs?: number;
  /** As that of a machine which is suspended, but for the process, which runs on. */
  readonly standsStill?: boolean;
}

export class Clocks {
  readonly #folder = mkdtempSync(join(tmpdir(), 'saga-clocks-'));
  readonly file = join(this.#folder, 'clocks.json');
  readonly #of: Record<string, Hands> = {};
  #storeMs = 0;

  constructor() {
    this.#write();
  }

  get storeMs(): number {
    return this.#storeMs;
  }

  /** For everybody in the same instant. */
  setStore(ms: number): void {
    this.#storeMs = ms;
    this.#write();
  }

  set(member: Member, hands: Hands): void {
    this.#of[member.name] = { ...this.#of[member.name], ...hands };
    this.#write();
    member.wind();
  }

  monotonicMs({ name }: Member): number {
    return this.#of[name]?.monotonicMs ?? 0;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** At once, since somebody may be reading it. */
  #write(): void {
    const draft = `${this.file}.new`;
    writeFileSync(draft, JSON.stringify({ storeMs: this.#storeMs, of: this.#of }));
    renameSync(draft, this.file);
  }
}
