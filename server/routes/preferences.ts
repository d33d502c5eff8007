/** What a client asks for in headers: how long to wait (RFC 7240), and under which key (the IETF draft). */
import { elementsIn } from '../header-lists.ts';
import { Problem } from '../problem.ts';

/** Nobody holds a connection longer than this; the saga goes on by itself anyway. */
export const WAIT_MAX_SECONDS = 120;

export interface Preference {
  readonly waitMs: number;
  /** What was honoured, for `Preference-Applied`; `null` where nothing was asked for. */
  readonly applied: string | null;
}

/**
 * `respond-async` answers at once; with `wait=N` it answers after N seconds at the latest. Others are ignored, and so are
 * parameters; of several `wait` that can be read the first counts.
 */
export function preferenceOf(header: string | undefined, defaultWaitMs: number): Preference {
  const asked = header === undefined ? [] : elementsIn(header).flatMap(([preference]) => preference ?? []);
  const wait = asked.find(({ name, value }) => name === 'wait' && /^\d{1,9}$/.test(value));
  if (wait !== undefined) {
    const seconds = Math.min(Number(wait.value), WAIT_MAX_SECONDS);
    return { waitMs: seconds * 1000, applied: `wait=${seconds}` };
  }
  // An empty value is none, as RFC 7240 has it.
  return asked.some(({ name, value }) => name === 'respond-async' && value === '')
    ? { waitMs: 0, applied: 'respond-async' }
    : { waitMs: defaultWaitMs, applied: null };
}

/** As the document says it; `idempotencyKeyOf` takes what fits. */
export const KEY_PATTERN = String.raw`^([!#-+\--\[\]-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$`;

/**
 * The key between the quotes of the draft's string, or bare. `null` where the client sent none. A bare key has no comma
 * and no space: two headers arrive as one with a comma between them.
 */
export function idempotencyKeyOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  const inside = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header.trim())?.[1];
  const quoted = inside?.includes('\\') ? inside.replace(/\\(["\\])/g, '$1') : inside;
  const key = quoted ?? header.trim();
  if (!/^[\x20-\x7e]{1,255}$/.test(key) || (quoted === undefined && /[",\\ ]/.test(key))) {
    throw new Problem(
      'invalid-header',
      'Idempotency-Key must be a string of 1 to 255 printable ASCII characters',
    );
  }
  return key;
}
