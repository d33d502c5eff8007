/** One call, settled by the participant kit as any service would, and journaled. */
import type { Context } from 'hono';
import { createParticipant, type MemoryLedger, type SettledCall, type Work } from '../participant/index.ts';
import type { Call, CallKind, Journal } from './journal.ts';
import type { Env, Handler } from './routes.ts';

const HEADER_CHARS_MAX = 256;

/** What the headers say, unchecked: a fault may strike a call before anybody has looked whether it is one. */
export function callOf(c: Context<Env>, kind: CallKind, faults: readonly string[]): Call {
  const header = (name: string) => c.req.header(name)?.slice(0, HEADER_CHARS_MAX) ?? null;
  const attempt = Number(header('Saga-Attempt') ?? Number.NaN);
  return {
    kind,
    sagaId: header('Saga-Id') ?? '',
    step: header('Saga-Step') ?? '',
    attempt: Number.isInteger(attempt) ? attempt : null,
    idempotencyKey: header('Idempotency-Key') ?? '',
    traceparent: header('traceparent'),
    faults,
  };
}

export interface Settled {
  readonly response: Response;
  /** `null` where the request was no call. */
  readonly settled: SettledCall | null;
}

/** Where whoever may read asks what stands of a call: the same for all that a service does, since its ledger is one. */
export const STANDS_PATH = '/api/stands';

/** What its ledger has of a call. */
export function standsIn(ledger: MemoryLedger): Handler {
  const { ask } = createParticipant(ledger, NO_WORK);
  return (c) => ask(c.req.raw);
}

const never = () => {
  throw new Error('a question leads to no work');
};
const NO_WORK: Work<undefined> = { perform: never, undo: never };

/** @param work this call's own, so that it knows which faults have struck it */
export async function settle(
  c: Context<Env>,
  call: Call,
  ledger: MemoryLedger,
  journal: Journal,
  work: Work<undefined>,
): Promise<Settled> {
  let settled: SettledCall | null = null;
  const onSettled = (said: SettledCall) => {
    settled = said;
    journal.append(call, said.outcome, said.answer.status);
  };
  const participant = createParticipant(ledger, work, { onSettled });
  try {
    return { response: await participant[call.kind](c.req.raw), settled };
  } catch (bug) {
    journal.append(call, 'failed', 500);
    throw bug;
  }
}
