/** Two sagas of one machine beside each other: how long each stood where, and where they part. */
import type { Kind } from '../../machines/index.ts';
import { stepIn } from '../../machines/parts.ts';
import type { NumberedEntry } from '../../stores/saga-store.ts';
import type { SagaHistory } from '../engine/contract.ts';

/** One stay of a saga in a state, and what it was left by. */
export interface Stay {
  readonly seq: number;
  readonly state: string;
  /** So far, where it is still there; `null` where it ended there. */
  readonly ms: number | null;
  /** Event and outcome's error; `null` where it is still there, or ends there. */
  readonly left: { readonly event: string; readonly error: string | null } | null;
  /** The call that had an outcome by which it was left. */
  readonly call: { readonly step: string; readonly kind: Kind; readonly ms: number } | null;
}

export interface Row {
  /** `null` where the one, or the other, is nowhere any more. */
  readonly own: Stay | null;
  readonly other: Stay | null;
  /** What half of such calls took at most; `null` where nobody knows. */
  readonly usualMs: number | null;
  /** Whether the own one stood there much longer than the other, or than is usual. */
  readonly isLong: boolean;
}

export interface Comparison {
  readonly rows: readonly Row[];
  /** Index of the first row in which they are in different places; `null` where they never part. */
  readonly partsAt: number | null;
}

/** Below this nobody waits, and above it so many times as long is much. */
const LONG_MS = 100;
const LONG_TIMES = 2;

/** What half of the calls of a machine took at most, by step and kind; `null` where nobody knows. */
export type UsualMs = (step: string, kind: Kind) => number | null;

/** @param other nobody, where only what is usual is compared with */
export function compare(
  own: SagaHistory,
  other: SagaHistory | null,
  usualOf: UsualMs,
  nowMs: number,
): Comparison {
  const stays = staysOf(own, nowMs);
  const others = other === null ? [] : staysOf(other, nowMs);
  const length = Math.max(stays.length, others.length);
  const rows = Array.from({ length }, (_, index) => rowOf(stays[index], others[index], usualOf));
  const parts = rows.findIndex((row) => row.own?.state !== row.other?.state);
  return { rows, partsAt: other === null || parts < 0 ? null : parts };
}

function rowOf(own: Stay | undefined, other: Stay | undefined, usualOf: UsualMs): Row {
  const call = own?.call;
  const usualMs = call ? usualOf(stepIn(call.step), call.kind) : null;
  const isBesideOther = own !== undefined && own.state === other?.state;
  const isLong =
    (own !== undefined && isBesideOther && isMuchMore(own.ms ?? 0, other.ms ?? 0)) ||
    (call != null && usualMs !== null && isMuchMore(call.ms, usualMs));
  return { own: own ?? null, other: other ?? null, usualMs, isLong };
}

function isMuchMore(ms: number, thanMs: number): boolean {
  return ms >= LONG_MS && ms > LONG_TIMES * thanMs;
}

function staysOf({ saga, log }: SagaHistory, nowMs: number): Stay[] {
  const isOpen = saga.status === 'STARTED' || saga.status === 'ABORTED';
  return log.map((entry, index) => {
    const next = log[index + 1];
    const beganMs = Date.parse(entry.at);
    const leftMs = next === undefined ? nowMs : Date.parse(next.at);
    return {
      seq: entry.seq,
      state: entry.to,
      ms: next === undefined && !isOpen ? null : Math.max(0, leftMs - beganMs),
      left: next === undefined ? null : { event: next.event, error: next.error },
      call: next === undefined ? null : callIn(next),
    };
  });
}

function callIn({ step, kind, duration_ms: ms }: NumberedEntry): Stay['call'] {
  return step === null || kind === null || ms === null ? null : { step, kind, ms };
}
