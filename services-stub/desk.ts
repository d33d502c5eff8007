/**
 * A participant of few words: each of its calls gives an id for what it is asked, under the same ledger as the five services of
 * the order saga. One that answers later says 202, and calls back.
 */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import { z } from 'zod';
import { done, memoryLedger, type SettledCall } from '../participant/index.ts';
import { callOf, STANDS_PATH, settle, standsIn } from './calls.ts';
import { type CallKind, Journal } from './journal.ts';
import type { Means } from './participant.ts';
import { type Env, type Handler, routed } from './routes.ts';
import { invalid, problem, readJson, toResponse } from './wire.ts';

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
  readonly faults: { clear(): void };
}

/** By path: the calls to it are answered so, or performed and not answered at all. */
const deskFaults = z.record(
  z.string(),
  z
    .strictObject({
      status: z.int().min(200).max(599).optional(),
      lose_answer: z.literal(true).optional(),
      times: z.int().min(1).optional(),
    })
    .refine(({ status, lose_answer }) => (status === undefined) !== (lose_answer === undefined), {
      message: 'A fault has a status, or lose_answer.',
    }),
);

/** How often a call-back is made that nobody answers, and how long it waits for an answer. */
const TELL_ATTEMPTS_MAX = 5;
const TELL_TIMEOUT_MS = 5_000;

export function createDesk<Name extends string>(
  service: Name,
  calls: readonly DeskCall[],
  { clock, newId, nextSeq, faultsOn }: Means,
): Desk<Name> {
  const journal = new Journal({ service, now: clock.now, nextSeq });
  const ledger = memoryLedger();
  const faults = new Map<string, { status?: number | undefined; times?: number | undefined }>();
  const startedAt = clock.now();

  const answer =
    (desk: DeskCall, kind: CallKind, path: string): Handler =>
    async (c) => {
      const fault = faults.get(path);
      if (fault !== undefined) {
        if (fault.times === 1) faults.delete(path);
        else if (fault.times !== undefined) faults.set(path, { ...fault, times: fault.times - 1 });
      }
      const call = callOf(c, kind, fault ? ['desk'] : []);
      if (fault?.status !== undefined) {
        journal.append(call, 'failed', fault.status);
        return toResponse(
          problem(fault.status, 'fault-injected', 'Fault injected', 'A fault rule answered this call.'),
        );
      }
      const { response, settled } = await settle(c, call, ledger, journal, {
        perform() {
          const [field, prefix] = desk.gives;
          const id = newId(prefix);
          return done({ [field]: desk.isList ? [id] : id, ...desk.also }, { status: 201 });
        },
        undo: () => done({ status: 'undone' }),
      });
      if (fault !== undefined) {
        c.env.incoming.socket.destroy();
        return RESPONSE_ALREADY_SENT;
      }
      const url = c.req.header('saga-callback-url');
      const token = c.req.header('saga-callback-token');
      const isTold = desk.isLater && kind === 'action' && settled !== null;
      if (!isTold || url === undefined || token === undefined) return response;
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

  const setFaults: Handler = async (c) => {
    const body = await readJson(c);
    if ('refusal' in body) return toResponse(body.refusal);
    const given = deskFaults.safeParse(body.value);
    if (!given.success) return toResponse(invalid(given.error));
    faults.clear();
    for (const [path, fault] of Object.entries(given.data)) faults.set(path, fault);
    return c.body(null, 204);
  };
  const clearFaults: Handler = (c) => {
    faults.clear();
    return c.body(null, 204);
  };

  const app = routed(service, [
    ...calls.flatMap((desk) => [
      [desk.action, { POST: answer(desk, 'action', desk.action) }] as const,
      ...(desk.compensation === null
        ? []
        : [[desk.compensation, { POST: answer(desk, 'compensation', desk.compensation) }] as const]),
    ]),
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
    ...(faultsOn ? [['/faults', { PUT: setFaults, DELETE: clearFaults }] as const] : []),
  ]);
  return { service, app, journal, faults: { clear: () => faults.clear() } };
}
