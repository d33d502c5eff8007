/** Which sagas a command is about, where it is about many. */
import type { Invocation, Options } from './command.ts';

export const FILTERS = {
  status: { value: 'STATUS', says: 'one of', choices: ['STARTED', 'COMPLETED', 'FAILED', 'ABORTED'] },
  state: { value: 'STATE', says: 'a state, with all states nested in it' },
  machine: { value: 'ID', says: 'of this machine' },
  label: { value: 'LABEL', says: 'what names the saga to a person' },
  'order-id': { value: 'ID', says: 'the label of an order' },
  'failed-step': { value: 'STEP', says: 'the step that failed' },
  error: { value: 'TEXT', says: 'stands in the reason why something is held' },
  'stuck-for': { value: 'SECONDS', says: 'has not moved for so long' },
  since: { value: 'TIME', says: 'begun at this time or later' },
  until: { value: 'TIME', says: 'begun before it' },
} as const satisfies Options;

/** As the API names them. */
export function filterIn(values: Invocation['values']): Record<string, string> {
  const given = Object.keys(FILTERS).flatMap((option) => {
    const value = values[option];
    return typeof value === 'string' ? [[option.replaceAll('-', '_'), value]] : [];
  });
  return Object.fromEntries(given);
}
