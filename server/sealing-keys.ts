/** The keys by which records are sealed, as they are just now: those of a file are read again when it changes. */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { Keyring } from '../stores/sealing/keyring.ts';
import { readKeys } from '../stores/sealing/keys.ts';
import type { Keys } from '../stores/sealing/sealed-store.ts';
import { ConfigError } from './config.ts';
import type { Clock } from './engine/clock.ts';
import type { SealingSettings } from './sealing-settings.ts';

/** How often a file of keys is looked at. */
export const LOOK_EVERY_MS = 5_000;
/** Somebody who misses a key looks at once, but no more often. */
const LOOK_LEAST_MS = 1_000;

export interface KeySource extends Keys {
  /** Rises whenever there are other keys than before. */
  readonly generation: number;
  close(): void;
}

/** @throws ConfigError where there is none that could be used */
export async function openKeys(
  { keys, file }: SealingSettings,
  clock: Clock,
  logger: Logger,
): Promise<KeySource> {
  if (file === null) {
    const ring = new Keyring(keys === null ? [] : (readKeys(keys).keys ?? []));
    return { ring, generation: 0, refresh: async () => false, close: () => {} };
  }
  const source = new KeyFile(file, clock, logger);
  await source.begin();
  return source;
}

class KeyFile implements KeySource {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  ring = new Keyring([]);
  generation = 0;
  #text = '';
  #told = '';
  #lookedAt = 0;
  #looking: Promise<boolean> | null = null;
  #cancel: () => void = () => {};
  #isClosed = false;

  constructor(file: string, clock: Clock, logger: Logger) {
    this.#file = file;
    this.#clock = clock;
    this.#logger = logger;
  }

  async begin(): Promise<void> {
    await this.#look();
    if (this.#told !== '') throw new ConfigError([`SEALING_KEYS_FILE: ${this.#told}`]);
    this.#again();
  }

  #again(): void {
    if (this.#isClosed) return;
    this.#cancel = this.#clock.after(LOOK_EVERY_MS, () => {
      void this.#look().finally(() => this.#again());
    });
  }

  async refresh(): Promise<boolean> {
    if (this.#looking === null && this.#clock.monotonic() - this.#lookedAt < LOOK_LEAST_MS) return false;
    return this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #look(): Promise<boolean> {
    this.#looking ??= this.#read().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** What cannot be used leaves the keys as they are: a file may be looked at while it is written. */
  async #read(): Promise<boolean> {
    this.#lookedAt = this.#clock.monotonic();
    let text: string;
    try {
      text = await readFile(this.#file, 'utf8');
    } catch (error) {
      return this.#complain(`cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    }
    const { keys, problem } = readKeys(text);
    if (keys === null) return this.#complain(problem);
    this.#told = '';
    if (text === this.#text) return false;
    this.#text = text;
    this.ring = new Keyring(keys);
    this.generation += 1;
    this.#logger.info({ keys: this.ring.ids }, 'keys of sealed records: the first one seals');
    return true;
  }

  #complain(problem: string): false {
    if (problem !== this.#told && this.generation > 0)
      this.#logger.error({ problem }, 'SEALING_KEYS_FILE cannot be used: the keys stay as they were');
    this.#told = problem;
    return false;
  }
}
