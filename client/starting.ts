/**
 * Starting a saga and waiting for it. To wait is to send the start again under its idempotency key: the repeat joins the saga,
 * whatever became of the connection or of the coordinator in between, and it needs no right to read.
 */
import { isPassing, ProblemError } from './errors.ts';
import type { Answer, Transport } from './transport.ts';

/** What is sent, each time the same. */
export interface Start {
  readonly path: string;
  /** JSON as text. */
  readonly body: string;
  readonly idempotencyKey: string;
  readonly signal?: AbortSignal | undefined;
}

/** @param prefer as in RFC 7240: `respond-async`, or `wait=N` in seconds */
export function sendStart(transport: Transport, start: Start, prefer: string): Promise<Answer> {
  const { path, body, idempotencyKey, signal } = start;
  return transport.ask(path, {
    method: 'POST',
    headers: { 'idempotency-key': `"${idempotencyKey}"`, prefer },
    body,
    signal,
  });
}

/** It travels as a quoted string. */
export function isIdempotencyKey(key: string): boolean {
  return /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255}$/.test(key);
}

export interface Waiting {
  /** How long in all. */
  readonly waitMs: number;
  /** How long one request waits, at most. */
  readonly waitSecondsMax: number;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<unknown>;
  /** After what is passing; longer where the coordinator asks for that. A second unless set. */
  readonly retryMs?: number | null;
  /** Is told before each request what is known of the saga by then, and what kept the last one from being answered. */
  readonly onWait?: (last: Answer | null, trouble: string) => void;
}

const RETRY_MS = 1000;

/**
 * Sends the start until its saga has ended or is parked, or the wait is over: then the answer is the last one, 202.
 * @param first what is known of it already
 * @throws ProblemError where it is refused, and what kept it from being answered where nothing was until the wait was over
 */
export async function untilSettled(
  transport: Transport,
  start: Start,
  { waitMs, waitSecondsMax, now, pause, retryMs = null, onWait = () => {} }: Waiting,
  first: Answer | null = null,
): Promise<Answer> {
  const beganAt = now();
  let answer = first;
  let trouble: Error | null = null;
  for (;;) {
    const leftMs = beganAt + waitMs - now();
    if (answer !== null && (answer.status !== 202 || leftMs <= 0)) return answer;
    if (trouble !== null && leftMs <= 0) throw trouble;
    onWait(answer, trouble?.message ?? '');
    const seconds = Math.min(waitSecondsMax, Math.max(0, Math.ceil(leftMs / 1000)));
    try {
      answer = await sendStart(transport, start, seconds === 0 ? 'respond-async' : `wait=${seconds}`);
      trouble = null;
    } catch (error) {
      // It may be stored, and other coordinators may carry it on: only the time that was given ends the wait.
      if (!isPassing(error)) throw error;
      trouble = error;
      const askedMs = (error instanceof ProblemError && error.retryAfterMs) || 0;
      // Whoever comes when the wait is over is told what there is to tell.
      await pause(Math.min(Math.max(retryMs ?? RETRY_MS, askedMs), Math.max(0, beganAt + waitMs - now())));
    }
  }
}
