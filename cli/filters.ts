/** Which sagas a command is about, where it is about many. */
import type { Schemas } from '../client/client.ts';
import type { Invocation, Options } from './command.ts';
import { secondsIn, timeIn } from './values.ts';

/** As the API has it, in seconds. */
const STUCK_FOR_MAX = 1e9;

export const FILTERS = {
  status: { value: 'STATUS', says: 'one of', choices: ['STARTED', 'COMPLETED', 'FAILED', 'ABORTED'] },
  state: { value: 'STATE', says: 'a state, with all states nested in it' },
  machine: { value: 'ID', says: 'of this machine' },
  label: { value: 'LABEL', says: 'what names the saga to a person' },
  'order-id': { value: 'ID', says: 'the label of an order' },
  'failed-step': { value: 'STEP', says: 'the step that failed' },
  error: { value: 'TEXT', says: 'stands in the reason why something is held' },
  cause: { value: 'KEY', says: 'parked for this cause, by its key in the ledger of what is held' },
  'stuck-for': { value: 'SPAN', says: 'has not moved for so long: 90s, 10m, 2h, 3d' },
  since: { value: 'TIME', says: 'begun at this time or later; 2h is two hours ago' },
  until: { value: 'TIME', says: 'begun before it' },
} as const satisfies Options;

/** As the API names them. */
export function filterIn(values: Invocation['values'], nowMs: number): Record<string, string> {
  const given = Object.keys(FILTERS).flatMap((option) => {
    const value = values[option];
    return typeof value === 'string' ? [[option.replaceAll('-', '_'), meant(option, value, nowMs)]] : [];
  });
  return Object.fromEntries(given);
}

/** The same as a body has it, which must say whether parked sagas are meant or those in flight. */
export function manyIn(
  values: Invocation['values'],
  nowMs: number,
  status: 'ABORTED' | 'STARTED' = 'ABORTED',
): Schemas['RetryFilter'] {
  const { stuck_for: stuckFor, ...named } = filterIn(values, nowMs);
  return { status, ...named, ...(stuckFor === undefined ? {} : { stuck_for: Number(stuckFor) }) };
}

function meant(option: string, value: string, nowMs: number): string {
  if (option === 'since' || option === 'until') return timeIn(`--${option}`, value, nowMs);
  return option === 'stuck-for' ? String(secondsIn('--stuck-for', value, STUCK_FOR_MAX)) : value;
}
