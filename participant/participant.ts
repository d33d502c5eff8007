/** From a request to the ledger and back: the table of docs/participants.md. */
import { hash } from 'node:crypto';
import { type Answer, isDefinitive, isDone, later, problem, toResponse } from './answer.ts';
import { type Arrived, readCall, readQuestion } from './arrival.ts';
import { type Entry, type Ledger, LedgerBusyError, type Settled, type Step } from './ledger.ts';

/** What `perform` is given. */
export interface Call<Tx> extends Step {
  /** The same for every attempt. */
  readonly idempotencyKey: string;
  /** From 1; `null` where it was not said. For logs only. */
  readonly attempt: number | null;
  /** As it came, of no checked shape. */
  readonly body: unknown;
  /** What the effect is written by, so that it stands or falls with the ledger. */
  readonly tx: Tx;
}

/** What `undo` is given. */
export interface Undoing<Tx> extends Call<Tx> {
  /** What the action was answered, as the ledger has it: by this, and not by the body, one knows what there is to undo. */
  readonly answer: object | null;
}

/** What `isUndone` is given. */
export interface Asking<Tx> extends Step {
  /** What the action was answered, as the ledger has it. */
  readonly answer: object | null;
  /** To read by alone: nothing that is written by it stands. */
  readonly tx: Tx;
}

/**
 * What stands of a step: `done`, its effect does; `undone`, it does not, and never will; `unknown`, the ledger knows of no call.
 */
export type Stands = 'done' | 'undone' | 'unknown';

export interface Work<Tx> {
  /** Called at most once for each step, unless it throws or answers `later`. */
  readonly perform: (call: Call<Tx>) => Answer | Promise<Answer>;
  /** Called only for what was done, and again only where it did not answer `done`. */
  readonly undo: (call: Undoing<Tx>) => Answer | Promise<Answer>;
  /** Whether what was done is undone by now, though not by `undo`: by hand, in the service's own books. The ledger alone is asked without it. */
  readonly isUndone?: (asking: Asking<Tx>) => boolean | Promise<boolean>;
}

/** What became of a call. A bug in `perform` or `undo` is none: it is thrown. */
export type Outcome =
  /** An action, or an undo, that happened now. */
  | 'performed'
  /** Answered from the ledger. */
  | 'replayed'
  /** For good, or because it came with another body; or what could not be undone. */
  | 'refused'
  /** An action that its compensation has overtaken. */
  | 'blocked'
  /** A compensation of what was never done. */
  | 'nothing-to-undo'
  /** Not now: nothing was kept, and the call comes again. */
  | 'failed';

export interface SettledCall extends Step {
  readonly idempotencyKey: string;
  readonly attempt: number | null;
  readonly outcome: Outcome;
  readonly answer: Answer;
}

export interface ParticipantOptions {
  /** A larger body is answered 413. 1 MiB unless set. */
  readonly bodyBytesMax?: number;
  /**
   * Secrets by key id: calls that none of them has signed are answered 401. Two at a time while one takes the place of the other. Unset,
   * everybody may call who reaches the service. Where bodies are signed, give `nodeHandler` no parsed ones.
   */
  readonly signingKeys?: Readonly<Record<string, string>>;
  /** How old a signature may be, or how far ahead of this machine's clock, in milliseconds. 5 minutes unless set. */
  readonly signatureAgeMsMax?: number;
  /** Told of each call that came to the ledger, once it is kept there: for logs and metrics. What it throws is thrown. */
  readonly onSettled?: (settled: SettledCall) => void;
}

/** Each takes a request, wherever it was routed from, and gives the answer. What `perform`, `undo` or the database throw, they throw. */
export interface Participant {
  readonly action: (request: Request) => Promise<Response>;
  readonly compensation: (request: Request) => Promise<Response>;
  /** `GET`: what stands of the step that the query names by `saga_id` and `step`. Nothing changes by it. */
  readonly ask: (request: Request) => Promise<Response>;
}

interface Told {
  readonly answer: Answer;
  readonly outcome: Outcome;
}

const BLOCKED = problem(
  409,
  'action-blocked',
  'This step has been compensated; its action is not performed any more.',
);
const OTHER_BODY = problem(
  422,
  'idempotency-key-reused',
  'The action was performed with another body under the same key.',
);
const BUSY = later('Another call for this step is under way.');
const REPLAYED = { 'idempotent-replayed': 'true' };
const GIVEN_UP = later('The caller no longer waits for an answer, so the action was not begun.');
const NOTHING_TO_UNDO: Answer = { status: 200, body: { status: 'nothing-to-undo' } };
export function createParticipant<Tx>(
  ledger: Ledger<Tx>,
  { perform, undo, isUndone }: Work<Tx>,
  {
    bodyBytesMax = 1024 * 1024,
    signingKeys,
    signatureAgeMsMax = 300_000,
    onSettled,
  }: ParticipantOptions = {},
): Participant {
  type Settle = (call: Arrived) => (entry: Entry | null, tx: Tx) => Promise<Settled<Told>>;

  const action: Settle =
    ({ givesUpAt, ...call }) =>
    async (entry, tx) => {
      if (entry?.compensation) return unchanged(BLOCKED, 'blocked');
      const digest = digestOf(call.body);
      if (entry?.action) {
        return entry.digest === digest
          ? unchanged(entry.action, 'replayed')
          : unchanged(OTHER_BODY, 'refused');
      }
      // It may have waited for its turn. Begun now, it would hold the step against the repeat that is on its way, or against the compensation.
      if (givesUpAt !== null && performance.now() >= givesUpAt) return unchanged(GIVEN_UP, 'failed');
      const answer = await perform({ ...call, tx });
      if (!isDefinitive(answer)) return unchanged(answer, 'failed');
      return {
        entry: { digest, action: answer, compensation: null },
        hasEffect: isDone(answer),
        result: { answer, outcome: isDone(answer) ? 'performed' : 'refused' },
      };
    };

  /**
   * Its body is not held against an earlier one: after a 413 the same compensation comes with less in it. It is done also where its
   * caller has given up, because it is to happen whatever else does.
   */
  const compensation: Settle =
    ({ givesUpAt: _, ...call }) =>
    async (entry, tx) => {
      if (entry?.compensation) return unchanged(entry.compensation, 'replayed');
      const before = entry ?? { digest: null, action: null };
      const wasDone = before.action !== null && isDone(before.action);
      const answer = wasDone
        ? await undo({ ...call, tx, answer: before.action?.body ?? null })
        : NOTHING_TO_UNDO;
      // What could not be undone is still done, and an operator may have it tried again.
      if (!isDone(answer)) return unchanged(answer, isDefinitive(answer) ? 'refused' : 'failed');
      return {
        entry: { ...before, compensation: answer },
        hasEffect: true,
        result: { answer, outcome: wasDone ? 'performed' : 'nothing-to-undo' },
      };
    };

  const settled = async (call: Arrived, settle: Settle): Promise<Told> =>
    orBusy(() => ledger.settle(call, settle(call)), { answer: BUSY, outcome: 'failed' });

  /** In its turn behind the calls of the step, so that none of them is half through. */
  const standing = (step: Step) =>
    ledger.settle(step, async (entry, tx): Promise<Settled<Answer>> => {
      const { action = null, compensation = null } = entry ?? {};
      const wasDone = action !== null && isDone(action);
      const isOpen = wasDone && compensation === null;
      const stands: Stands =
        entry === null
          ? 'unknown'
          : isOpen && !(await isUndone?.({ ...step, answer: action.body, tx }))
            ? 'done'
            : 'undone';
      const body = { state: stands, action: shown(action), compensation: shown(compensation) };
      const result = { status: 200, body, headers: { 'cache-control': 'no-store' } };
      return { entry: null, hasEffect: false, result };
    });

  const ask = async (request: Request) => {
    const step = readQuestion(request, { signingKeys, signatureAgeMsMax });
    if ('refusal' in step) return toResponse(step.refusal);
    return toResponse(await orBusy(() => standing(step), BUSY));
  };

  const answering = (settle: Settle) => async (request: Request) => {
    const call = await readCall(request, { bodyBytesMax, signingKeys, signatureAgeMsMax });
    if ('refusal' in call) return toResponse(call.refusal);
    const told = await settled(call, settle);
    if (onSettled !== undefined) {
      const { sagaId, step, idempotencyKey, attempt } = call;
      onSettled({ sagaId, step, idempotencyKey, attempt, ...told });
    }
    return toResponse(told.answer, told.outcome === 'replayed' ? REPLAYED : {});
  };

  return { action: answering(action), compensation: answering(compensation), ask };
}

async function orBusy<T>(settling: () => Promise<T>, busy: T): Promise<T> {
  try {
    return await settling();
  } catch (error) {
    if (!(error instanceof LedgerBusyError)) throw error;
    return busy;
  }
}

/** What a call was answered, as it is told to whoever asks. */
function shown(answer: Answer | null): Pick<Answer, 'status' | 'body'> | null {
  return answer === null ? null : { status: answer.status, body: answer.body };
}

function unchanged(answer: Answer, outcome: Outcome): Settled<Told> {
  return { entry: null, hasEffect: false, result: { answer, outcome } };
}

function digestOf(body: unknown): string {
  return hash('sha256', JSON.stringify(sorted(body)), 'base64url');
}

/** The order of fields means nothing in JSON, and a store may change it between two attempts. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  // Without a prototype, in which a field named __proto__ would be lost.
  const fields: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(value).sort())
    fields[name] = sorted((value as Record<string, unknown>)[name]);
  return fields;
}
