/** The shape that all five participants share: a definition in, a Hono app with its ledger, faults and metrics out. */
import type { Context, Hono } from 'hono';
import type { z } from 'zod';
import { type Answer, done as doneWith, memoryLedger, type Work } from '../participant/index.ts';
import type { ReadableBook } from './book.ts';
import { STANDS_PATH, standsIn } from './calls.ts';
import type { Faults } from './faults.ts';
import { FaultyCalls } from './faulty-calls.ts';
import { Journal } from './journal.ts';
import type { Means } from './means.ts';
import { createMeters } from './meters.ts';
import { type Env, type Handler, notFound, routed } from './routes.ts';
import { invalid, problem, toResponse } from './wire.ts';

export type ServiceName = 'order' | 'inventory' | 'payment' | 'shipping' | 'notification';

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
  const paths = { action: action.path, compensation: compensation.path };
  const ledger = memoryLedger({ lockMs: LOCK_MS });
  const meters = createMeters(service, paths, ledger.waiting);
  const journal = new Journal({
    service,
    now: clock.now,
    nextSeq: means.nextSeq,
    onEntry: meters.count,
  });
  const calls = new FaultyCalls({
    paths: { action: [action.path], compensation: [compensation.path] },
    ledger,
    journal,
    means,
  });

  const work = (linger: () => Promise<void>): Work<undefined> => ({
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
  });

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

  const app = routed(service, [
    [action.path, { POST: calls.answering('action', action.path, work) }],
    [compensation.path, { POST: calls.answering('compensation', compensation.path, work) }],
    [STANDS_PATH, { GET: standsIn(ledger) }],
    ['/health', { GET: health }],
    ['/metrics', { GET: readMetrics }],
    ['/ledger', { GET: readLedger }],
    ['/tally', { GET: readTally }],
    ['/ledger/:sagaId', { GET: readSaga }],
    ...calls.routes(),
    ...Object.entries(facts).map(
      ([path, fact]) => [path, { GET: (c: Context<Env>) => c.json(fact()) }] as const,
    ),
    [collection.path, { GET: list }],
    [`${collection.path}/:id`, { GET: readOne }],
  ]);

  return { service, app, books, journal, waiting: ledger.waiting, faults: calls.faults };
}
