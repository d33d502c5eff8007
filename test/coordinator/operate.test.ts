/** What operators do to sagas, over real HTTP: when it takes effect, what reaches the services, and what stays in the log. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type Holdings, holdings } from './holdings.ts';
import { type Answer, ORDER, openWorld, send, settled, submit, type World } from './world.ts';

/** Calls that are to be slow wait until they are let go; `entered` resolves when one waits. */
let entered: Promise<void>;
let letGo: () => void;
let slow: () => Promise<void>;

let world: World;
let one: string;
let two: string;
let before: Holdings;

beforeAll(async () => {
  world = await openWorld({ clock: { now: Date.now, sleep: () => slow() } });
  one = (await world.coordinator({ COORDINATOR_ID: 'one' })).url;
  two = (await world.coordinator({ COORDINATOR_ID: 'two' })).url;
});
afterAll(() => world.close());

beforeEach(() => {
  let open = () => {};
  let enter = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  entered = new Promise<void>((resolve) => {
    enter = resolve;
  });
  letGo = open;
  slow = () => {
    enter();
    return opened;
  };
  before = holdings(world.services);
});
afterEach(() => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
});

const path = (url: string, id: string) => `${url}/api/coordinator/sagas/${id}`;
const operate = (url: string, id: string, kind: string, body: object = {}, headers = {}) =>
  send(`${path(url, id)}/${kind}`, {
    method: 'POST',
    body: { reason: 'a test', by: 'ada', ...body },
    headers,
  });

async function startedAt(url: string, order: object = ORDER): Promise<string> {
  const { status, body } = await submit(url, order, { prefer: 'respond-async' });
  expect(status).toBe(202);
  return body.saga_id;
}

async function inState(url: string, id: string, state: string): Promise<Answer> {
  for (;;) {
    const answer = await send(path(url, id));
    if (answer.body.state === state) return answer;
  }
}

const events = ({ body }: Answer) => body.execution_log.map(({ event }: { event: string }) => event);
const REFUSED = { ...ORDER, customer_id: 'cust_unreachable' };

/** A saga that is parked because these compensations were refused. */
async function parked(...held: (typeof SERVICE_NAMES)[number][]): Promise<string> {
  for (const name of held) {
    world.services[name].faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  }
  const { body } = await submit(one, REFUSED);
  expect(body.status).toBe('ABORTED');
  for (const name of held) world.services[name].faults.clear();
  return body.saga_id;
}

const etag = async (id: string) => ({ 'if-match': String((await send(path(one, id))).headers.etag) });

describe('cancel', () => {
  it.each([
    ['the owner', () => one],
    ['another coordinator', () => two],
  ])('asked of %s waits for the call in flight, then undoes it and all before it', async (_, url) => {
    world.services.payment.faults.set([{ endpoint: 'action', kind: 'slow-effect', latency_ms: 1 }]);
    const id = await startedAt(one);
    await entered;
    const { status, body } = await operate(url(), id, 'cancel');
    expect(status).toBe(202);
    expect(body.state).toBe('processingPayment.calling');
    letGo();

    const ended = await settled(one, id);
    expect(ended.body).toMatchObject({ status: 'FAILED', failed_step: null, failed_step_index: null });
    expect(ended.body.reason).toBe('cancelled: a test');
    expect(world.calls(id)).toEqual([
      'order action performed',
      'inventory action performed',
      'payment action performed',
      'payment compensation performed',
      'inventory compensation performed',
      'order compensation performed',
    ]);
    expect(holdings(world.services)).toEqual(before);
    const entry = ended.body.execution_log.find(({ event }: { event: string }) => event === 'cancel');
    expect(entry).toMatchObject({ by: 'ada', reason: 'a test', from: 'processingPayment.calling' });
    const seqs = ended.body.execution_log.map(({ seq }: { seq: number }) => seq);
    expect(seqs).toEqual(seqs.map((_: number, index: number) => index + 1));
  });

  it('of a saga that waits for its next attempt takes effect at once', async () => {
    world.services.shipping.faults.set([
      { endpoint: 'action', kind: 'status', status: 503, retry_after: 300 },
    ]);
    const id = await startedAt(one);
    await inState(one, id, 'schedulingShipping.waiting');
    expect((await operate(two, id, 'cancel')).status).toBe(202);
    expect((await settled(one, id)).body.status).toBe('FAILED');
    expect(world.calls(id).slice(4)).toEqual([
      'shipping compensation nothing-to-undo',
      'payment compensation performed',
      'inventory compensation performed',
      'order compensation performed',
    ]);
    expect(holdings(world.services)).toEqual(before);
  });

  it('is refused where the saga is being undone, has ended or is parked', async () => {
    const done = (await submit(one)).body.saga_id;
    const held = await parked('order');
    world.services.inventory.faults.set([{ endpoint: 'compensation', kind: 'latency', latency_ms: 1 }]);
    const undoing = await startedAt(one, REFUSED);
    await entered;
    for (const id of [done, held, undoing]) {
      expect(await operate(one, id, 'cancel')).toMatchObject({
        status: 409,
        body: { type: 'no-such-event' },
      });
    }
    letGo();
    await settled(one, undoing);
  });
});

describe('retry', () => {
  it('makes the next attempt now', async () => {
    world.services.shipping.faults.set([
      { endpoint: 'action', kind: 'status', status: 503, retry_after: 300, times: 1 },
    ]);
    const id = await startedAt(one);
    await inState(one, id, 'schedulingShipping.waiting');
    expect((await operate(two, id, 'retry')).status).toBe(202);
    const ended = await settled(one, id);
    expect(ended.body.status).toBe('COMPLETED');
    expect(events(ended)).toContain('retry');
  });

  it('of a parked saga runs what had failed, and nothing else', async () => {
    const id = await parked('payment', 'order');
    const calls = world.calls(id).length;
    expect((await operate(one, id, 'retry')).status).toBe(202);
    for (;;) if ((await send(path(one, id))).body.status === 'FAILED') break;
    expect(world.calls(id).slice(calls)).toEqual([
      'payment compensation performed',
      'order compensation performed',
    ]);
    expect(holdings(world.services)).toEqual(before);
  });
});

describe('skip', () => {
  it('counts one compensation as done; the saga stays parked while another is held', async () => {
    const id = await parked('payment', 'order');
    expect((await operate(one, id, 'skip', { step: 'payment' }, await etag(id))).status).toBe(202);
    for (;;) if ((await send(path(one, id))).body.held.length === 1) break;
    const half = await send(path(one, id));
    expect(half.body).toMatchObject({ status: 'ABORTED', held: [{ step: 'order' }] });
    expect((await operate(one, id, 'skip', { step: 'order' }, await etag(id))).status).toBe(202);
    for (;;) if ((await send(path(one, id))).body.status !== 'ABORTED') break;
    expect((await send(path(one, id))).body).toMatchObject({ status: 'FAILED', held: [] });
  });

  it('of a step that is not held is refused', async () => {
    const id = await parked('payment');
    const answer = await operate(one, id, 'skip', { step: 'order' }, await etag(id));
    expect(answer).toMatchObject({ status: 409, body: { type: 'no-such-event' } });
  });
});

describe('resolve', () => {
  it.each(['COMPLETED', 'FAILED'])('ends a parked saga as %s, and says who did it and why', async (as) => {
    const id = await parked('payment');
    expect((await operate(two, id, 'resolve', { as }, await etag(id))).status).toBe(202);
    for (;;) if ((await send(path(one, id))).body.status === as) break;
    const { body } = await send(path(one, id));
    expect(body).toMatchObject({ resolved_by: 'ada', message: `${as}: Resolved by ada: a test` });
    const { body: statistics } = await send(`${one}/api/coordinator/statistics`);
    expect(Object.values<number>(statistics.status_breakdown).reduce((sum, n) => sum + n, 0)).toBe(
      statistics.total_active_sagas,
    );
  });

  it('of a saga that is not parked is refused', async () => {
    const id = (await submit(one)).body.saga_id;
    expect((await operate(one, id, 'resolve', { as: 'FAILED' }, await etag(id))).status).toBe(409);
  });
});

describe('the version that is meant', () => {
  it('must be given for skip and resolve, and be the newest', async () => {
    const id = await parked('payment');
    for (const [kind, body] of [
      ['skip', { step: 'payment' }] as const,
      ['resolve', { as: 'FAILED' }] as const,
    ]) {
      const type = 'precondition-required';
      expect(await operate(one, id, kind, body)).toMatchObject({ status: 428, body: { type } });
      expect(await operate(one, id, kind, body, { 'if-match': '"1"' })).toMatchObject({
        status: 412,
        body: { type: 'saga-moved' },
      });
      expect((await operate(one, id, kind, body, { 'if-match': 'seven' })).status).toBe(400);
    }
    expect((await send(path(one, id))).body.status).toBe('ABORTED');
  });

  it.each([
    ['as a proxy weakens it', (tag: string) => `W/${tag}`],
    ['in a list', (tag: string) => `"1", ${tag} ,W/"2"`],
    ['in a list with others than ours', (tag: string) => `"x,y" , , ${tag}, "999"`],
  ])('may be given %s', async (_, written) => {
    const id = await parked('payment');
    const tag = String((await etag(id))['if-match']);
    const taken = await operate(one, id, 'resolve', { as: 'FAILED' }, { 'if-match': written(tag) });
    expect(taken.status).toBe(202);
  });

  it.each(['"1", "2"', 'W/"1"', '"x"', '""', '"9999999999"'])(
    'is refused where it is not %s',
    async (tags) => {
      const id = await parked('payment');
      for (const kind of ['cancel', 'resolve'] as const) {
        const body = kind === 'resolve' ? { as: 'FAILED' } : {};
        expect((await operate(one, id, kind, body, { 'if-match': tags })).status, kind).toBe(412);
      }
    },
  );

  it.each(['seven', '7', '"7', 'w/"7"', '"7" "8"', '*, "7"', ', ,', 'W/ "7"'])(
    'cannot be read in %s',
    async (tags) => {
      const answer = await operate(one, 'none', 'resolve', { as: 'FAILED' }, { 'if-match': tags });
      expect(answer).toMatchObject({ status: 400, body: { type: 'invalid-header' } });
    },
  );

  it('is any where * says so, which is too little for skip and resolve', async () => {
    const id = await parked('payment');
    const star = { 'if-match': '*' };
    expect((await operate(one, id, 'resolve', { as: 'FAILED' }, star)).status).toBe(428);
    expect((await operate(one, id, 'retry', {}, star)).status).toBe(202);
  });

  it('may be given for cancel and retry', async () => {
    const id = await parked('payment');
    expect((await operate(one, id, 'retry', {}, { 'if-match': '"1"' })).status).toBe(412);
  });

  it.each(['cancel', 'retry', 'skip', 'resolve'])(
    '%s of an unknown saga, or without a reason, is refused',
    async (kind) => {
      const body = { step: 'payment', as: 'FAILED' };
      const only = kind === 'skip' ? { step: body.step } : kind === 'resolve' ? { as: body.as } : {};
      const unknown = '00-01a208f1-0e46-7707-97cc-39ca71fe880c';
      expect((await operate(one, unknown, kind, only, { 'if-match': '"1"' })).status).toBe(404);
      expect(
        (await operate(one, unknown, kind, { ...only, reason: ' ' }, { 'if-match': '"1"' })).status,
      ).toBe(422);
    },
  );
});

it('a saga whose deadline has passed is undone once the call in flight has settled', async () => {
  const { url } = await world.coordinator({ COORDINATOR_ID: 'strict', SAGA_DEADLINE_MS: '1' });
  world.services.order.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1 }]);
  const id = await startedAt(url);
  await entered;
  // The deadline is on the coordinator's clock: it has passed when that clock has moved on.
  for (const until = Date.now() + 2; Date.now() < until; ) await send(`${url}/livez`);
  letGo();
  const { body } = await settled(url, id);
  expect(body).toMatchObject({ status: 'FAILED', failed_step: null });
  expect(body.reason).toMatch(/^deadline/);
  expect(world.calls(id)).toEqual(['order action performed', 'order compensation performed']);
});
