/** Where sagas fail: machine by machine, because steps of two machines that have one name are two steps. */
import type { Statistics } from '../stores/saga-store.ts';

const PREFIX = 'failures.';

/** How many sagas failed at which step, by machine; machines of which none did are left out. */
export function failuresByStep(
  counters: Statistics['counters'],
): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const all = Object.entries(counters).map(([machine, counts]) => [machine, failuresIn(counts)] as const);
  return Object.fromEntries(all.filter(([, failures]) => Object.keys(failures).length > 0));
}

/** The same of one machine's counters. */
export function failuresIn(counts: Readonly<Record<string, number>>): Record<string, number> {
  const failures = Object.entries(counts).filter(([name]) => name.startsWith(PREFIX));
  return Object.fromEntries(failures.map(([name, count]) => [name.slice(PREFIX.length), count]));
}
