/**
 * How the causes of what is parked are counted in a partition: by fields of its counters, which every script that parks a saga or
 * takes it up again changes as it changes all counters (lua/books.lua).
 *
 * | field | holds |
 * |---|---|
 * | `parked:<key>` | how many sagas are parked for the cause |
 * | `parked:<key>:<name>` | a sum of what they hold |
 * | `cause:<key>` | machine and cause, as text |
 * | `seen:<key>` | since when there is one, and when one was parked last |
 *
 * A saga's record has in `cause` what was counted of it: key, text of the cause, then fields and numbers, one a line.
 */
import { causeKey } from '../cause-key.ts';
import { type CauseCount, type Counted, causeIn, countedOf } from '../causes.ts';
import type { Parked } from '../saga-store.ts';

/** Fields of a partition's counters from which on new causes are counted together, by step. */
export const CAUSE_FIELDS_MAX = 1_500;

/** The texts of a saga that parks: of its own cause, and of what stands for it where there are too many. */
export function encodeCauses(machine: string, parked: Parked): readonly [own: string, other: string] {
  const counted = parked.counted ?? countedOf(parked);
  return [encode(machine, counted, counted.sums), encode(machine, counted.other, counted.sums)];
}

function encode(
  machine: string,
  { digest, about }: Pick<Counted, 'digest' | 'about'>,
  sums: Counted['sums'],
): string {
  const key = causeKey(machine, digest);
  const fields = Object.entries(sums).flatMap(([name, n]) => [`parked:${key}:${name}`, String(n)]);
  return [key, `${encodeURIComponent(machine)} ${about}`, `parked:${key}`, '1', ...fields].join('\n');
}

/** The key in a record's `cause`; nothing where it has none. */
export function causeKeyIn(text: string | undefined | null): string | undefined {
  return text ? text.slice(0, text.indexOf('\n')) : undefined;
}

/** What a member of the index of parked sagas begins with. */
export function memberBegins(key: string): string {
  return `${key} `;
}

/** Of a field of the counters, whether it is of a cause. */
export function isOfCause(field: string): boolean {
  return /^(parked|cause|seen):/.test(field);
}

interface Sum {
  machine: string;
  about: string;
  n: number;
  firstMs: number;
  lastMs: number;
  readonly sums: Record<string, number>;
}

/** The causes of several partitions, each once. */
export function causesIn(partitions: readonly Readonly<Record<string, string>>[]): CauseCount[] {
  const all = new Map<string, Sum>();
  for (const fields of partitions) for (const [name, text] of Object.entries(fields)) add(all, name, text);
  return [...all].flatMap(([key, { machine, about, ...sum }]) =>
    // What is left of a script that was cut off counts nothing.
    sum.n > 0 ? [{ ...causeIn(about), ...sum, key, machine }] : [],
  );
}

function add(all: Map<string, Sum>, field: string, text: string): void {
  const [what, key = '', name] = field.split(':');
  if (!isOfCause(field)) return;
  const cause = all.get(key) ?? { machine: '', about: '', n: 0, firstMs: Infinity, lastMs: 0, sums: {} };
  all.set(key, cause);
  if (what === 'cause') {
    const space = text.indexOf(' ');
    cause.machine = decoded(text.slice(0, space));
    cause.about = text.slice(space + 1);
  } else if (what === 'seen') {
    const [first = 0, last = 0] = text.split(' ').map(Number);
    cause.firstMs = Math.min(cause.firstMs, first);
    cause.lastMs = Math.max(cause.lastMs, last);
  } else if (Number.isSafeInteger(Number(text))) {
    if (name === undefined) cause.n += Number(text);
    else if (Number(text) !== 0) cause.sums[name] = (cause.sums[name] ?? 0) + Number(text);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
