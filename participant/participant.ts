/** From a request to the ledger and back: the table of docs/participants.md. */
import { createHash } from 'node:crypto';
import { type Answer, isDefinitive, isDone, later, problem, toResponse } from './answer.ts';
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

export interface Work<Tx> {
  /** Called at most once for each step, unless it throws or answers `later`. */
  readonly perform: (call: Call<Tx>) => Answer | Promise<Answer>;
  /** Called only for what was done, and again only where it did not answer `done`. */
  readonly undo: (call: Undoing<Tx>) => Answer | Promise<Answer>;
}

export interface ParticipantOptions {
  /** A larger body is answered 413. 1 MiB unless set. */
  readonly bodyBytesMax?: number;
}

/** Each takes a request, wherever it was routed from, and gives the answer. What `perform`, `undo` or the database throw, they throw. */
export interface Participant {
  readonly action: (request: Request) => Promise<Response>;
  readonly compensation: (request: Request) => Promise<Response>;
}

interface Told {
  readonly answer: Answer;
  readonly isReplay: boolean;
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
const NOTHING_TO_UNDO: Answer = { status: 200, body: { status: 'nothing-to-undo' } };
const HEADERS = ['Idempotency-Key', 'Saga-Id', 'Saga-Step'] as const;
const HEADER_CHARS_MAX = 256;

export function createParticipant<Tx>(
  ledger: Ledger<Tx>,
  { perform, undo }: Work<Tx>,
  { bodyBytesMax = 1024 * 1024 }: ParticipantOptions = {},
): Participant {
  type Settle = (call: Omit<Call<Tx>, 'tx'>) => (entry: Entry | null, tx: Tx) => Promise<Settled<Told>>;

  const action: Settle = (call) => async (entry, tx) => {
    if (entry?.compensation) return unchanged(BLOCKED);
    const digest = digestOf(call.body);
    if (entry?.action) return entry.digest === digest ? unchanged(entry.action, true) : unchanged(OTHER_BODY);
    const answer = await perform({ ...call, tx });
    if (!isDefinitive(answer)) return unchanged(answer);
    return {
      entry: { digest, action: answer, compensation: null },
      hasEffect: isDone(answer),
      result: { answer, isReplay: false },
    };
  };

  /** Its body is not held against an earlier one: after a 413 the same compensation comes with less in it. */
  const compensation: Settle = (call) => async (entry, tx) => {
    if (entry?.compensation) return unchanged(entry.compensation, true);
    const before = entry ?? { digest: null, action: null };
    const wasDone = before.action !== null && isDone(before.action);
    const answer = wasDone
      ? await undo({ ...call, tx, answer: before.action?.body ?? null })
      : NOTHING_TO_UNDO;
    // What could not be undone is still done, and an operator may have it tried again.
    if (!isDone(answer)) return unchanged(answer);
    return {
      entry: { ...before, compensation: answer },
      hasEffect: true,
      result: { answer, isReplay: false },
    };
  };

  const answering = (settle: Settle) => async (request: Request) => {
    const call = await readCall(request, bodyBytesMax);
    if ('refusal' in call) return toResponse(call.refusal);
    try {
      const { answer, isReplay } = await ledger.settle(call, settle(call));
      return toResponse(answer, isReplay ? { 'idempotent-replayed': 'true' } : {});
    } catch (error) {
      if (!(error instanceof LedgerBusyError)) throw error;
      return toResponse(later('Another call for this step is under way.'));
    }
  };

  return { action: answering(action), compensation: answering(compensation) };
}

function unchanged(answer: Answer, isReplay = false): Settled<Told> {
  return { entry: null, hasEffect: false, result: { answer, isReplay } };
}

async function readCall<Tx>(
  request: Request,
  bodyBytesMax: number,
): Promise<Omit<Call<Tx>, 'tx'> | { readonly refusal: Answer }> {
  const [idempotencyKey = '', sagaId = '', step = ''] = HEADERS.map((name) =>
    request.headers.get(name)?.trim(),
  );
  if (
    ![idempotencyKey, sagaId, step].every((value) => value.length > 0 && value.length <= HEADER_CHARS_MAX)
  ) {
    const detail = `${HEADERS.join(', ')}: each is needed, of ${HEADER_CHARS_MAX} characters at most.`;
    return { refusal: problem(400, 'bad-header', detail) };
  }
  const text = await readText(request, bodyBytesMax);
  if (text === null)
    return { refusal: problem(413, 'body-too-large', `A body may have ${bodyBytesMax} bytes.`) };
  const attempt = Number(request.headers.get('Saga-Attempt') ?? Number.NaN);
  try {
    const body: unknown = JSON.parse(text);
    return { idempotencyKey, sagaId, step, attempt: Number.isInteger(attempt) ? attempt : null, body };
  } catch {
    return { refusal: problem(400, 'malformed-json', 'The body is not JSON.') };
  }
}

/** Null where it is too large: what is beyond the limit is not read. */
async function readText(request: Request, bodyBytesMax: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bodyBytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The order of fields means nothing in JSON, and a store may change it between two attempts. */
function digestOf(body: unknown): string {
  const sorted = JSON.stringify(body, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return createHash('sha256').update(sorted).digest('base64url');
}
