/** The shape that all five participants share: a definition in, a Hono app with its ledger, faults and metrics out. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context, Hono } from 'hono';
import type { z } from 'zod';
import { type Answer, done as doneWith, memoryLedger, type Work } from '../participant/index.ts';
import type { ReadableBook } from './book.ts';
import { callOf, STANDS_PATH, settle, standsIn } from './calls.ts';
import { Faults, faultRules, type Misfortune } from './faults.ts';
import { type Call, type CallKind, Journal } from './journal.ts';
import { createMeters } from './meters.ts';
import { type Env, type Handler, notFound, routed } from './routes.ts';
import { invalid, isDefinitive, problem, readJson, toResponse } from './wire.ts';

export type ServiceName = 'order' | 'inventory' | 'payment' | 'shipping' | 'notification';

export interface Clock {
  now(): number;
  /** Resolves after `ms`, or as soon as `until` aborts. */
  sleep(ms: number, until: AbortSignal): Promise<void>;
}

/** Everything a participant may not make up by itself. */
export interface Means {
  readonly clock: Clock;
  readonly newId: (prefix: string) => string;
  /** Orders the journals of all services that share it. */
  readonly nextSeq: () => number;
  readonly faultsOn: boolean;
}

export interface Definition<Request, Given, Books> {
  readonly service: ServiceName;
  readonly action: {
    readonly path: string;
    readonly accepts: z.ZodType<Request>;
    /** Answers by `done` or `refused`. */
    readonly perform: (request: Request) => Answer;
  };
  readonly compensation: {
    readonly path: string;
    /** Is given what the action was answered, as the ledger has it, and nothing else: no body can make it undo what was not done. */
    readonly undo: (given: Given) => object;
  };
  /** Where what the service holds can be read, as a list under `name` and one by one. */
  readonly collection: { readonly path: string; readonly name: string; readonly book: ReadableBook<object> };
  /** Further reads, by path. */
  readonly facts?: Readonly<Record<string, () => object>>;
  readonly books: Books;
}

export interface Participant<Books = unknown> {
  readonly service: ServiceName;
  readonly app: Hono<Env>;
  readonly books: Books;
  readonly journal: Journal;
  /** Calls that wait for another call of their step. */
  readonly waiting: () => number;
  readonly faults: Faults;
}

/** Longer than any fault of a test lets a call linger: a duplicate waits here rather than being told to come back. */
const LOCK_MS = 600_000;
const LIST_LIMIT_MAX = 1000;
const LIST_LIMIT_DEFAULT = 100;

export const done = (body: object) => doneWith(body, { status: 201 });

export function createParticipant<Request, Given, Books>(
  definition: Definition<Request, Given, Books>,
  means: Means,
): Participant<Books> {
  const { service, action, compensation, collection, facts = {}, books } = definition;
  const { clock } = means;
  const startedAt = clock.now();
  const faults = new Faults();
  const paths = { action: action.path, compensation: compensation.path };
  const ledger = memoryLedger({ lockMs: LOCK_MS });
  const meters = createMeters(service, paths, ledger.waiting);
  const journal = new Journal({
    service,
    now: clock.now,
    nextSeq: means.nextSeq,
    onEntry: meters.count,
  });

  /** One call from the wire to the ledger and back; the faults stand in between, as a network would. */
  const answerCall =
    (kind: CallKind): Handler =>
    async (c) => {
      const misfortune = faults.draw(kind, c.req.header('Saga-Id') ?? '');
      const call = callOf(c, kind, misfortune.struckBy);
      if (misfortune.delayMs > 0) await clock.sleep(misfortune.delayMs, misfortune.lifted);
      if (misfortune.ending !== null) return endEarly(c, call, misfortune);

      const { response } = await settle(c, call, ledger, journal, workDuring(misfortune));
      return misfortune.loseAnswer ? dropConnection(c) : response;
    };

  const workDuring = ({ effectDelayMs, lifted }: Misfortune): Work<undefined> => {
    const linger = async () => effectDelayMs > 0 && (await clock.sleep(effectDelayMs, lifted));
    return {
      async perform({ body }) {
        await linger();
        // A body that does not fit is refused inside the ledger, for this refusal too must hold for good: the
        // coordinator compensates on it, and a later repeat may not succeed.
        const request = action.accepts.safeParse(body);
        return request.success ? action.perform(request.data) : invalid(request.error);
      },
      async undo({ answer }) {
        await linger();
        return doneWith(compensation.undo(answer as Given));
      },
    };
  };

  const endEarly = async (c: Context<Env>, call: Call, { ending, lifted }: Misfortune): Promise<Response> => {
    if (ending?.kind === 'status') {
      const answer = injectedAnswer(ending.status, ending.retryAfter);
      journal.append(
        call,
        ending.status >= 400 && isDefinitive(answer) ? 'refused' : 'failed',
        ending.status,
      );
      return toResponse(answer);
    }
    journal.append(call, 'failed', null);
    if (ending?.kind === 'drop-connection') return dropConnection(c);
    await eitherAborts(lifted, c.req.raw.signal);
    return toResponse(
      problem(503, 'fault-lifted', 'Fault lifted', 'A fault held this call; it had no effect.'),
    );
  };

  const list: Handler = (c) => {
    const limit = Number(c.req.query('limit') ?? LIST_LIMIT_DEFAULT);
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= LIST_LIMIT_MAX)) {
      const detail = `limit must be a whole number from 1 to ${LIST_LIMIT_MAX}.`;
      return toResponse(problem(400, 'bad-query', 'Bad query', detail));
    }
    const { name, book } = collection;
    return c.json({ count: book.size, [name]: book.newest(limit) });
  };

  const readOne: Handler = (c) => {
    const id = c.req.param('id') ?? '';
    const entry = collection.book.get(id);
    return entry === undefined ? notFound(`The ${service} service holds no such entry.`) : c.json(entry);
  };

  const health: Handler = (c) =>
    c.json({
      status: 'healthy',
      service,
      uptime_seconds: Math.floor((clock.now() - startedAt) / 1000),
      started_at: new Date(startedAt).toISOString(),
      held: meters.held(),
      faults: means.faultsOn ? 'on' : 'off',
    });

  const readMetrics: Handler = async (c) =>
    c.text(await meters.text(), 200, { 'content-type': meters.contentType });

  const readLedger: Handler = (c) =>
    c.json({ service, forgotten: journal.forgotten, entries: journal.entries() });

  const readTally: Handler = (c) => c.json({ service, ...journal.tally.describe() });

  const readSaga: Handler = (c) => c.json({ service, entries: journal.ofSaga(c.req.param('sagaId') ?? '') });

  const rules = faultRules(paths);
  const describeFaults: Handler = (c) => c.json({ rules: faults.describe() });
  const setFaults: Handler = async (c) => {
    const body = await readJson(c);
    if ('refusal' in body) return toResponse(body.refusal);
    const given = rules.safeParse(body.value);
    if (!given.success) return toResponse(invalid(given.error));
    faults.set(given.data);
    return describeFaults(c);
  };
  const clearFaults: Handler = (c) => {
    faults.clear();
    return c.body(null, 204);
  };

  const app = routed(service, [
    [action.path, { POST: answerCall('action') }],
    [compensation.path, { POST: answerCall('compensation') }],
    [STANDS_PATH, { GET: standsIn(ledger) }],
    ['/health', { GET: health }],
    ['/metrics', { GET: readMetrics }],
    ['/ledger', { GET: readLedger }],
    ['/tally', { GET: readTally }],
    ['/ledger/:sagaId', { GET: readSaga }],
    ...(means.faultsOn
      ? [['/faults', { GET: describeFaults, PUT: setFaults, DELETE: clearFaults }] as const]
      : []),
    ...Object.entries(facts).map(
      ([path, fact]) => [path, { GET: (c: Context<Env>) => c.json(fact()) }] as const,
    ),
    [collection.path, { GET: list }],
    [`${collection.path}/:id`, { GET: readOne }],
  ]);

  return { service, app, books, journal, waiting: ledger.waiting, faults };
}

function injectedAnswer(status: number, retryAfter: number | null): Answer {
  const headers: Record<string, string> = retryAfter === null ? {} : { 'retry-after': String(retryAfter) };
  return problem(status, 'fault-injected', 'Fault injected', 'A fault rule answered this call.', {}, headers);
}

function dropConnection(c: Context<Env>): Response {
  c.env.incoming.socket.destroy();
  return RESPONSE_ALREADY_SENT;
}

function eitherAborts(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    }
  });
}
