/** Takes an operator's request and puts it into the saga's mailbox, from which its owner or its next claimer takes it. */
import type { RegisteredMachine, Registry, SagaSnapshot, Tell } from '../../machines/index.ts';
import {
  listingOf,
  type MachineRef,
  type SagaRecord,
  type SagaStore,
  type Signal,
} from '../../stores/saga-store.ts';
import type { Operation, OperationResult, SendResult, WhatIfResult } from './contract.ts';
import { isPossible, type Standing } from './decide.ts';
import { whatIf } from './what-if.ts';

/** A saga that moves between our look and our letter is looked at again this often. */
export const LOOKS_MAX = 5;

export async function operate(
  store: SagaStore,
  registry: Registry,
  id: string,
  { ifSeq, ...asked }: Operation,
  mark: { readonly id: string; readonly atMs: number },
): Promise<OperationResult> {
  const signal: Signal = { ...asked, ...mark };
  for (let look = 1; look <= LOOKS_MAX; look += 1) {
    const record = await store.get(id);
    if (record === null) return { kind: 'missing' };
    if (ifSeq !== null && ifSeq !== record.seq) return { kind: 'moved', seq: record.seq };
    const { machine } = record;
    const { state } = record.summary;
    if (registry.takerOf(machine.id, machine.version) === undefined) {
      return { kind: 'unknown-version', machine, state };
    }
    if (!canTake(registry, record, signal)) return { kind: 'impossible', state };
    const sent = await store.signal(id, signal, record.seq);
    if (sent.kind === 'accepted') return { kind: 'accepted', isFree: record.owner === null };
    if (sent.kind === 'ended') return { kind: 'impossible', state };
    if (sent.kind !== 'moved') return sent;
  }
  return { kind: 'busy' };
}

/** What would come of such a request, as the saga stands: nothing is sent. @throws DefinitionError */
export async function foresee(
  store: SagaStore,
  registry: Registry,
  id: string,
  signal: Signal,
  teller: (record: SagaRecord, machine: RegisteredMachine) => Tell,
): Promise<WhatIfResult> {
  const found = await lookAt(store, registry, id);
  if ('kind' in found) {
    if (found.kind === 'missing') return found;
    const record = await store.get(id);
    if (record === null) return { kind: 'missing' };
    const { state } = record.summary;
    return found.kind === 'unknown-version' ? { ...found, state } : { kind: 'impossible', state };
  }
  const { record, machine, snapshot, asks } = found;
  const { status, signals, createdAtMs, summary } = record;
  const from = { snapshot, asks };
  const isEnded = status === 'COMPLETED' || status === 'FAILED';
  if (isEnded || !isPossible(machine, from, status, signal))
    return { kind: 'impossible', state: summary.state };
  const all = [...signals, signal];
  const tell = teller(record, machine);
  const foreseen = whatIf({ machine, from, status, signals: all, createdAtMs, at: signal.atMs, tell });
  return { kind: 'foreseen', saga: listingOf(record), foreseen };
}

/** Whether a request can have an effect on a saga as it is stored. */
export function canTake(
  registry: Registry,
  { machine: ref, status, snapshot }: SagaRecord,
  signal: Signal,
): boolean {
  const machine = registry.takerOf(ref.id, ref.version);
  if (machine === undefined || status === 'COMPLETED' || status === 'FAILED') return false;
  const restored = restoredBy(registry, ref, snapshot);
  if (restored === null) return false;
  return isPossible(machine, { snapshot: restored, asks: machine.asks(restored) }, status, signal);
}

/** A saga as it is stored, and as its machine reads it. */
export interface Found extends Standing {
  readonly record: SagaRecord;
  readonly machine: RegisteredMachine;
}

/** A saga to which something is to be sent, or why it cannot be read here. */
export async function lookAt(
  store: SagaStore,
  registry: Registry,
  id: string,
): Promise<Found | Extract<SendResult, { kind: 'missing' | 'unknown-version' | 'unreadable' }>> {
  const record = await store.get(id);
  if (record === null) return { kind: 'missing' };
  const { machine: ref } = record;
  const machine = registry.takerOf(ref.id, ref.version);
  if (machine === undefined) return { kind: 'unknown-version', machine: ref };
  const snapshot = restoredBy(registry, ref, record.snapshot);
  if (snapshot === null) return { kind: 'unreadable' };
  return { record, machine, snapshot, asks: machine.asks(snapshot) };
}

/** `null` for a snapshot that cannot be read, or not be migrated: its saga is parked for that, and can take nothing. */
function restoredBy(registry: Registry, ref: MachineRef, snapshot: string): SagaSnapshot | null {
  try {
    return registry.restore(ref, snapshot);
  } catch {
    return null;
  }
}
