/** What a webhook is told, as JSON. It names sagas and what they hold in sums, and carries none of their facts. */
import { causeOf, type SagaChange, type SagaListing, sumsOf } from '../../stores/saga-store.ts';

export interface Message {
  /** The same in each repetition: whoever has it already can leave it. */
  readonly id: string;
  readonly type: 'saga.parked' | 'saga.stuck' | 'breaker.opened' | 'gap';
  /** When it was noticed, RFC 3339. */
  readonly at: string;
  readonly saga?: SagaSaid;
  /** Of a breaker: at which coordinator, and for whose calls. */
  readonly coordinator?: string;
  readonly participant?: string;
  readonly error?: string | null;
}

interface SagaSaid {
  readonly saga_id: string;
  /** Of the dashboard. */
  readonly path: string;
  /** Number of the log's entry that it is about; of a stuck one its newest. */
  readonly seq: number;
  /** As it stands when it is told: it may have been mended meanwhile. Left out where it is gone. */
  readonly status?: string;
  readonly state?: string;
  readonly machine?: string;
  readonly label?: string | null;
  readonly parked?: {
    readonly reason: string;
    readonly step: string | null;
    readonly kind: string | null;
    readonly error: string | null;
    /** Effects by kind, amounts by kind and currency or unit. */
    readonly held: Readonly<Record<string, number>>;
  };
}

export function parkedMessage({ id, seq }: SagaChange, saga: SagaListing | null, atMs: number): Message {
  return { id: `parked:${id}:${seq}`, type: 'saga.parked', at: timeOf(atMs), saga: said(id, seq, saga) };
}

export function stuckMessage(saga: SagaListing, atMs: number): Message {
  const { id, seq } = saga;
  return { id: stuckId(saga), type: 'saga.stuck', at: timeOf(atMs), saga: said(id, seq, saga) };
}

/** One that has moved since, and is stuck again, is told once more. */
export function stuckId({ id, seq }: Pick<SagaListing, 'id' | 'seq'>): string {
  return `stuck:${id}:${seq}`;
}

export function breakerMessage(
  coordinator: string,
  { participant, error }: { readonly participant: string; readonly error: string | null },
  atMs: number,
): Message {
  const id = `breaker:${coordinator}:${participant}:${atMs}`;
  return { id, type: 'breaker.opened', at: timeOf(atMs), coordinator, participant, error };
}

/** @param position from which what was written is not known any more */
export function gapMessage(position: string, atMs: number): Message {
  return { id: `gap:${position}`, type: 'gap', at: timeOf(atMs) };
}

function said(id: string, seq: number, saga: SagaListing | null): SagaSaid {
  const about = { saga_id: id, path: `/sagas/${id}`, seq };
  if (saga === null) return about;
  const { status, machine, summary, parked } = saga;
  const stands = { ...about, status, state: summary.state, machine: machine.id, label: summary.label };
  if (parked === null || status !== 'ABORTED') return stands;
  return { ...stands, parked: { reason: parked.reason, ...causeOf(parked), held: sumsOf(parked.held) } };
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
