/** Events from outside: a saga that waits for one costs nothing, and none that was taken in is lost. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { INBOX_MAX } from '../../server/engine/incoming.ts';
import { everywhere } from '../machines/placed-order.ts';
import { APPROVAL, answered, DAY_MS, RARELY, startTrip, tripWorld } from './trip.ts';
import { quiet } from './virtual-clock.ts';
import { done, hanging, World } from './world.ts';

const stateOf = async (world: World, id: string) => (await world.record(id)).summary.state;
const statusOf = async (world: World, id: string) => (await world.record(id)).status;
const event = (id: string, over: object = {}) => ({ ...APPROVAL, id, ...over });

it('goes on at once when what it waits for comes, and is done', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const id = await startTrip(world, a);
  expect(await stateOf(world, id)).toBe('awaitingApproval');
  const calls = world.calls.length;
  await world.clock.pass(DAY_MS);
  // While it waits nothing is called, and nobody has it in hand.
  expect([world.calls.length, a.engine.inHand]).toEqual([calls, 0]);
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind: 'accepted' });
  await world.clock.pass(10);
  expect(await statusOf(world, id)).toBe('COMPLETED');
  expect((await world.store.log(id)).filter(({ event }) => event === 'event')).toMatchObject([
    { reason: 'approval', step: null, outcome: null, from: 'awaitingApproval', to: 'chargingCard.calling' },
  ]);
  expect(await world.counters()).toMatchObject({ 'completed_steps.held': 6, 'settled.COMPLETED': 1 });
});

it.each([
  ['an event', 'awaitingArrival', (hours: number) => hours * 3_600_000],
  ['a sleep', 'sleepingNight', (hours: number) => hours * 3_600_000],
])('waits also where %s is the first of its parts', async (_, state, ms) => {
  const visit = defineSaga({ id: 'visit', version: '1', input: z.strictObject({}) });
  const waits =
    state === 'awaitingArrival'
      ? visit.waitFor('arrival', { within: '8 h', data: z.object({}), late: () => ({}) })
      : visit.sleep('night', '8 h');
  const saga = waits.step('bill', {
    at: 'bank',
    action: { path: '/bill', request: () => ({}), answer: z.object({}) },
    undo: { path: '/undo' },
  });
  const world = new World({ saga: () => definitionOf(saga, everywhere({})) });
  world.participants = () => done({});
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const id = await startTrip(world, a);
  await world.clock.pass(ms(7));
  expect([await stateOf(world, id), a.engine.inHand, world.calls.length]).toEqual([state, 0, 0]);
  await world.clock.pass(ms(2));
  expect([await statusOf(world, id), world.calls.length]).toEqual(['COMPLETED', 1]);
});

it('keeps what comes before its state, also while calls are under way, and needs no second one', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a');
  a.engine.open();
  let answer = () => {};
  const asked = new Promise<void>((resolve) => {
    answer = resolve;
  });
  world.reply('hotel', 'action', async (made) => {
    await asked;
    return answered(made);
  });
  world.reply('flight', 'action', async (made) => {
    await asked;
    return answered(made);
  });
  const id = await startTrip(world, a);
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind: 'accepted' });
  await quiet();
  // Decided at once, although neither of the two calls has settled, and both go on.
  expect((await world.lastEntry(id)).event).toBe('event');
  expect(world.called(id)).toEqual(['flight action', 'hotel action']);
  expect((await world.record(id)).signals).toEqual([]);
  answer();
  await world.clock.pass(10);
  expect(await statusOf(world, id)).toBe('COMPLETED');
});

it('is one event however often it comes, also after it has ended the saga', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a');
  const id = await startTrip(world, a);
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind: 'accepted' });
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind: 'accepted' });
  expect((await world.record(id)).signals).toMatchObject([{ name: 'approval', by: '' }]);
  a.engine.open();
  await world.clock.pass(10);
  expect(await statusOf(world, id)).toBe('COMPLETED');
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind: 'accepted' });
  expect(await a.engine.send(id, event('e-2'))).toEqual({ kind: 'ended', status: 'COMPLETED' });
});

it('undoes what was done where it is refused, or does not come in time', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const refused = await startTrip(world, a, { visa: false });
  const late = await startTrip(world, a, { visa: false });
  const { engine } = a;
  expect(await engine.send(refused, event('e-1', { data: { by: 'eve', approved: false } }))).toEqual({
    kind: 'accepted',
  });
  await world.clock.pass(10);
  expect((await engine.get(refused))?.saga.context.failure?.reason).toBe('approval: refused by eve');
  await world.clock.pass(3 * DAY_MS);
  expect((await engine.get(late))?.saga.context.failure?.reason).toBe('approval: it did not come in time');
  expect([await statusOf(world, refused), await statusOf(world, late)]).toEqual(['FAILED', 'FAILED']);
});

it('says what cannot be taken: a name, data, a saga that nobody knows', async () => {
  const world = tripWorld();
  const { engine } = await world.coordinator('a');
  const id = await startTrip(world, await world.coordinator('b'));
  expect(await engine.send(id, event('e-1', { name: 'aproval' }))).toEqual({
    kind: 'unknown-event',
    events: ['approval'],
  });
  expect(await engine.send(id, event('e-1', { data: { by: 'eve' } }))).toMatchObject({
    kind: 'invalid',
    issues: [{ path: ['approved'] }],
  });
  expect(await engine.send('00-none', event('e-1'))).toEqual({ kind: 'missing' });
});

it('takes no more than it can keep, and drops nothing', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a');
  a.engine.open();
  world.reply('flight', 'action', hanging);
  world.reply('hotel', 'action', hanging);
  const id = await startTrip(world, a);
  for (let n = 0; n < INBOX_MAX; n += 1) {
    expect(await a.engine.send(id, event(`e-${n}`))).toEqual({ kind: 'accepted' });
    await quiet();
  }
  expect(await a.engine.send(id, event('e-more'))).toEqual({ kind: 'full' });
  const { inbox } = (await a.engine.get(id))?.saga.context ?? {};
  expect(inbox?.map((kept) => kept.id)).toEqual(Array.from({ length: INBOX_MAX }, (_, n) => `event/e-${n}`));
});

it('counts what still lies in the mailbox as kept, and of what lies there the events alone', async () => {
  const world = tripWorld();
  const [a, b] = [await world.coordinator('a'), await world.coordinator('b')];
  a.engine.open();
  world.reply('flight', 'action', hanging);
  world.reply('hotel', 'action', hanging);
  const id = await startTrip(world, a);
  for (let n = 0; n < INBOX_MAX - 2; n += 1) {
    await a.engine.send(id, event(`e-${n}`));
    await quiet();
  }
  // Their owner learns of them when it looks, and no time passes here.
  const asked = { kind: 'cancel', by: 'ada', reason: 'rain', ifSeq: null } as const;
  expect((await b.engine.operate(id, asked)).kind).toBe('accepted');
  for (const more of ['f-1', 'f-2'])
    expect(await b.engine.send(id, event(more))).toEqual({ kind: 'accepted' });
  expect(await b.engine.send(id, event('f-3'))).toEqual({ kind: 'full' });
  expect((await world.record(id)).signals).toHaveLength(3);
});

it('is bounded by its bytes, of whatever letters they are', async () => {
  const saga = defineSaga({ id: 'news', version: '1', input: z.strictObject({}) })
    .waitFor('word', { within: '8 h', data: z.object({ text: z.string() }), late: () => ({}) })
    .step('bill', {
      at: 'bank',
      action: { path: '/bill', request: () => ({}), answer: z.object({}) },
      undo: { path: '/undo' },
    });
  const world = new World({ saga: () => definitionOf(saga, everywhere({})) });
  const a = await world.coordinator('a');
  const id = await startTrip(world, a);
  const bytes = 65_536 - JSON.stringify({ text: '' }).length;
  const sent = (text: string) => a.engine.send(id, { id: 'e-1', name: 'word', data: { text } });
  expect(await sent('x'.repeat(bytes + 1))).toEqual({ kind: 'too-large', bytesMax: 65_536 });
  expect(await sent('é'.repeat(bytes / 2 + 1))).toEqual({ kind: 'too-large', bytesMax: 65_536 });
  expect(await sent('x'.repeat(bytes))).toEqual({ kind: 'accepted' });
});

it.each([
  ['has been purged since', ['missing'], 'missing'],
  ['has no room in its mailbox', ['full'], 'full'],
  ['moves on whenever it is looked at', Array(5).fill('moved'), 'busy'],
  ['has moved on now and then', Array(4).fill('moved'), 'accepted'],
])('for a saga that %s is answered so', async (_, found: readonly string[], kind) => {
  const world = tripWorld();
  const a = await world.coordinator('a');
  const id = await startTrip(world, a);
  world.fate('signal', ...found.map((one) => async () => ({ kind: one })));
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind });
  expect((await world.record(id)).signals).toHaveLength(kind === 'accepted' ? 1 : 0);
});

it('is refused for a saga that cannot be read, or whose version is not known', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a');
  const id = await startTrip(world, a);
  const record = await world.record(id);
  world.fate('get', async () => ({ ...record, snapshot: 'x' }));
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind: 'unreadable' });
  const machine = { ...record.machine, version: '9' };
  world.fate('get', async () => ({ ...record, machine }));
  expect(await a.engine.send(id, event('e-1'))).toEqual({ kind: 'unknown-version', machine });
});

it('looks like no other event, whatever is in its data', async () => {
  const world = tripWorld();
  world.reply('flight', 'action', hanging);
  const a = await world.coordinator('a');
  const id = await startTrip(world, a);
  expect(
    await a.engine.send(id, event('e-1', { data: { by: '{"id":"event/e-2"', approved: false } })),
  ).toEqual({
    kind: 'accepted',
  });
  expect(await a.engine.send(id, event('e-2'))).toEqual({ kind: 'accepted' });
});

it('does not set a parked saga going again, and is there when a person does', async () => {
  const world = tripWorld(1);
  const a = await world.coordinator('a');
  a.engine.open();
  world.reply('visa', 'action', () => hanging());
  const id = await startTrip(world, a);
  const before = await world.record(id);
  a.crash();
  for (let claims = 0; claims <= 25; claims += 1) {
    await world.clock.pass(10 * 60_000);
    const owner = { name: `gone-${claims}`, boot: 1 };
    await world.store.claim([id], owner, 1_000, `w-${claims}`, new Date().toISOString());
  }
  expect(await world.record(id)).toMatchObject({ status: 'ABORTED', parked: { reason: 'claims-exhausted' } });
  const b = await world.coordinator('b');
  b.engine.open();
  const calls = world.calls.length;
  expect(await b.engine.send(id, event('e-1'))).toEqual({ kind: 'accepted' });
  await world.clock.pass(10);
  expect(await world.record(id)).toMatchObject({
    status: 'ABORTED',
    parked: { reason: 'claims-exhausted' },
    summary: before.summary,
  });
  expect(world.calls).toHaveLength(calls);
  await b.engine.operate(id, { kind: 'retry', by: 'ada', reason: 'mended', ifSeq: null });
  await world.clock.pass(10);
  expect(await statusOf(world, id)).toBe('COMPLETED');
});

it('counts a step that is done for each of nobody when its turn has come', async () => {
  const world = tripWorld();
  const a = await world.coordinator('a', RARELY);
  a.engine.open();
  const id = await startTrip(world, a, { visa: false, insured: [] });
  expect((await world.record(id)).summary.steps_completed).toBe(3);
  expect(await world.counters()).toMatchObject({ 'completed_steps.held': 3 });
});
