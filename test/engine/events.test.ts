/** What observers hear: each thing once, in the order in which it happened. */
import { describe, expect, it } from 'vitest';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { smallSaga } from '../machines/small-saga.ts';
import { done, hanging, LEASE_MS, notSent, refused, SETTINGS, unknown, World } from './world.ts';

/** An event in a few words. */
function inBrief(event: EngineEvent): string {
  switch (event.type) {
    case 'transition':
      return `transition ${event.entry.seq} ${event.event?.type ?? 'start'} ${event.entry.to} ${event.status}`;
    case 'called':
      return `called ${event.call.step} ${event.call.kind} ${event.call.attempt} ${event.outcome}`;
    case 'settled':
      return `settled ${event.status}`;
    case 'claimed':
      return `claimed ${event.state}`;
    case 'lost':
      return `lost ${event.why}`;
    case 'store-fault':
      return `store-fault ${event.doing.split(' ')[0]}`;
    default:
      return event.type;
  }
}

const small = () =>
  new World({ saga: (policies) => smallSaga(['a'], { policies }), policy: { attemptsMax: 2 } });

describe('observers hear', () => {
  it('of a saga that goes well', async () => {
    const world = small();
    const a = await world.coordinator();
    await world.start(a);
    expect(a.events.map(inBrief)).toEqual([
      'started',
      'transition 1 start doing_a.calling STARTED',
      'called a action 1 done',
      'transition 2 done completed COMPLETED',
      'settled COMPLETED',
    ]);
  });

  it('of one that waits, is undone and parked', async () => {
    const world = small();
    world.reply('a', 'action', unknown(), refused('no'));
    world.reply('a', 'compensation', refused('never'));
    const a = await world.coordinator();
    a.engine.open();
    await world.start(a);
    await world.clock.pass(60_000);
    expect(a.events.map(inBrief)).toEqual([
      'started',
      'transition 1 start doing_a.calling STARTED',
      'called a action 1 unknown',
      'transition 2 unknown doing_a.waiting STARTED',
      'claimed doing_a.waiting',
      'transition 3 due doing_a.calling STARTED',
      'called a action 2 refused',
      'transition 4 refused undoing_a.calling STARTED',
      'called a compensation 1 refused',
      'transition 5 refused parked ABORTED',
      'settled ABORTED',
    ]);
  });

  it('of one that is taken over, at the coordinator that takes it; seq counts the entry of the taking', async () => {
    const world = small();
    world.reply('a', 'action', hanging);
    const a = await world.coordinator('a');
    await world.start(a);
    a.crash();
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(LEASE_MS + SETTINGS.pollMs);
    expect(b.events.map(inBrief)).toEqual([
      'claimed doing_a.calling',
      'called a action 1 done',
      'transition 3 done completed COMPLETED',
      'settled COMPLETED',
    ]);
  });

  it('of a store that failed, before what was repeated', async () => {
    const world = small();
    world.fate('commit', notSent);
    const a = await world.coordinator();
    await world.start(a);
    await world.clock.pass(100);
    expect(a.events.map(inBrief)).toEqual([
      'started',
      'transition 1 start doing_a.calling STARTED',
      'called a action 1 done',
      'store-fault commit',
      'transition 2 done completed COMPLETED',
      'settled COMPLETED',
    ]);
  });

  it('of a saga that was lost, and nothing of a transition that the store refused', async () => {
    const world = small();
    world.fate('commit', async () => ({ kind: 'stale' }));
    const a = await world.coordinator();
    await world.start(a);
    expect(a.events.map(inBrief)).toEqual([
      'started',
      'transition 1 start doing_a.calling STARTED',
      'called a action 1 done',
      'lost stale',
    ]);
  });

  it('nothing of a saga that another start had begun', async () => {
    const world = small();
    const a = await world.coordinator('a');
    const b = await world.coordinator('b');
    const idempotency = { key: 'k', digest: 'd' };
    await a.engine.start(world.request(idempotency));
    await b.engine.start(world.request(idempotency));
    expect(b.events).toEqual([]);
  });
});

describe('they tell', () => {
  it('the entries of the log, as the store keeps them', async () => {
    const world = new World();
    world.reply('shipping', 'action', refused());
    const a = await world.coordinator();
    const id = await world.start(a);
    const entries = a.events.flatMap((event) => (event.type === 'transition' ? [event.entry] : []));
    expect(entries).toEqual(await world.store.log(id));
  });

  it('how long calls and sagas took, and why', async () => {
    const world = small();
    const slow = (ms: number, reply: ReturnType<typeof done>) => () =>
      new Promise<typeof reply>((resolve) => {
        world.clock.after(ms, () => resolve(reply));
      });
    world.reply('a', 'action', slow(300, refused('no stock')));
    world.reply('a', 'compensation', slow(40, done()));
    const a = await world.coordinator();
    const id = await world.start(a);
    await world.clock.pass(1_000);
    expect(a.events.filter(({ type }) => type === 'called')).toMatchObject([
      { id, machine: { id: 'small' }, outcome: 'refused', ms: 300, error: 'no stock' },
      { id, machine: { id: 'small' }, outcome: 'done', ms: 40, error: null },
    ]);
    expect(a.events.at(-1)).toMatchObject({ type: 'settled', id, ms: 340, reason: 'no stock', parked: null });
    expect((await world.store.log(id)).map(({ duration_ms }) => duration_ms)).toEqual([null, 300, 40]);
    expect(await world.counters()).toMatchObject({ 'settled.FAILED': 1, 'duration.500': 1 });
  });

  it('what is still held where a saga was parked', async () => {
    const world = small();
    world.reply('a', 'action', refused('no'));
    world.reply('a', 'compensation', refused('never'));
    const a = await world.coordinator();
    const id = await world.start(a);
    expect(a.events.at(-1)).toMatchObject({
      type: 'settled',
      status: 'ABORTED',
      reason: 'no',
      parked: (await world.record(id)).parked,
    });
  });
});
