/** The door of asynchronous participants over HTTP: who may tell an outcome, and what becomes of it. */
import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { Callbacks } from '../../server/callbacks.ts';
import type { Reply } from '../../server/engine/outcome.ts';
import { RARELY, startTrip, tripWorld } from '../engine/trip.ts';
import { refused } from '../engine/world.ts';
import { comparisons } from './comparisons.ts';
import { appOver } from './fake-app.ts';

const LATER: Reply = { outcome: 'accepted', location: null, pollAfterMs: null };
const DONE = { outcome: 'done', answer: { visa_no: 'v-9' } };

/** A trip that waits for its visa, and what its call carried. */
async function waiting() {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const callbacks = new Callbacks(await world.store.secret(), () => 'https://saga.example/base');
  const app = appOver(a.engine, undefined, '', callbacks);
  world.reply('visa', 'action', LATER);
  const id = await startTrip(world, a);
  const call = world.calls.find((made) => made.call.step === 'visa')?.call;
  if (call === undefined) throw new Error('the visa was not applied for');
  const [, token = '', , url = ''] = callbacks.headersOf(id, call);
  const post = async (body: unknown, headers: Record<string, string> = {}, path = doorOf(id)) => {
    const answer = await app.request(`http://localhost${path}`, {
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
  const tell = (body: unknown, path?: string) => post(body, { 'saga-callback-token': token }, path);
  const state = async () => (await world.record(id)).summary.state;
  return { world, ...a, id, token, url, post, tell, state };
}
const doorOf = (id: string, step = 'visa') => `/api/coordinator/sagas/${id}/steps/${step}/outcome`;

it('takes an outcome once, from whoever has the token of the call, and at the address that the call carried', async () => {
  const { world, id, url, tell, state } = await waiting();
  expect(url).toBe(`https://saga.example/base${doorOf(id)}`);
  const first = await tell(DONE);
  expect([first.status, first.body]).toEqual([
    202,
    { saga_id: id, step: 'visa', attempt: 1, taken: 'accepted' },
  ]);
  expect(first.headers.get('location')).toBe(`/api/coordinator/sagas/${id}`);
  // Before the saga has seen it, and afterwards.
  expect((await tell(DONE)).body.taken).toBe('repeated');
  await world.clock.pass(10);
  expect(await state()).toBe('awaitingApproval');
  const other = await tell({ outcome: 'refused', error: 'after all' });
  expect([other.status, other.body.taken]).toEqual([202, 'repeated']);
  await world.clock.pass(10);
  expect(await state()).toBe('awaitingApproval');
  expect((await world.store.log(id)).filter(({ event }) => event === 'outcome')).toHaveLength(1);
});

it('has the saga undone with the reason of a refusal, and answers a repeat also after its end', async () => {
  const { world, id, tell, engine } = await waiting();
  expect((await tell({ outcome: 'refused', error: 'not with this passport' })).status).toBe(202);
  await world.clock.pass(10);
  expect((await engine.get(id))?.saga).toMatchObject({
    status: 'FAILED',
    context: { failure: { step: 'visa', reason: 'not with this passport' } },
  });
  expect((await tell(DONE)).body).toMatchObject({ taken: 'repeated' });
});

it('notes an outcome that the saga has gone on without, and refuses one of a saga that has ended', async () => {
  const { world, id, tell, engine, state } = await waiting();
  await world.clock.pass(10);
  world.reply('flight', 'compensation', refused());
  const cancel = { kind: 'cancel', reason: 'no', by: 'eve', ifSeq: null } as const;
  expect((await engine.operate(id, cancel)).kind).toBe('accepted');
  await world.clock.pass(10);
  expect(await state()).toBe('parked');
  const late = await tell(DONE);
  expect([late.status, late.body.taken]).toEqual([202, 'noted']);
  await world.clock.pass(10);
  expect(await world.lastEntry(id)).toMatchObject({ event: 'outcome', step: 'visa', outcome: 'ignored' });
  expect(await state()).toBe('parked');

  const ended = await waiting();
  expect((await ended.engine.operate(ended.id, cancel)).kind).toBe('accepted');
  await ended.world.clock.pass(10);
  // The visa may have been given: that is held, until somebody has looked.
  const resolve = { ...cancel, kind: 'resolve', as: 'FAILED' } as const;
  expect((await ended.engine.operate(ended.id, resolve)).kind).toBe('accepted');
  await ended.world.clock.pass(10);
  const refusal = await ended.tell(DONE);
  expect([refusal.status, refusal.body.type]).toEqual([409, 'saga-ended']);
});

it('refuses every other token, before it says whether there is such a saga, and compares in constant time', async () => {
  const { world, id, token, post, tell, state } = await waiting();
  const [digits = '', signature = ''] = token.split('.');
  const of = async (secret: string, attempt = 1) =>
    `${attempt}.${createHmac('sha256', secret).update(`outcome\n${id}\nvisa\n${attempt}`).digest('base64url')}`;
  expect(await of(await world.store.secret())).toBe(token);
  const compared = comparisons();
  const wrong = [
    undefined,
    '',
    digits,
    `2.${signature}`,
    `01.${signature}`,
    `${token}x`,
    `${digits}.${'A'.repeat(43)}`,
    await of('another secret'),
    `Bearer ${token}`,
  ];
  for (const one of wrong) {
    const answer = await post(DONE, one === undefined ? {} : { 'saga-callback-token': one });
    expect([answer.status, answer.body.type], one).toEqual([401, 'callback-unauthorized']);
    expect(answer.headers.get('www-authenticate')).toBe('Saga-Callback-Token');
    expect(JSON.stringify(answer.body)).not.toContain(signature);
  }
  const elsewhere = [doorOf(id, 'hotel'), doorOf('00-none')];
  const statuses = await Promise.all(elsewhere.map(async (path) => (await tell(DONE, path)).status));
  expect(statuses).toEqual([401, 401]);
  expect(compared.map(([given]) => given.toString())).toContain('A'.repeat(43));
  await world.clock.pass(10);
  expect(await state()).toBe('applyingForVisa.pending');
});

it('says what is wrong with an outcome, and goes on waiting', async () => {
  const { world, tell, state } = await waiting();
  const cases = [
    [{ ...DONE, answer: {} }, '/answer'],
    [{ outcome: 'perhaps' }, '/outcome'],
    [{ outcome: 'refused' }, '/error'],
    [{ ...DONE, more: 1 }, '/more'],
  ] as const;
  for (const [body, pointer] of cases) {
    const answer = await tell(body);
    expect([answer.status, (answer.body.errors as { pointer: string }[])[0]?.pointer]).toEqual([
      422,
      pointer,
    ]);
  }
  expect(await state()).toBe('applyingForVisa.pending');
  expect((await tell(DONE)).status).toBe(202);
  await world.clock.pass(10);
  expect(await state()).toBe('awaitingApproval');
});
