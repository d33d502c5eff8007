/** The doors of any saga over HTTP: how one is started, and how events reach it. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import { APPROVAL, answered, DAY_MS, RARELY, tripWorld, WANTED } from '../engine/trip.ts';
import { hanging } from '../engine/world.ts';
import { everywhere, placed } from '../machines/placed-order.ts';
import { appOver } from './fake-app.ts';

async function opened() {
  const world = tripWorld();
  const { engine } = await world.coordinator('a', RARELY);
  engine.open();
  const app = appOver(engine);
  const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
    const answer = await app.request(`http://localhost/api/coordinator${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', host: 'localhost', ...headers },
      body: JSON.stringify(body),
    });
    return {
      status: answer.status,
      headers: answer.headers,
      body: (await answer.json()) as Record<string, unknown>,
    };
  };
  return { world, engine, post };
}

const wanted = { ...WANTED, visa: false };
const start = { machine: 'trip', input: wanted };
const pointersIn = (body: Record<string, unknown>) =>
  (body.errors as { pointer: string }[]).map(({ pointer }) => pointer);

it('starts a saga and tells of it by its own facts, without its secrets', async () => {
  const { post } = await opened();
  const { status, headers, body } = await post('/sagas', start, { prefer: 'respond-async' });
  expect(status).toBe(202);
  expect(headers.get('location')).toBe(`/api/coordinator/sagas/${body.saga_id}`);
  expect([headers.get('preference-applied'), headers.get('retry-after')]).toEqual(['respond-async', '2']);
  expect(body).toMatchObject({
    status: 'STARTED',
    machine: { id: 'trip', version: '1' },
    context: { trip: 't-1', card: '[redacted]', traveller: { name: 'Ada', passport: '[redacted]' } },
  });
  expect(body).not.toHaveProperty('order_id');
});

it('starts an order as its own door does, under the same rules', async () => {
  const { world, post } = await opened();
  world.registry.register(orderSaga(everywhere()));
  const { status, body } = await post(
    '/sagas',
    { machine: 'order', input: placed },
    { prefer: 'respond-async' },
  );
  expect([status, body.machine]).toEqual([202, { id: 'order', version: '1' }]);
  expect(body.context).toMatchObject({ amount: orderInput(placed).data.amount });
  const card = { ...placed, payment: { method: 'card', token: '4242 4242 4242 4242' } };
  const refused = await post('/sagas', { machine: 'order', input: { ...card, currency: 'eur', more: 1 } });
  expect([refused.status, pointersIn(refused.body)]).toEqual([
    422,
    ['/input/currency', '/input/payment/token', '/input/more'],
  ]);
});

it('joins a repeat under its key, in whatever order its fields come, and refuses another body', async () => {
  const { post } = await opened();
  const key = { 'idempotency-key': '"k-1"' };
  const first = await post('/sagas', start, key);
  const turned = Object.fromEntries(Object.entries(wanted).reverse());
  const again = await post('/sagas', { input: turned, machine: 'trip' }, key);
  expect(again.body.saga_id).toBe(first.body.saga_id);
  const other = await post('/sagas', { ...start, input: { ...wanted, to: 'ROM' } }, key);
  expect([other.status, other.body.type]).toEqual([422, 'idempotency-key-reused']);
});

it('points at what is wrong with a start', async () => {
  const { post } = await opened();
  const cases = [
    [{ ...start, input: { ...wanted, to: 1, more: true } }, ['/input/to', '/input/more']],
    [{ ...start, machine: 'tirp' }, ['/machine']],
    [{ ...start, version: '9' }, ['/version']],
    [{ machine: 'trip' }, ['/input']],
  ] as const;
  for (const [body, pointers] of cases) {
    const answer = await post('/sagas', body);
    expect([answer.status, pointersIn(answer.body)]).toEqual([422, pointers]);
  }
});

it('stores nothing where the definition itself fails at the start', async () => {
  const { world, post } = await opened();
  const faulty = defineSaga({
    id: 'faulty',
    version: '1',
    input: z.strictObject({ list: z.array(z.string()) }),
  }).step('one', {
    at: 'one',
    action: {
      path: '/',
      request: ({ list }) => ({ length: (list[0] as string).length }),
      answer: z.looseObject({}),
    },
    undo: { path: '/undo' },
  });
  world.registry.register(definitionOf(faulty, everywhere()));
  const { status, body } = await post('/sagas', { machine: 'faulty', input: { list: [] } });
  expect([status, body.type]).toEqual([500, 'definition-error']);
  expect(JSON.stringify(body)).not.toContain('undefined');
  expect((await world.store.list({}, null, 10)).sagas).toEqual([]);
});

it('takes an event once, and lets the saga go on with it', async () => {
  const { world, post } = await opened();
  const { body: started } = await post('/sagas', start);
  await world.clock.pass(10);
  const events = `/sagas/${started.saga_id}/events`;
  const sent = await post(events, { ...APPROVAL, id: 'e-1' });
  expect([sent.status, sent.body]).toEqual([202, { saga_id: started.saga_id, name: 'approval', id: 'e-1' }]);
  await world.clock.pass(10);
  expect((await world.record(started.saga_id as string)).status).toBe('COMPLETED');
  expect((await post(events, { ...APPROVAL, id: 'e-1' })).status).toBe(202);
  const late = await post(events, APPROVAL);
  expect([late.status, late.body.type]).toEqual([409, 'saga-ended']);
});

it('says what is wrong with an event', async () => {
  const { world, post } = await opened();
  world.reply('flight', 'action', hanging);
  const { body: started } = await post('/sagas', start);
  const events = `/sagas/${started.saga_id}/events`;
  const unnamed = await post(events, { ...APPROVAL, name: 'aproval' });
  expect([unnamed.status, pointersIn(unnamed.body)]).toEqual([422, ['/name']]);
  const wrong = await post(events, { ...APPROVAL, data: { by: 'eve', approved: 'yes' } });
  expect([wrong.status, pointersIn(wrong.body)]).toEqual([422, ['/data/approved']]);
  const none = await post('/sagas/00-none/events', APPROVAL);
  expect([none.status, none.body.type]).toEqual([404, 'saga-not-found']);
  const large = await post(events, { ...APPROVAL, data: { by: 'eve'.padEnd(200, 'e'), approved: true } });
  expect(large.status).toBe(202);
  let full = 0;
  for (let n = 0; n < 60 && full === 0; n += 1) {
    const { status, headers } = await post(events, APPROVAL);
    if (status === 429) full = Number(headers.get('retry-after'));
  }
  expect(full).toBeGreaterThan(0);
});

it('takes an event before, at and after its state, twice, and after the end, and counts one', async () => {
  const { world, engine, post } = await opened();
  const begin = async () => (await post('/sagas', start, { prefer: 'respond-async' })).body.saga_id as string;
  const send = async (saga: string, id: string, by = 'eve', approved = true) => {
    const event = { name: 'approval', id, data: { by, approved } };
    const { status, body } = await post(`/sagas/${saga}/events`, event);
    await world.clock.pass(10);
    return status === 202 ? 'taken' : body.type;
  };
  const seen = async (saga: string) => {
    const found = (await engine.get(saga))?.saga;
    return [found?.summary.state, found?.context.data.approved_by];
  };
  const answers = new Map<string, () => void>();
  const stopped = new Map(
    ['flight', 'payment'].map((step) => [step, new Promise<void>((resolve) => answers.set(step, resolve))]),
  );
  world.participants = async (made) => {
    await stopped.get(made.call.step);
    return answered(made);
  };
  const go = async (step: string) => {
    answers.get(step)?.();
    await world.clock.pass(10);
  };

  const early = await begin();
  const timely = await begin();
  const missed = await begin();
  await world.clock.pass(10);
  expect([await send(early, 'e-1'), await send(early, 'e-1')]).toEqual(['taken', 'taken']);
  expect(await seen(early)).toEqual(['booking(flight.bookingFlight.calling,hotel.done)', undefined]);
  await go('flight');
  expect(await seen(early)).toEqual(['chargingCard.calling', 'eve']);

  expect(await seen(timely)).toEqual(['awaitingApproval', undefined]);
  expect(await send(timely, 'e-1')).toBe('taken');
  expect(await seen(timely)).toEqual(['chargingCard.calling', 'eve']);
  // Behind its state: the same one again, and another, which says no.
  expect([await send(timely, 'e-1'), await send(timely, 'e-2', 'bob', false)]).toEqual(['taken', 'taken']);
  expect(await seen(timely)).toEqual(['chargingCard.calling', 'eve']);
  await go('payment');
  for (const saga of [early, timely]) {
    expect(await seen(saga)).toEqual(['completed', 'eve']);
    expect([await send(saga, 'e-1'), await send(saga, 'e-9')]).toEqual(['taken', 'saga-ended']);
  }

  await world.clock.pass(3 * DAY_MS);
  expect(await seen(missed)).toEqual(['failed', undefined]);
  expect(await send(missed, 'e-1')).toBe('saga-ended');
  const consumed = async (saga: string) =>
    (await world.store.log(saga)).filter(({ event, from, to }) => event === 'event' && from !== to).length;
  expect([await consumed(early), await consumed(timely), await consumed(missed)]).toEqual([0, 1, 0]);
});
