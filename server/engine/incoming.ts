/** Takes what comes to a saga from outside, an event or an asynchronous participant's outcome, and puts it into its mailbox. */
import { stringify } from '../../json/exact.ts';
import { type Answer, defined, faultIn, type Registry } from '../../machines/index.ts';
import type { NumberedEntry, SagaRecord, SagaStore, Signal } from '../../stores/saga-store.ts';
import type { OutsideEvent, Reported, ReportResult, SendResult } from './contract.ts';
import { isPossible } from './decide.ts';
import { type Found, LOOKS_MAX, lookAt } from './operate.ts';

/** Events of one saga that no state has consumed yet: all of them are written with each of its commits. */
export const INBOX_MAX = 50;
/** Of an event's data as JSON text. */
const EVENT_BYTES_MAX = 65_536;

/**
 * What was put there, at which of the saga's entries, and whether it has an owner who must learn of it; `null` where it was there
 * before.
 */
export type Put = { readonly signal: Signal; readonly seq: number; readonly isFree: boolean } | null;
type Accepted<Kind = 'accepted'> = { readonly kind: Kind; readonly put: Put };
type Sent = Exclude<SendResult, { kind: 'accepted' }> | Accepted;
type ReportSent =
  | Exclude<ReportResult, { kind: 'accepted' | 'repeated' | 'noted' }>
  | { readonly kind: 'repeated' }
  | Accepted<'accepted' | 'noted'>;

/** @throws DefinitionError where what the definition says of the event fails */
export function send(
  store: SagaStore,
  registry: Registry,
  id: string,
  event: OutsideEvent,
  atMs: number,
): Promise<Sent> {
  // By its own id, so that a repeat is known; and unlike those of operators' requests.
  const signalId = `event/${event.id}`;
  return repeatedly<Sent>(store, registry, id, ({ record, machine, snapshot }) => {
    const { inbox = [], eventIds = [] } = snapshot.context;
    const isKnown = eventIds.includes(signalId) || record.signals.some((one) => one.id === signalId);
    if (isKnown) return { kind: 'accepted', put: null };
    if (isEnded(record)) return { kind: 'ended', status: record.status };
    const part = machine.events.get(event.name);
    if (part === undefined) return { kind: 'unknown-event', events: [...machine.events.keys()] };
    const read = defined(event.name, 'the data', () => part.data.safeParse(event.data));
    if (!read.success) return { kind: 'invalid', issues: read.error.issues };
    const payload = stringify(read.data);
    if (Buffer.byteLength(payload) > EVENT_BYTES_MAX) return { kind: 'too-large', bytesMax: EVENT_BYTES_MAX };
    const coming = record.signals.filter(({ kind }) => kind === 'event').length;
    if (inbox.length + coming >= INBOX_MAX) return { kind: 'full' };
    const { name, actor, by = '' } = event;
    const signal = { id: signalId, kind: 'event', atMs, by, reason: name, name, payload } as const;
    return actor === undefined ? signal : { ...signal, actor };
  });
}

/** What is not expected is put there all the same, so that the saga's log tells of it. */
export async function report(
  store: SagaStore,
  registry: Registry,
  id: string,
  { step, attempt, ...reported }: Reported,
  atMs: number,
): Promise<ReportSent> {
  // By what it is about, so that a repeat is known.
  const signalId = `outcome/${step}/${attempt}`;
  let isExpected = false;
  const sent = await repeatedly<ReportSent>(store, registry, id, async (found) => {
    const { record, machine } = found;
    const known = machine.steps.find(({ name }) => name === step);
    if (known?.asynchronous === undefined) return { kind: 'unknown-step', state: record.summary.state };
    const isTold = (one: NumberedEntry) =>
      one.event === 'outcome' && one.step === step && one.attempt === attempt;
    if (record.signals.some((one) => one.id === signalId) || (await store.log(id)).some(isTold))
      return { kind: 'repeated' };
    if (isEnded(record)) return { kind: 'ended', status: record.status };
    const fault = reported.outcome === 'done' ? faultIn(known.action.answer, reported.answer) : null;
    if (fault !== null) return { kind: 'invalid', fault };
    const payload = stringify(
      reported.outcome === 'done' ? reported.answer : ({ error: reported.error } as Answer),
    );
    const { outcome } = reported;
    const signal = {
      id: signalId,
      kind: 'outcome',
      atMs,
      by: '',
      reason: '',
      step,
      attempt,
      outcome,
      payload,
    } as const;
    isExpected = isPossible(machine, found, record.status, signal);
    return signal;
  });
  return sent.kind === 'accepted' && !isExpected ? { ...sent, kind: 'noted' } : sent;
}

/** Looks at the saga and puts there what it makes of that, again where the saga has moved in between. */
async function repeatedly<Result extends { readonly kind: string }>(
  store: SagaStore,
  registry: Registry,
  id: string,
  decide: (found: Found) => Result | Signal | Promise<Result | Signal>,
): Promise<Result | Accepted | Unlooked> {
  for (let look = 1; look <= LOOKS_MAX; look += 1) {
    const found = await lookAt(store, registry, id);
    if ('kind' in found) return found;
    const signal = await decide(found);
    if (!('atMs' in signal)) return signal;
    const { seq, owner } = found.record;
    const sent = await store.signal(id, signal, seq);
    if (sent.kind === 'accepted') return { kind: 'accepted', put: { signal, seq, isFree: owner === null } };
    if (sent.kind === 'full' || sent.kind === 'missing') return sent;
    // Moved or ended: what that means, the next look tells.
  }
  return { kind: 'busy' };
}

type Unlooked = Extract<SendResult, { kind: 'missing' | 'full' | 'busy' | 'unknown-version' | 'unreadable' }>;

function isEnded({ status }: SagaRecord): boolean {
  return status === 'COMPLETED' || status === 'FAILED';
}
