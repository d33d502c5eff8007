/** Puts back into its place what was sealed beside it; what no key opens is told, and stays as it was. */
import { parse } from '../../json/exact.ts';
import { type CauseCount, causeIn } from '../causes.ts';
import {
  type AuditEntry,
  type Held,
  type LogEntry,
  type Note,
  type Parked,
  type SagaListing,
  type SagaRecord,
  type SagaSummary,
  type Signal,
  UNKNOWN_HELD,
  UNREADABLE,
} from '../saga-store.ts';
import { isSealed, type Keyring } from './keyring.ts';
import { CAUSES, type EntrySaid, fieldOfEntry, fieldOfSignal, NO_SAGA, type SignalSaid } from './seal.ts';

/** Opens the texts of one saga. */
export class Opener {
  readonly #ring: Keyring;
  readonly #id: string;
  readonly #faults: string[] = [];
  /** Id of a key that is not here. */
  missing: string | null = null;

  constructor(ring: Keyring, id: string) {
    this.#ring = ring;
    this.#id = id;
  }

  /** `null` where it cannot be opened, which is noted. */
  #open(field: string, sealed: string, title = field): string | null {
    const opening = this.#ring.open(this.#id, field, sealed);
    if (opening.kind === 'opened') return opening.text;
    if (opening.kind === 'missing') this.missing ??= opening.key;
    this.#faults.push(`${title}: ${wordsOf(opening)}`);
    return null;
  }

  /** One that cannot be opened is answered as it is stored: whoever reads it finds that it is none of theirs. */
  note(note: Note): Note {
    return isSealed(note.text) ? { ...note, text: this.#open('note', note.text) ?? note.text } : note;
  }

  listing(listing: SagaListing): SagaListing {
    const summary = this.#summary(listing.summary);
    const parked = listing.parked && this.#parked(listing.parked);
    return this.#told({ ...listing, summary, parked });
  }

  record(record: SagaRecord): SagaRecord {
    const summary = this.#summary(record.summary);
    const parked = record.parked && this.#parked(record.parked);
    const { snapshot } = record;
    const opened = isSealed(snapshot) ? (this.#open('snapshot', snapshot) ?? snapshot) : snapshot;
    const signals = this.signals(record.signals);
    return this.#told({ ...record, summary, parked, snapshot: opened, signals });
  }

  #told<L extends SagaListing>(listing: L): L {
    if (this.#faults.length === 0) return listing;
    const before = listing.unreadable === null ? [] : [listing.unreadable];
    const unreadable = [...before, ...this.#faults].join('; ').slice(0, 500);
    return { ...listing, unreadable, ...(this.missing !== null && { keyMissing: this.missing }) };
  }

  #summary(summary: SagaSummary): SagaSummary {
    const { sealed, ...rest } = summary;
    if (sealed === undefined) return summary;
    const label = this.#open('label', sealed.label);
    return label === null ? summary : { ...rest, label };
  }

  #parked(parked: Parked): Parked {
    const { sealed, reason } = parked;
    if (sealed === undefined) return parked;
    const held = this.#open('held', sealed);
    // Never that nothing is held.
    return held === null ? { reason, held: UNKNOWN_HELD, sealed } : { reason, held: parse(held) as Held[] };
  }

  /** One whose key is not here stays sealed; one that nobody can open asks for nothing, and is answered. */
  signals(signals: readonly Signal[]): readonly Signal[] {
    return signals.some(({ sealed }) => sealed !== undefined)
      ? signals.map((one) => this.#signal(one))
      : signals;
  }

  #signal(signal: Signal): Signal {
    const { sealed, ...rest } = signal;
    if (sealed === undefined) return signal;
    const missing = this.missing;
    this.missing = null;
    const said = this.#open(fieldOfSignal(signal), sealed, 'signals');
    const isMissing = this.missing !== null;
    this.missing ??= missing;
    if (said !== null) return { ...rest, ...(JSON.parse(said) as SignalSaid) };
    return isMissing ? signal : { id: signal.id, kind: UNREADABLE, atMs: signal.atMs, by: '', reason: '' };
  }

  entry<E extends LogEntry>(entry: E): Omit<E, 'sealed'> {
    const { sealed, ...rest } = entry;
    if (sealed === undefined) return entry;
    const opening = this.#ring.open(this.#id, fieldOfEntry(entry), sealed);
    if (opening.kind === 'opened') return { ...rest, ...(JSON.parse(opening.text) as EntrySaid) };
    if (opening.kind === 'missing') this.missing ??= opening.key;
    return { ...rest, error: wordsOf(opening) };
  }
}

/** A cause, as people read it. */
export function openedCause(ring: Keyring, cause: CauseCount): CauseCount {
  const { error } = cause;
  if (error === null || !isSealed(error)) return cause;
  const opening = ring.open(...CAUSES, error);
  return opening.kind === 'opened'
    ? { ...cause, ...causeIn(opening.text) }
    : { ...cause, error: wordsOf(opening) };
}

/** An entry of the audit, as people read it. */
export function openedAct(ring: Keyring, entry: AuditEntry): AuditEntry {
  const { sealed, ...rest } = entry;
  const { saga_id: saga, request, action } = entry;
  if (sealed === undefined || request === null) return entry;
  const opening = ring.open(saga ?? NO_SAGA, fieldOfSignal({ id: request }), sealed);
  if (opening.kind !== 'opened') return { ...rest, reason: wordsOf(opening) };
  const { by = '', reason = '', step = null } = JSON.parse(opening.text) as SignalSaid;
  return { ...rest, by, reason: action === 'event' ? '' : reason, step };
}

/** Why a sealed text cannot be read. */
function wordsOf(
  opening: { readonly kind: 'missing'; readonly key: string } | { readonly kind: 'refused' },
): string {
  return opening.kind === 'missing'
    ? `it was sealed with key "${opening.key}", which is not here`
    : 'it was changed since it was sealed, or belongs elsewhere';
}
