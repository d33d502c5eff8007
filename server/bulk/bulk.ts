/**
 * One act that is asked of many sagas: what is kept of it, how each of its sagas stands, and who is asked next. Each saga is asked by
 * itself, under the length of log at which it was looked at. The first one alone, as a canary; then ten; then all others, as long as none
 * of them fails again.
 */
import { leavesIn } from '../../machines/structure.ts';
import type { Operation, OperationResult, SagaListing } from '../engine/contract.ts';
import type { Proven } from '../proven.ts';

/** Sagas of one act. */
export const BULK_MAX = 500;
/** So many must have come through before more are asked than that. */
const CANARIES = [1, 11] as const;

export interface BulkAct extends Pick<Operation, 'step' | 'as'> {
  readonly kind: Operation['kind'];
  /** Of a skip: each participant is asked first, and only what it says is undone is skipped. */
  readonly isProven?: true;
}

/** What came of asking one saga; the names of problems, but for `accepted`. */
export type AskedResult = OperatedResult | 'definition-error' | 'unproven' | 'not-askable';
type OperatedResult = 'accepted' | 'moved' | 'no-such-event' | 'missing' | 'too-many-requests';

export interface BulkItem {
  readonly id: string;
  /** Length of its log when it was looked at. */
  readonly seq: number;
  /** `null` until it is asked. */
  readonly result: AskedResult | null;
}

/**
 * `stopped`: canaries have failed again, and the others are not asked. `halted`: somebody has stopped it. `asked`: all were, and what
 * comes of them is seen in the sagas themselves.
 */
export type BulkStage = 'asking' | 'stopped' | 'halted' | 'asked';

export interface Bulk {
  readonly id: string;
  readonly act: BulkAct;
  readonly reason: string;
  /** Who asks, as the log of each saga will say, and as who they are known. */
  readonly by: string;
  readonly actor: string;
  readonly createdAtMs: number;
  readonly isCanary: boolean;
  readonly items: readonly BulkItem[];
  readonly stage: BulkStage;
  /** Sagas that have failed again, and in spite of which somebody had it go on. */
  readonly forgiven: number;
  /** Who asks just now, and until when that is believed without hearing of them; `null` where nobody does. */
  readonly runner: { readonly id: string; readonly untilMs: number } | null;
}

/**
 * `pending`: it was asked, and is under way. `again`: its call was made and has failed, and waits for its next attempt. `parked`: it is
 * parked once more. `done`: it has ended, or of a skip, its step counts as undone. `refused`: nothing was done, see its result.
 */
export const ITEM_STATES = ['unasked', 'pending', 'again', 'parked', 'done', 'refused'] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** @param saga as it stands; `null` where it is gone */
export function stateOf(
  { seq, result }: BulkItem,
  { kind, step }: BulkAct,
  saga: SagaListing | null,
): ItemState {
  if (result === null) return 'unasked';
  if (result !== 'accepted') return 'refused';
  // Nothing is removed that has not ended.
  if (saga === null || saga.status === 'COMPLETED' || saga.status === 'FAILED') return 'done';
  if (saga.seq <= seq) return 'pending';
  if (saga.status === 'ABORTED') {
    const isSkipped = kind === 'skip' && saga.parked?.held.some((held) => held.step === step) === false;
    return isSkipped ? 'done' : 'parked';
  }
  // Behind the entry of what was asked stands that of the attempt.
  const waits = leavesIn(saga.summary.state).some((leaf) => leaf.endsWith('.waiting'));
  return waits && saga.seq >= seq + 2 ? 'again' : 'pending';
}

export type Counts = Readonly<Record<ItemState, number>>;

export function countsOf(states: readonly ItemState[]): Counts {
  const counts: Record<ItemState, number> = {
    unasked: 0,
    pending: 0,
    again: 0,
    parked: 0,
    done: 0,
    refused: 0,
  };
  for (const state of states) counts[state] += 1;
  return counts;
}

export type NextAsked = { readonly ask: number } | 'wait' | 'stopped' | 'asked';

/** How many are asked next, or why none is. */
export function nextOf(
  { isCanary, forgiven }: Pick<Bulk, 'isCanary' | 'forgiven'>,
  { unasked, pending, again, parked, done }: Counts,
): NextAsked {
  if (unasked === 0) return 'asked';
  if (!isCanary) return { ask: unasked };
  if (again + parked > forgiven) return 'stopped';
  const goal = CANARIES.find((many) => done + forgiven < many);
  if (goal === undefined) return { ask: unasked };
  const missing = goal - done - forgiven - pending;
  return missing <= 0 ? 'wait' : { ask: Math.min(missing, unasked) };
}

/** What a person is told of one who was asked. */
export function resultOf({ kind }: Pick<OperationResult, 'kind'>): OperatedResult {
  switch (kind) {
    case 'accepted':
    case 'missing':
    case 'moved':
      return kind;
    case 'impossible':
    case 'unknown-version':
      return 'no-such-event';
    default:
      return 'too-many-requests';
  }
}

/** Why a saga is not asked at all: there is no proof. */
export function unproven({ kind }: Exclude<Proven, { kind: 'proven' }>): AskedResult {
  if (kind === 'unreadable') return 'not-askable';
  return kind === 'unknown-version' ? 'no-such-event' : kind;
}

/** A release that does not know of proofs must not go on without them, and so is to take it for none of its own. */
const WITH_PROOF = 2;

/** `null` where a text is none of ours: a later release may write others. */
export function bulkIn(text: string): Bulk | null {
  try {
    const { v, ...bulk } = JSON.parse(text) as Bulk & { v?: number };
    return v === 1 || v === WITH_PROOF ? bulk : null;
  } catch {
    return null;
  }
}

export function textOf(bulk: Bulk): string {
  return JSON.stringify({ v: bulk.act.isProven ? WITH_PROOF : 1, ...bulk });
}
