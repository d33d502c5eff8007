/** Questions over real sockets: what is sent, and that they go past the breaker and no further than the participant. */
import { afterEach, describe, expect, it } from 'vitest';
import { contentDigest, unbelieved } from '../../participant/signature.ts';
import type { Participants, Question, Told } from '../../server/engine/participants.ts';
import { BREAKER, Calling, TRACEPARENT } from './calling.ts';
import { answered, RARELY, startTrip, tripWorld } from './trip.ts';
import { TIMEOUT_MS as CALL_MS, type Made } from './world.ts';

let calling: Calling | undefined;
afterEach(async () => {
  await calling?.close();
  calling = undefined;
});

const QUESTION = {
  sagaId: 's-1',
  address: 'order',
  participant: 'order',
  path: '/api/stands?saga_id=s-1&step=order',
};
const TIMEOUT_MS = 1_000;
const inquireOf = ({ participants }: Calling) =>
  participants.inquire(QUESTION, { traceparent: TRACEPARENT }, TIMEOUT_MS, 'order');

it('is a GET below the participant’s URL, with its own headers, and nothing of a call', async () => {
  calling = await Calling.open(8, (base) => `${base}/base/`, undefined, ['x-api-key', 'k-e-y-7']);
  const told = inquireOf(calling);
  const seen = await calling.listener.next();
  seen.answer(200, { state: 'done', key: 'k-e-y-7' });
  expect([seen.method, seen.path, seen.body]).toEqual(['GET', '/base/api/stands?saga_id=s-1&step=order', '']);
  expect(seen.headers).toEqual({
    host: new URL(calling.listener.url).host,
    connection: 'keep-alive',
    accept: 'application/json',
    'accept-encoding': 'identity',
    'x-api-key': 'k-e-y-7',
    'saga-id': 's-1',
    'saga-step': 'order',
    traceparent: TRACEPARENT,
  });
  const { url, redact } = await told;
  expect(url).toBe(`${calling.listener.url}/base/api/stands?saga_id=s-1&step=order`);
  expect(redact('a key k-e-y-7')).toBe('a key [redacted]');
  expect(calling.clock.pending).toBe(0);
});

it('is signed where calls are', async () => {
  const key = { id: 'k1', secret: 'a secret of two, nobody else' };
  calling = await Calling.open(8, undefined, undefined, undefined, undefined, key);
  const told = inquireOf(calling);
  const seen = await calling.listener.next();
  seen.answer(200, { state: 'done' });
  await told;
  const header = (name: string) => (seen.headers[name] as string | undefined) ?? null;
  const request = { method: 'GET', path: String(seen.path), header };
  const at = { nowMs: calling.clock.now(), ageMsMax: 1_000 };
  expect(unbelieved(request, { k1: key.secret }, at)).toBe(null);
  expect(unbelieved({ ...request, path: `${seen.path}x` }, { k1: key.secret }, at)).not.toBe(null);
});

it('is made once, also where the breaker is open, and neither opens nor closes it', async () => {
  const own = await Calling.open();
  calling = own;
  const { listener, participants } = own;
  const asked = async (status: number) => {
    const told = inquireOf(own);
    (await listener.next()).answer(status, {});
    return told;
  };
  for (let n = 0; n <= BREAKER.failuresMax; n += 1) await asked(500);
  expect(participants.states.order?.breaker).toBe('closed');
  for (let n = 0; n < BREAKER.failuresMax; n += 1) {
    const reply = own.call();
    (await listener.next()).answer(500, {});
    await reply;
  }
  expect(participants.states.order?.breaker).toBe('open');
  expect(await asked(200)).toMatchObject({ answered: { status: 200 } });
  expect(participants.states.order).toEqual({ breaker: 'open', inFlight: 0, queued: 0 });
});

it('says why there is no answer, and is over when its time is', async () => {
  calling = await Calling.open();
  const told = inquireOf(calling);
  await calling.listener.next();
  await calling.clock.pass(TIMEOUT_MS);
  expect(await told).toMatchObject({ error: `no answer within ${TIMEOUT_MS} ms` });
  expect(calling.participants.states.order).toMatchObject({ inFlight: 0 });
  await calling.listener.close();
  expect(await inquireOf(calling)).toMatchObject({ error: expect.stringContaining('ECONNREFUSED') });
  calling = await Calling.open();
});

it('waits its turn among the calls', async () => {
  calling = await Calling.open(1);
  const call = calling.call();
  const first = await calling.listener.next();
  const told = inquireOf(calling);
  expect(calling.participants.states.order).toMatchObject({ inFlight: 1, queued: 1 });
  first.answer(201, { order_id: 'o-1' });
  await call;
  (await calling.listener.next()).answer(200, { state: 'undone' });
  expect(await told).toMatchObject({ answered: { status: 200 } });
});

it('is not made where its turn has not come in time, and takes no turn from the calls', async () => {
  calling = await Calling.open(1);
  const call = calling.call('action', { boundMs: 3 * TIMEOUT_MS });
  const first = await calling.listener.next();
  const told = inquireOf(calling);
  await calling.clock.pass(TIMEOUT_MS);
  expect(await told).toMatchObject({ error: 'not called: no connection was free in time' });
  expect(calling.participants.states.order).toMatchObject({ inFlight: 1, queued: 0 });
  first.answer(201, { order_id: 'o-1' });
  await call;
  expect(calling.participants.states.order).toMatchObject({ inFlight: 0 });
  expect(calling.listener.seen).toHaveLength(1);
});

it('is about a step or an item that the saga has, and only reads what is stored', async () => {
  const world = tripWorld();
  const asked: unknown[] = [];
  const participants = {
    call: async (_: string, call: Made['call']) => answered({ call } as Made),
    inquire: async ({ address, participant, path }: Question, _: object, timeoutMs: number) => {
      asked.push([address, participant, path, timeoutMs]);
      const body = Buffer.from('{"state":"done"}');
      return { url: `http://there${path}`, redact: (text: string) => text, answered: { status: 200, body } };
    },
    abortAll: () => {},
  };
  const coordinator = await world.coordinator('a', RARELY, participants as unknown as Participants);
  const id = await startTrip(world, coordinator, { visa: false });
  const before = await world.record(id);
  world.journal.length = 0;
  const { engine } = coordinator;
  const about = { participant: 'insurer', state: 'done', status: 200, body: '{"state":"done"}', error: null };
  const said = await engine.inquire(id, 'insurance/Bob%20B');
  expect(said).toMatchObject({ kind: 'asked', inquiry: { step: 'insurance/Bob%20B', ...about } });
  expect(await engine.inquire(id, 'hotel')).toMatchObject({ inquiry: { step: 'hotel', state: 'done' } });
  const path = (step: string) => `/api/stands?saga_id=${id}&step=${step}`;
  expect(asked).toEqual([
    ['insurance/Bob%20B', 'insurer', path('insurance%2FBob%2520B'), CALL_MS],
    ['hotel', 'hotel', path('hotel'), CALL_MS],
  ]);
  // Of all items there is no one call, of Eve none at all, and of the visa its definition does not say where that is asked.
  for (const step of ['insurance', 'insurance/Eve', 'hotel/Ada', 'visa', 'none'])
    expect(await engine.inquire(id, step)).toEqual({ kind: 'not-askable' });
  expect(await engine.inquire('00-none', 'hotel')).toEqual({ kind: 'missing' });
  expect(new Set(world.journal)).toEqual(new Set(['get', 'get answered']));
  expect(await world.record(id)).toEqual(before);
  expect(coordinator.events.filter(({ type }) => type === 'inquired')).toHaveLength(2);
});

describe('of what is answered', () => {
  /** Asks about the hotel of a trip, whose participant says this after 40 ms. */
  async function asking(said: { readonly status: number; readonly body: string | null } | string, over = {}) {
    const world = tripWorld();
    const heard: object[] = [];
    const participants = {
      call: async (_: string, call: Made['call']) => answered({ call } as Made),
      inquire: async ({ path }: Question, headers: object): Promise<Told> => {
        heard.push(headers);
        await world.clock.pass(40);
        const about = {
          url: `http://there${path}`,
          redact: (text: string) => text.replace('k-e-y', '[gone]'),
        };
        if (typeof said === 'string') return { ...about, error: said };
        const { status, body } = said;
        const bytes = body === null ? null : Buffer.from(body);
        return {
          ...about,
          answered: { status, body: bytes, retryAfter: undefined, contentEncoding: undefined },
        };
      },
      abortAll: () => {},
    };
    const coordinator = await world.coordinator(
      'a',
      RARELY,
      participants as unknown as Participants,
      undefined,
      over,
    );
    const id = await startTrip(world, coordinator, { visa: false });
    const result = await coordinator.engine.inquire(id, 'hotel');
    if (result.kind !== 'asked') throw new Error(result.kind);
    const event = coordinator.events.at(-1);
    expect(event).toMatchObject({ type: 'inquired', id, inquiry: result.inquiry });
    return { ...result.inquiry, headers: heard[0], trace: event };
  }
  const DONE = '{"state":"done"}';

  it.each<[string, { status: number; body: string | null }, object]>([
    ['an answer that says so is believed', { status: 200, body: DONE }, { state: 'done', error: null }],
    [
      'so is any other that succeeds',
      { status: 299, body: '{"state":"undone"}' },
      { state: 'undone', error: null },
    ],
    ['a redirect is none', { status: 300, body: DONE }, { error: 'hotel answered 300', body: DONE }],
    ['nor is what came before one', { status: 199, body: DONE }, { error: 'hotel answered 199' }],
    ['a refusal says nothing of the state', { status: 404, body: DONE }, { error: 'hotel answered 404' }],
    [
      'no state is one that nobody knows',
      { status: 200, body: '{"state":"perhaps"}' },
      { error: expect.stringMatching(/^hotel answered 200, but .*state/), body: '{"state":"perhaps"}' },
    ],
    [
      'no JSON is shown',
      { status: 200, body: 'state=done' },
      { error: 'hotel answered 200, but its body is not JSON', body: null },
    ],
    [
      'too long an answer has neither a digest nor a text',
      { status: 200, body: null },
      {
        error: 'hotel answered 200, but its body has more bytes than ANSWER_BYTES_MAX',
        body: null,
        digest: null,
      },
    ],
    [
      'a refusal without a body is told alone',
      { status: 404, body: '' },
      { error: 'hotel answered 404', body: null },
    ],
  ])('%s', async (_, said, told) => {
    const { status, body } = said;
    const digest = body === null ? null : contentDigest(Buffer.from(body));
    expect(await asking(said)).toMatchObject({ state: 'unknown', status, digest, ...told });
  });

  it('as much is shown as somebody reads, without the secrets of its participant', async () => {
    const text = (length: number) => `{"state":"done","a":"${'x'.repeat(length - 23)}"}`;
    expect((await asking({ status: 200, body: text(2_000) })).body).toBe(text(2_000));
    const { body } = await asking({ status: 200, body: text(2_001) });
    expect(body).toBe(`${text(2_001).slice(0, 1_999)}…`);
    expect((await asking({ status: 200, body: '{"state":"done","is":"k-e-y"}' })).body).toBe(
      '{"state":"done","is":"[gone]"}',
    );
  });

  it('nothing but why is told where no answer came, and when it was asked and how long that took', async () => {
    const { askedAtMs, ...about } = await asking('no answer within 40 ms');
    expect(about).toMatchObject({
      ...{ state: 'unknown', status: null, digest: null, body: null },
      ...{ error: 'no answer within 40 ms', ms: 40, step: 'hotel', participant: 'hotel' },
    });
    expect(about.url).toMatch(/^http:\/\/there\/api\/stands\?saga_id=/);
    expect(askedAtMs).toBeGreaterThan(Date.UTC(2026, 0, 1) - 1);
  });

  it('its question is part of the saga’s trace, where that is told at all', async () => {
    const { headers } = await asking({ status: 200, body: DONE });
    expect(headers).toMatchObject({
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    });
    expect((await asking({ status: 200, body: DONE }, { isPropagated: false })).headers).toEqual({});
  });
});
