/** Plays the table of docs/participants.md against a running service, in whatever language it is written. */
import { type Bench, PROMISES, type Promised } from './promises.ts';
import { Broken, Service, UnansweredError, type VerifyOptions } from './service.ts';

export interface Verdict {
  /** The promise, in a word or two that never change. */
  readonly name: string;
  /** The promise in words. */
  readonly promise: string;
  /** `null` where it could not be asked. */
  readonly holds: boolean | null;
  /** How it was broken, or why it was not asked; empty where it holds. */
  readonly why: string;
}

export interface Verified {
  /** Whether no promise was broken. */
  readonly holds: boolean;
  readonly verdicts: readonly Verdict[];
}

/**
 * ```ts
 * const { verdicts } = await verifyParticipant({ url, action: '/pay', undo: '/refund', body, probe: '/totals' });
 * expect(verdicts.filter(({ holds }) => holds === false)).toEqual([]);
 * ```
 *
 * Some ten effects happen there, of which half are undone; nobody else may use the service meanwhile.
 *
 * @throws TypeError where an option is wrong
 * @throws UnansweredError where nobody answers the first call
 */
export async function verifyParticipant(options: VerifyOptions): Promise<Verified> {
  const service = new Service(options);
  mustBeObject('body', options.body);
  if (options.refused !== undefined) mustBeObject('refused', options.refused);
  const bench: Bench = { service, done: null, undone: null, oddUndos: [] };
  const verdicts: Verdict[] = [];
  // One after the other, because each looks at what has changed.
  for (const promised of PROMISES) verdicts.push(await verdictOn(promised, bench, verdicts.length === 0));
  return { holds: verdicts.every(({ holds }) => holds !== false), verdicts };
}

async function verdictOn(
  { name, says, lacks, play }: Promised,
  bench: Bench,
  isFirst: boolean,
): Promise<Verdict> {
  const lacking = lacks?.(bench.service) ?? null;
  if (lacking !== null) return { name, promise: says, holds: null, why: lacking };
  try {
    await play(bench);
    return { name, promise: says, holds: true, why: '' };
  } catch (error) {
    const isTold = error instanceof Broken || (error instanceof UnansweredError && !isFirst);
    if (!isTold) throw error;
    return { name, promise: says, holds: false, why: error.message };
  }
}

function mustBeObject(option: string, text: string): void {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  } catch {
    // Said below: to the caller it is the same.
  }
  throw new TypeError(`${option} is not a JSON object`);
}
