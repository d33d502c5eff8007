/** A retry of many sagas over real HTTP: which are found, which are retried, and what is said of the others. */
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { bulkRetry } from '../../server/routes/bulk-retry-schemas.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import { appOver } from '../server/fake-app.ts';
import { ORDER, openWorld, send, submit, type World } from './world.ts';

const PATH = '/api/coordinator/sagas:retry';
const SAGAS = '/api/coordinator/sagas';
const REFUSED = { ...ORDER, customer_id: 'cust_unreachable' };
const WHO = { reason: 'payment is mended', by: 'ada' };

let world: World;
let one: string;
let two: string;
beforeAll(async () => {
  world = await openWorld();
  one = (await world.coordinator({ COORDINATOR_ID: 'one' })).url;
  two = (await world.coordinator({ COORDINATOR_ID: 'two' })).url;
});
afterAll(() => world.close());

/** Of this test: whatever stands in the store from another was created before. */
let since: string;
beforeEach(async () => {
  const newest =
    (await send(`${one}${SAGAS}?limit=1`)).body.sagas[0]?.created_at ?? new Date(0).toISOString();
  since = new Date(Date.parse(newest) + 1).toISOString();
  // Sagas are told apart by whole milliseconds.
  while (Date.now() <= Date.parse(newest)) await send(`${one}/livez`);
});
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

/** Every answer is as the OpenAPI document says. */
async function retry(body: object, url = one) {
  const answer = await send(url + PATH, { method: 'POST', body });
  if (answer.status === 200) expect(bulkRetry.parse(answer.body)).toEqual(answer.body);
  return answer;
}
const found = async (filter: object, more = {}) =>
  (await retry({ ...WHO, dry_run: true, filter: { since, status: 'ABORTED', ...filter }, ...more })).body;
const idsOf = (sagas: readonly { saga_id: string }[]) => sagas.map(({ saga_id }) => saga_id);
const saga = async (id: string) => (await send(`${one}${SAGAS}/${id}`)).body;
const etagOf = async (id: string) => String((await send(`${one}${SAGAS}/${id}`)).headers.etag);

async function ended(id: string) {
  for (;;) {
    const body = await saga(id);
    if (body.status === 'FAILED' || body.status === 'COMPLETED') return body;
  }
}

/** Sagas that are parked because a service refused to undo; newest first, as listings are. */
async function parked(count: number, service: (typeof SERVICE_NAMES)[number] = 'payment'): Promise<string[]> {
  const ids: string[] = [];
  world.services[service].faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  for (let i = 0; i < count; i += 1) {
    const { body } = await submit(one, REFUSED);
    expect(body.status).toBe('ABORTED');
    ids.unshift(body.saga_id);
  }
  world.services[service].faults.clear();
  return ids;
}

/** A saga that waits for its next attempt of shipping until somebody asks for it. */
async function waiting(): Promise<string> {
  world.services.shipping.faults.set([
    { endpoint: 'action', kind: 'status', status: 503, retry_after: 300, times: 1 },
  ]);
  const { body } = await submit(one, ORDER, { prefer: 'respond-async' });
  while ((await saga(body.saga_id)).state !== 'schedulingShipping.waiting');
  return body.saga_id;
}

describe('a dry run', () => {
  it('names the sagas with their ETags, and changes nothing', async () => {
    const ids = await parked(2);
    const before = await Promise.all(ids.map(saga));
    const { dry_run, sagas, cursor } = await found({});
    expect({ dry_run, cursor }).toEqual({ dry_run: true, cursor: null });
    expect(idsOf(sagas)).toEqual(ids);
    expect(sagas[0]).toMatchObject({ status: 'ABORTED', state: 'parked', failed_step: 'notification' });
    expect(sagas.map(({ etag }: { etag: string }) => etag)).toEqual(await Promise.all(ids.map(etagOf)));
    expect(await Promise.all(ids.map(saga))).toEqual(before);
  });

  it('finds by state, failed step, time without a transition, order, and the text of what is held', async () => {
    const [id = ''] = await parked(1, 'payment');
    const [other = ''] = await parked(1, 'inventory');
    const { order_id, held } = await saga(id);
    expect(held[0].reason).toMatch(/^409/);
    for (const [filter, ids] of [
      [{ state: 'parked' }, [other, id]],
      [{ state: 'park' }, []],
      [{ failed_step: 'notification' }, [other, id]],
      [{ failed_step: 'order' }, []],
      [{ stuck_for: 0 }, [other, id]],
      [{ stuck_for: 1_000_000 }, []],
      [{ order_id }, [id]],
      [{ error: '409' }, [other, id]],
      [{ error: 'out of reach' }, []],
      [{ until: since }, []],
    ] as const) {
      expect(idsOf((await found(filter)).sagas), JSON.stringify(filter)).toEqual(ids);
    }
  });

  it('goes on where the answer before ended', async () => {
    const ids = await parked(3);
    const first = await found({}, { limit: 2 });
    expect(idsOf(first.sagas)).toEqual(ids.slice(0, 2));
    const rest = await found({}, { limit: 2, cursor: first.cursor });
    expect(idsOf(rest.sagas)).toEqual(ids.slice(2));
    expect(rest.cursor).toBeNull();
  });

  it('of what has not ended names those that wait, and none that is being called', async () => {
    const id = await waiting();
    world.services.order.faults.set([{ endpoint: 'action', kind: 'hang' }]);
    const hanging = (await submit(one, ORDER, { prefer: 'respond-async' })).body.saga_id;
    expect(idsOf((await found({ status: 'STARTED' })).sagas)).toEqual([id]);
    const named = { ...WHO, sagas: [{ saga_id: hanging, etag: await etagOf(hanging) }] };
    expect((await retry(named)).body.results).toEqual([
      { saga_id: hanging, result: 'no-such-event', state: 'creatingOrder.calling' },
    ]);
    world.services.order.faults.clear();
    const wake = { ...WHO, filter: { since, status: 'STARTED', state: 'schedulingShipping' } };
    expect((await retry(wake, two)).body.results).toEqual([{ saga_id: id, result: 'accepted' }]);
    expect((await ended(id)).status).toBe('COMPLETED');
  });
});

describe('what a dry run gave, submitted', () => {
  it('retries each, says who asked and why in its log, and leaves alone what has moved since', async () => {
    const [moved = '', gone = '', ...rest] = await parked(4);
    const { sagas } = await found({});
    // Somebody else was quicker with one of them, and has ended another by hand.
    const headers = { 'if-match': await etagOf(gone) };
    for (const [id, kind, more] of [
      [moved, 'skip', { step: 'payment' }],
      [gone, 'resolve', { as: 'FAILED' }],
    ] as const) {
      const match = id === moved ? { 'if-match': await etagOf(id) } : headers;
      const body = { reason: 'by hand', ...more };
      expect(
        (await send(`${one}${SAGAS}/${id}/${kind}`, { method: 'POST', body, headers: match })).status,
      ).toBe(202);
      await ended(id);
    }

    const unknown = `${rest[0]?.slice(0, 3)}01a208f1-0e46-7707-97cc-39ca71fe880c`;
    // One of them as a proxy that compresses weakens it.
    const asked = sagas.map(({ saga_id, etag }: { saga_id: string; etag: string }) => ({
      saga_id,
      etag: saga_id === rest[0] ? `W/${etag}` : etag,
    }));
    const { status, body } = await retry(
      { ...WHO, sagas: [...asked, { saga_id: unknown, etag: '"1"' }] },
      two,
    );
    expect(status).toBe(200);
    expect(body).toEqual({
      dry_run: false,
      accepted: 2,
      cursor: null,
      results: [
        { saga_id: moved, result: 'moved', etag: await etagOf(moved) },
        { saga_id: gone, result: 'moved', etag: await etagOf(gone) },
        ...rest.map((saga_id) => ({ saga_id, result: 'accepted' })),
        { saga_id: unknown, result: 'missing' },
      ],
    });
    for (const id of rest) {
      const { status: how, execution_log } = await ended(id);
      expect(how).toBe('FAILED');
      expect(execution_log.filter(({ event }: { event: string }) => event === 'retry')).toMatchObject([WHO]);
      expect(world.calls(id).at(-1)).toBe('payment compensation performed');
    }
    expect((await saga(gone)).execution_log.map(({ event }: { event: string }) => event)).not.toContain(
      'retry',
    );
  });
});

describe('an empty list', () => {
  it('beside a filter counts as absent: some clients know no absence', async () => {
    const filter = { since, status: 'ABORTED' };
    const answer = await retry({ ...WHO, dry_run: true, filter, sagas: [] });
    expect(answer).toMatchObject({ status: 200, body: { dry_run: true } });
    expect(answer.body).toEqual(await found({}));
  });
});

describe('a filter, submitted', () => {
  it('retries more sagas than are asked at once, each once, page by page', async () => {
    const ids = await parked(20);
    const filter = { since, status: 'ABORTED', error: '409' };
    const first = await retry({ ...WHO, filter, limit: 18 });
    expect(first.body).toMatchObject({ dry_run: false, accepted: 18 });
    expect(idsOf(first.body.results)).toEqual(ids.slice(0, 18));
    const { body } = await retry({ ...WHO, filter, limit: 18, cursor: first.body.cursor });
    expect(body.results).toEqual(ids.slice(18).map((saga_id) => ({ saga_id, result: 'accepted' })));
    expect(body.cursor).toBeNull();
    for (const id of ids) {
      const { execution_log } = await ended(id);
      expect(execution_log.filter(({ event }: { event: string }) => event === 'retry')).toHaveLength(1);
    }
    expect((await found({})).sagas).toEqual([]);
  });

  it('that finds nothing is no error', async () => {
    const { status, body } = await retry({ ...WHO, filter: { since, status: 'ABORTED' } });
    expect(status).toBe(200);
    expect(body).toEqual({ dry_run: false, accepted: 0, results: [], cursor: null });
  });
});

it('says of each saga that it was not told, where the mailbox is full or the store goes away meanwhile', async () => {
  const results: readonly (() => ReturnType<SagaEngine['operate']>)[] = [
    async () => ({ kind: 'accepted', isFree: true }),
    async () => ({ kind: 'full' }),
    async () => ({ kind: 'busy' }),
    () => Promise.reject(new StoreUnavailableError('away', true)),
  ];
  const app = appOver({ operate: (id) => results[Number(id)]?.() as ReturnType<SagaEngine['operate']> });
  const sagas = results.map((_, index) => ({ saga_id: String(index), etag: '"1"' }));
  const headers = { 'content-type': 'application/json', host: 'localhost' };
  const answer = await app.request(PATH, {
    method: 'POST',
    headers,
    body: JSON.stringify({ ...WHO, sagas }),
  });
  expect(answer.status).toBe(200);
  const { results: told } = (await answer.json()) as { results: { result: string }[] };
  expect(told.map(({ result }) => result)).toEqual([
    'accepted',
    'too-many-requests',
    'too-many-requests',
    'store-unavailable',
  ]);
});

describe('is refused', () => {
  const filter = { status: 'ABORTED' };
  const named = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ saga_id: `00-${n}`, etag: '"1"' }));
  it.each([
    ['without a reason', { filter }, ['/reason']],
    ['with a blank one', { reason: ' ', filter }, ['/reason']],
    ['without filter and sagas', WHO, ['/filter']],
    ['with both', { ...WHO, filter, sagas: named(1) }, ['/filter']],
    ['as a dry run of sagas', { ...WHO, dry_run: true, sagas: named(1) }, ['/dry_run']],
    [
      'with a limit or cursor for sagas',
      { ...WHO, limit: 1, cursor: 'x', sagas: named(1) },
      ['/limit', '/cursor'],
    ],
    ['without a status', { ...WHO, filter: {} }, ['/filter/status']],
    ['for sagas that have ended', { ...WHO, filter: { status: 'FAILED' } }, ['/filter/status']],
    [
      'with a misspelt filter',
      { ...WHO, filter: { ...filter, failedstep: 'order' } },
      ['/filter/failedstep'],
    ],
    ['with a time that is none', { ...WHO, filter: { ...filter, since: 'today' } }, ['/filter/since']],
    ['with a span that is none', { ...WHO, filter: { ...filter, stuck_for: '1' } }, ['/filter/stuck_for']],
    ['with an empty text', { ...WHO, filter: { ...filter, error: '' } }, ['/filter/error']],
    ['for none', { ...WHO, sagas: [] }, ['/filter']],
    ['for too many', { ...WHO, sagas: named(501) }, ['/sagas']],
    ['for too many that are found', { ...WHO, filter, limit: 501 }, ['/limit']],
    ['for one saga twice', { ...WHO, sagas: [...named(2), ...named(1)] }, ['/sagas']],
    ['with an ETag that is none', { ...WHO, sagas: [{ saga_id: '00-1', etag: '1' }] }, ['/sagas/0/etag']],
    ['without an ETag', { ...WHO, sagas: [{ saga_id: '00-1' }] }, ['/sagas/0/etag']],
  ])('%s', async (_, body, pointers) => {
    const answer = await retry(body);
    expect(answer).toMatchObject({ status: 422, body: { type: 'validation-error' } });
    expect(answer.body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
  });

  it('with a cursor that no answer gave', async () => {
    const answer = await retry({ ...WHO, filter, cursor: 'none' });
    expect(answer).toMatchObject({ status: 400, body: { type: 'invalid-query' } });
  });
});

it('a saga that its machine cannot read takes no request, and keeps no other from its retry', async () => {
  const [good = '', bad = ''] = await parked(2);
  const key = `{p${bad.slice(0, 2)}}:saga:${bad}`;
  const redis = new Redis(world.redis.port);
  await redis.hset(key, 'snapshot', '{}');
  redis.disconnect();
  const { body } = await retry({
    ...WHO,
    sagas: [
      { saga_id: bad, etag: await etagOf(bad) },
      { saga_id: good, etag: await etagOf(good) },
    ],
  });
  expect(body.results).toEqual([
    { saga_id: bad, result: 'no-such-event', state: 'parked' },
    { saga_id: good, result: 'accepted' },
  ]);
  await ended(good);
});
