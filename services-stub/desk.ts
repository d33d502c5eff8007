/**
 * A participant of few words: each of its calls gives an id for what it is asked, under the same ledger as the five services of
 * the order saga. One that answers later says 202, and calls back.
 */
import type { Context, Hono } from 'hono';
import { done, memoryLedger, type SettledCall, type Work } from '../participant/index.ts';
import { type Settled, STANDS_PATH, standsIn } from './calls.ts';
import type { Faults } from './faults.ts';
import { FaultyCalls } from './faulty-calls.ts';
import { Journal } from './journal.ts';
import type { Means } from './means.ts';
import { type Env, routed } from './routes.ts';
import { toResponse } from './wire.ts';

/** What a desk does for one step. */
export interface DeskCall {
  readonly action: string;
  /** `null` where nothing undoes it. */
  readonly compensation: string | null;
  /** Field of its answer for the id that it gives, with how the id begins; other fields are the same each time. */
  readonly gives: readonly [field: string, prefix: string];
  readonly also?: object;
  readonly isList?: boolean;
  /** It answers 202, and calls back where its caller says how. */
  readonly isLater?: boolean;
}

export interface Desk<Name extends string = string> {
  readonly service: Name;
  readonly app: Hono<Env>;
  readonly journal: Journal;
  readonly faults: Faults;
}

/** How often a call-back is made that nobody answers, and how long it waits for an answer. */
const TELL_ATTEMPTS_MAX = 5;
const TELL_TIMEOUT_MS = 5_000;

export function createDesk<Name extends string>(
  service: Name,
  calls: readonly DeskCall[],
  means: Means,
): Desk<Name> {
  const { clock, newId, nextSeq } = means;
  const journal = new Journal({ service, now: clock.now, nextSeq });
  const ledger = memoryLedger();
  const startedAt = clock.now();
  const faulty = new FaultyCalls({
    paths: {
      action: calls.map(({ action }) => action),
      compensation: calls.flatMap(({ compensation }) => compensation ?? []),
    },
    ledger,
    journal,
    means,
  });

  const workOf =
    (desk: DeskCall) =>
    (linger: () => Promise<void>): Work<undefined> => ({
      async perform() {
        await linger();
        const [field, prefix] = desk.gives;
        const id = newId(prefix);
        return done({ [field]: desk.isList ? [id] : id, ...desk.also }, { status: 201 });
      },
      async undo() {
        await linger();
        return done({ status: 'undone' });
      },
    });

  /** One that answers later says so where its caller says how to call back. */
  const later = (c: Context<Env>, { response, settled }: Settled): Response => {
    const url = c.req.header('saga-callback-url');
    const token = c.req.header('saga-callback-token');
    if (settled === null || url === undefined || token === undefined) return response;
    void tell(url, token, settled);
    return toResponse({ status: 202, body: { status: 'accepted' } });
  };

  /** Says what came of a call, until somebody has heard it. */
  const tell = async (url: string, token: string, settled: SettledCall): Promise<void> => {
    const { status, body } = settled.answer;
    const { title } = body as { title?: string };
    const told =
      status < 300 ? { outcome: 'done', answer: body } : { outcome: 'refused', error: title ?? 'no' };
    for (let attempt = 1; attempt <= TELL_ATTEMPTS_MAX; attempt += 1) {
      try {
        const heard = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'saga-callback-token': token },
          body: JSON.stringify(told),
          signal: AbortSignal.timeout(TELL_TIMEOUT_MS),
        });
        await heard.body?.cancel();
        if (heard.status < 500 && heard.status !== 429) return;
      } catch {
        // The coordinator is away: it, or another one, is told again.
      }
      await clock.sleep(100 * 2 ** attempt, AbortSignal.timeout(TELL_TIMEOUT_MS));
    }
  };

  const app = routed(service, [
    ...calls.flatMap((desk) => {
      const { action, compensation, isLater } = desk;
      const work = workOf(desk);
      const answered = isLater ? later : undefined;
      const undo = compensation && faulty.answering('compensation', compensation, work);
      return [
        [action, { POST: faulty.answering('action', action, work, answered) }] as const,
        ...(undo ? [[compensation, { POST: undo }] as const] : []),
      ];
    }),
    [STANDS_PATH, { GET: standsIn(ledger) }],
    [
      '/health',
      {
        GET: (c) =>
          c.json({
            status: 'healthy',
            service,
            uptime_seconds: Math.floor((clock.now() - startedAt) / 1000),
          }),
      },
    ],
    ['/ledger', { GET: (c) => c.json({ service, entries: journal.entries() }) }],
    ['/tally', { GET: (c) => c.json({ service, ...journal.tally.describe() }) }],
    [
      '/ledger/:sagaId',
      { GET: (c) => c.json({ service, entries: journal.ofSaga(c.req.param('sagaId') ?? '') }) },
    ],
    ...faulty.routes(),
  ]);
  return { service, app, journal, faults: faulty.faults };
}
