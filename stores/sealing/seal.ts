/** What a record has to hide, put out of its place and sealed beside it: what the store reads, indexes and counts stays as it is. */
import { stringify } from '../../json/exact.ts';
import { type Counted, countedOf, sumIn } from '../causes.ts';
import {
  type Act,
  type Deed,
  type LogEntry,
  type Next,
  type Parked,
  type SagaSummary,
  type Signal,
  type Term,
  UNKNOWN_HELD,
  type Write,
} from '../saga-store.ts';
import { isSealed, type Keyring } from './keyring.ts';

/**
 * `secrets`: what a definition may have declared to be secret, which stands in the snapshot, and in what events and outcomes bring.
 * `whole`: all that tells of the business, so label, log and what is held too.
 */
export type Depth = 'secrets' | 'whole';

/** What a create, a commit and a migration have in common here. */
type Written = Pick<Write, 'snapshot' | 'summary' | 'entry'> &
  Partial<Pick<Write, 'earlier' | 'next' | 'signalsLeft' | 'acts' | 'terms'>>;

/** What was read sealed and could not be opened is written back as it was read. */
export function sealWrite<W extends Written>(ring: Keyring, depth: Depth, id: string, write: W): W {
  const { snapshot, summary, entry, earlier, next, signalsLeft, acts, terms } = write;
  const isWhole = depth === 'whole';
  return {
    ...write,
    snapshot: isSealed(snapshot) ? snapshot : ring.seal(id, 'snapshot', snapshot),
    ...(terms && { terms: terms.map((one) => sealTerm(ring, one)) }),
    ...(signalsLeft && { signalsLeft: signalsLeft.map((one) => sealSignal(ring, depth, id, one)) }),
    ...(isWhole && { summary: sealSummary(ring, id, summary), entry: sealEntry(ring, id, entry) }),
    ...(isWhole && earlier && { earlier: earlier.map((one) => sealEntry(ring, id, one)) }),
    ...(isWhole && next?.kind === 'park' && { next: sealNext(ring, id, next) }),
    ...(isWhole && acts && { acts: acts.map((one) => sealAct(ring, id, one)) }),
  };
}

/** Whatever else stays plain: of the facts, which are sealed, a hash without a key would tell those that can be guessed. */
export function sealTerm(ring: Keyring, { name, value }: Term): Term {
  return { name, value: ring.hash(value) };
}

/** As the request stands in the mailbox, but for what it brings, of which the audit does not tell. */
function sealAct(ring: Keyring, id: string, act: Act): Act {
  const { payload: _, ...signal } = act.signal;
  // Of whichever kind: that stays open.
  return { ...act, signal: sealSignal(ring, 'whole', id, signal as Signal) as Act['signal'] };
}

function sealSummary(ring: Keyring, id: string, summary: SagaSummary): SagaSummary {
  const { label, sealed } = summary;
  if (label === null || sealed !== undefined) return summary;
  return { ...summary, label: null, sealed: ring.sealLabel(id, label) };
}

/** What of an entry a participant, a client or a person has said. */
export type EntrySaid = Pick<LogEntry, 'error' | 'answer' | 'by' | 'reason'> & { readonly step?: string };

function sealEntry(ring: Keyring, id: string, entry: LogEntry): LogEntry {
  const { error, answer, by, reason, step, ...rest } = entry;
  // The address of an item holds its key, which comes from the saga's data.
  const isItem = step?.includes('/') === true;
  const isSaid = error !== null || [answer, by, reason].some((one) => one !== undefined);
  if (!isSaid && !isItem) return entry;
  const said = { error, answer, by, reason, ...(isItem && { step }) };
  const sealed = ring.seal(id, fieldOfEntry(entry), JSON.stringify(said));
  return { ...rest, step: isItem ? null : step, error: null, sealed };
}

/** No entry's words can be put under another. */
export function fieldOfEntry({ at, event, from, to }: LogEntry): string {
  return `log ${at} ${event} ${from} ${to}`;
}

function sealNext(ring: Keyring, id: string, next: Next & { readonly kind: 'park' }): Next {
  return { kind: 'park', parked: sealParked(ring, id, next.parked) };
}

function sealParked(ring: Keyring, id: string, parked: Parked): Parked {
  const { reason, held, sealed } = parked;
  // It tells nothing, and whoever parks a saga for a key that is not there must not lock it a second time.
  if (held === UNKNOWN_HELD && sealed === undefined) return parked;
  const counted = sealCounted(ring, parked.counted ?? countedOf(parked));
  return { reason, held: [], sealed: sealed ?? ring.seal(id, 'held', stringify(held)), counted };
}

/** A cause belongs to no saga. What is held is counted, but how much it comes to is nobody's business who reads the store. */
function sealCounted(ring: Keyring, { digest, about, other, sums }: Counted): Counted {
  const sealed = (one: Counted['other']) => ({
    digest: ring.hash(one.digest),
    about: ring.seal(...CAUSES, one.about),
  });
  const kinds = Object.entries(sums).filter(([name]) => sumIn(name).unit === null);
  return { ...sealed({ digest, about }), other: sealed(other), sums: Object.fromEntries(kinds) };
}

/** In place of a saga and its field. */
export const CAUSES = ['causes', 'cause'] as const;

/** A parked saga as it is counted. */
export function sealedCause(ring: Keyring, parked: Parked): Parked {
  return { ...parked, counted: sealCounted(ring, countedOf(parked)) };
}

/** What of a signal its sender has said. */
export type SignalSaid = Partial<Pick<Signal, 'by' | 'reason' | 'step' | 'payload'>>;

export function sealSignal(ring: Keyring, depth: Depth, id: string, signal: Signal): Signal {
  const { by, reason, step, payload, sealed, ...rest } = signal;
  if (sealed !== undefined || (depth === 'secrets' && payload === undefined)) return signal;
  const said = depth === 'whole' ? { by, reason, step, payload } : { payload };
  const open =
    depth === 'whole' ? { by: '', reason: '' } : { by, reason, ...(step !== undefined && { step }) };
  return { ...rest, ...open, sealed: ring.seal(id, fieldOfSignal(signal), JSON.stringify(said)) };
}

/** In place of a saga, where a deed belongs to none. */
export const NO_SAGA = 'no saga';

/** Of a deed its own words are hidden where all that tells of the business is. */
export function sealDeed(ring: Keyring, depth: Depth, deed: Deed): Deed {
  if (depth !== 'whole') return deed;
  const { by, reason, request } = deed;
  const sealed = ring.seal(NO_SAGA, fieldOfSignal({ id: request }), JSON.stringify({ by, reason }));
  return { ...deed, by: '', reason: '', sealed };
}

export function fieldOfSignal({ id }: Pick<Signal, 'id'>): string {
  return `signal ${id}`;
}
