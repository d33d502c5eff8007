/** What every start of a saga has in common, whatever it begins with: headers, waiting, repeating, and status codes. */
import type { Context } from 'hono';
import type { RegisteredMachine, SagaInput } from '../../machines/index.ts';
import { type Idempotency, type SagaStatus, StoreUnavailableError } from '../../stores/saga-store.ts';
import { tell } from '../answer.ts';
import {
  type Forgotten,
  ForgottenError,
  forgottenElsewhere,
  type SagaEngine,
  type SagaHistory,
  type StartRequest,
  type StartResult,
} from '../engine/contract.ts';
import type { Limits } from '../limits/limits.ts';
import { Problem, RETRY_AFTER_SECONDS } from '../problem.ts';
import { header, LOCATION, RATE_LIMIT, RETRY_AFTER, requestHeader, SAGA_LINKS } from './answers.ts';
import { idempotencyKeyOf, KEY_PATTERN, preferenceOf } from './preferences.ts';

/** Named here for the document alone: the handler reads them, and says itself what is wrong with one. */
export const START_HEADERS = [
  requestHeader('Prefer', '`respond-async`, or `wait=N` in seconds (RFC 7240).', { example: 'wait=10' }),
  requestHeader('Idempotency-Key', 'Quoted or bare. The same key and body give the same saga.', {
    pattern: KEY_PATTERN,
    example: '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
  }),
  requestHeader('Traceparent', 'W3C trace context: the saga becomes part of the trace.', {
    example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  }),
];

const headers = {
  ...LOCATION,
  ...RATE_LIMIT,
  ...header('Preference-Applied', 'What of Prefer was honoured.'),
};

/** @param what is started, as a person calls it: `order` */
export function startAnswers<Schema>(what: string, schema: Schema) {
  const content = { 'application/json': { schema } };
  return {
    201: { description: 'All steps were done.', headers, content, links: SAGA_LINKS },
    202: {
      description: 'Still running: ask again at Location.',
      headers: { ...headers, ...RETRY_AFTER },
      content,
      links: SAGA_LINKS,
    },
    409: {
      description: `The ${what} failed and was undone, or is parked with something still held.`,
      headers,
      content,
      links: SAGA_LINKS,
    },
  };
}

export const START_PROBLEMS = [
  'malformed-json',
  'invalid-header',
  'body-too-large',
  'unsupported-media-type',
  'validation-error',
  'idempotency-key-reused',
  'rate-limited',
  'draining',
  'overloaded',
  'store-unavailable',
  'start-unknown',
  'saga-forgotten',
  'definition-error',
] as const;

/** How long a client waits for the store to know its saga, within its own wait. */
export const PATIENCE_MS = { least: 1000, most: 5000 } as const;

/** 201 done, 409 not done, 202 not yet. */
const ANSWER_STATUS = { COMPLETED: 201, FAILED: 409, ABORTED: 409, STARTED: 202 } as const satisfies Record<
  SagaStatus,
  number
>;

/** What starts of all machines go through. */
export interface Door {
  readonly engine: SagaEngine;
  /** How long a client waits that does not say. */
  readonly waitMs: number;
  readonly limits: Limits;
}

/** What is to be started. */
export interface Start extends Pick<StartRequest, 'act'> {
  readonly machine: RegisteredMachine;
  readonly input: SagaInput;
  /** Of what was sent, asked for where there is a key: the same under the same key is the same saga. */
  readonly digest: () => string;
}

/**
 * Starts a saga, waits for it as the client prefers, and sets the headers of the answer.
 * @throws Problem where it was not started, or nobody can tell
 */
export async function startAndWait(
  c: Context,
  { engine, waitMs, limits }: Door,
  start: Start,
): Promise<{ readonly history: SagaHistory; readonly status: (typeof ANSWER_STATUS)[SagaStatus] }> {
  const preference = preferenceOf(c.req.header('prefer'), waitMs);
  const key = idempotencyKeyOf(c.req.header('idempotency-key'));
  const idempotency = key === null ? null : { key, digest: start.digest() };
  const patienceMs = Math.min(Math.max(preference.waitMs, PATIENCE_MS.least), PATIENCE_MS.most);
  const { id } = await admitted(c, { engine, limits }, start, idempotency, patienceMs);

  tell(c, 'location', locationOf(id));
  // Where it is not kept waiting, what it preferred was not honoured.
  const leave = preference.waitMs > 0 ? limits.wait(c, 'start') : null;
  if (preference.applied !== null && (leave !== null || preference.waitMs === 0))
    tell(c, 'preference-applied', preference.applied);
  try {
    const history = await settledOrCurrent(engine, id, leave === null ? 0 : preference.waitMs);
    const status = ANSWER_STATUS[history.saga.status];
    if (status === 202) tell(c, 'retry-after', RETRY_AFTER_SECONDS);
    return { history, status };
  } finally {
    leave?.();
  }
}

/** Starts a saga as far as limits let it: what was begun before is joined whatever they say. @throws Problem where there is none */
export async function admitted(
  c: Context,
  { engine, limits }: Pick<Door, 'engine' | 'limits'>,
  { machine, input, act }: Omit<Start, 'digest'>,
  idempotency: Idempotency | null,
  patienceMs: number,
): Promise<{ readonly id: string }> {
  const admission = limits.admit(c, machine.id);
  const trace = { traceparent: c.req.header('traceparent'), tracestate: c.req.header('tracestate') };
  const started = admission.isRefused
    ? idempotency && (await engine.known(idempotency, patienceMs))
    : await engine.start({ machine, input, idempotency, trace, patienceMs, ...(act && { act }) });
  if (started === null) throw admission.problem();
  // What began nothing does not count.
  if (!admission.isRefused && started.kind !== 'started' && started.kind !== 'unknown') admission.giveBack();
  for (const [name, value] of Object.entries(admission.fields())) tell(c, name, value);
  switch (started.kind) {
    case 'started':
    case 'joined':
      return started;
    case 'key-reused':
      throw new Problem('idempotency-key-reused', `the key belongs to saga ${started.id}`, {
        saga_id: started.id,
      });
    case 'unknown':
      throw unknownStart(started.id);
    default:
      limits.refused(c, machine.id, started.why);
      throw notStarted(started.why);
  }
}

/** The saga as it ended, or as it stands when the wait is over. */
async function settledOrCurrent(engine: SagaEngine, id: string, waitMs: number): Promise<SagaHistory> {
  try {
    const history = (await engine.settled(id, waitMs)) ?? (await engine.current(id));
    if (history !== null) return history;
  } catch (error) {
    if (error instanceof ForgottenError) throw forgotten(error.what);
    if (!(error instanceof StoreUnavailableError)) throw error;
    // Not `store-unavailable`: that would invite the client to order again, and this saga was stored.
    throw unknownStart(id);
  }
  // It was acknowledged and had not ended, so it was not purged.
  throw forgotten(forgottenElsewhere(id));
}

function forgotten({ id, state, held, stored }: Forgotten): Problem {
  const detail = stored
    ? 'it was stored anew as it is known here, and waits for an operator'
    : 'it was acknowledged, and its steps may have had effects';
  const members = { saga_id: id, state, held };
  return new Problem('saga-forgotten', detail, members, { location: locationOf(id) });
}

function notStarted(why: Extract<StartResult, { kind: 'refused' }>['why']): Problem {
  const again = 'nothing was stored; the same request can be sent again';
  if (why === 'store-full') {
    return new Problem('overloaded', `the store has all the running sagas that it may have; ${again}`);
  }
  return new Problem(why, again);
}

function unknownStart(id: string): Problem {
  const detail = 'the store does not answer; if the saga was stored, it runs under this id';
  return new Problem('start-unknown', detail, { saga_id: id }, { location: locationOf(id) });
}

export function locationOf(id: string): string {
  return `/api/coordinator/sagas/${id}`;
}
