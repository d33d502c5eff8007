/** What of sagas is kept sealed, and by which keys, from the environment. */
import { readFileSync } from 'node:fs';
import { readKeys } from '../stores/sealing/keys.ts';
import type { SealingOptions } from '../stores/sealing/sealed-store.ts';

export interface SealingSettings {
  readonly depth: SealingOptions['depth'];
  /** The keys themselves; a secret. `null` where they stand in a file, or there are none. */
  readonly keys: string | null;
  /** Is read again when it changes. */
  readonly file: string | null;
}

export const NOT_SEALED: SealingSettings = { depth: 'off', keys: null, file: null };

/** @param complain is told what cannot be used */
export function readSealing(
  given: SealingSettings['depth'] | undefined,
  keys: string | undefined,
  file: string | undefined,
  complain: (variable: string, problem: string) => void,
): SealingSettings {
  if (keys === undefined && file === undefined) {
    if (given !== undefined && given !== 'off')
      complain('SEALING', 'there is no key to seal with; set SEALING_KEYS_FILE or SEALING_KEYS');
    return NOT_SEALED;
  }
  const depth = given ?? 'secrets';
  if (keys !== undefined && file !== undefined)
    complain('SEALING_KEYS', 'stands here and in a file; leave one of them out');
  const text = keys ?? textOf(file ?? '', (problem) => complain('SEALING_KEYS_FILE', problem));
  const problem = text === null ? null : readKeys(text).problem;
  if (problem !== null) complain(keys === undefined ? 'SEALING_KEYS_FILE' : 'SEALING_KEYS', problem);
  return { depth, keys: keys ?? null, file: file ?? null };
}

function textOf(file: string, complain: (problem: string) => void): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    complain(`cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    return null;
  }
}
