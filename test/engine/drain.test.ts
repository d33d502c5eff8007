/** A coordinator that stops: it takes nothing new, gives everything back, and leaves nobody waiting. */
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../server/engine/outcome.ts';
import { answers } from '../machines/placed-order.ts';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import {
  type Coordinator,
  done,
  FORWARD,
  LEASE_MS,
  notSent,
  RIGHTS,
  retryable,
  TIMEOUT_MS,
  World,
} from './world.ts';

const GRACE_MS = 1_000;

/** A drain under way, and whether it has ended. */
function draining({ engine }: Coordinator) {
  const state = { ended: false };
  const ended = engine.drain(GRACE_MS).then(() => {
    state.ended = true;
  });
  return { state, ended };
}

/** A saga in the middle of its payment. */
async function paying(name = 'a') {
  const world = new World();
  const gate = new Gate<Reply>();
  world.reply('payment', 'action', gate.pass);
  const a = await world.coordinator(name);
  a.engine.open();
  const id = await world.start(a);
  return { world, a, id, gate };
}

describe('a call in flight', () => {
  it('is waited for; then its saga is given back, free and due at once, and another coordinator ends it', async () => {
    const { world, a, id, gate } = await paying();
    const { state, ended } = draining(a);
    await quiet();
    expect(state.ended).toBe(false);
    gate.open(done(answers.payment));
    await ended;
    expect(await world.record(id)).toMatchObject({
      status: 'STARTED',
      owner: null,
      dueAtMs: world.clock.now(),
      summary: { state: 'schedulingShipping.calling', steps_completed: 3 },
    });
    expect(a.engine.inHand).toBe(0);

    const b = await world.coordinator('b');
    b.engine.open();
    await quiet();
    expect(world.called()).toEqual(FORWARD);
    expect((await world.record(id)).status).toBe('COMPLETED');
    // Nobody vanished: the saga was handed over.
    expect((await world.store.log(id)).map(({ event }) => event)).not.toContain('takenOver');
  });

  it('that ends its saga ends it as ever', async () => {
    const world = new World();
    const gate = new Gate<Reply>();
    world.reply('notification', 'action', gate.pass);
    const a = await world.coordinator();
    const id = await world.start(a);
    const { ended } = draining(a);
    gate.open(done(answers.notification));
    await ended;
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('that is to be repeated leaves its saga waiting as long as it would have waited', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    const gate = new Gate<Reply>();
    world.reply('order', 'action', gate.pass);
    const a = await world.coordinator();
    const id = await world.start(a);
    const { ended } = draining(a);
    gate.open(retryable(5_000));
    await ended;
    expect(await world.record(id)).toMatchObject({ owner: null, dueAtMs: world.clock.now() + 5_000 });
  });

  it('beyond the grace is ended, nothing is written of it, and its saga is free for others at once', async () => {
    const { world, a, id } = await paying();
    const before = await world.store.log(id);
    const { state, ended } = draining(a);
    await world.clock.pass(GRACE_MS - 1);
    expect(state.ended).toBe(false);
    await world.clock.pass(1);
    await ended;
    expect(await world.record(id)).toMatchObject({ owner: null, dueAtMs: world.clock.now() });
    expect(await world.store.log(id)).toEqual(before);
    expect(a.engine.inHand).toBe(0);
    expect(a.events.at(-1)?.type).toBe('transition');
    // Ended before it is given away: whoever takes the saga must not call beside it.
    expect(world.journal.slice(-3)).toEqual(['calls ended', 'release', 'release answered']);

    const b = await world.coordinator('b');
    b.engine.open();
    await quiet();
    // It may have happened: so it is repeated, under the key that it had.
    expect(world.called()).toEqual([...FORWARD.slice(0, 3), ...FORWARD.slice(2)]);
    expect(world.calls.slice(2, 4).map(({ call }) => call.attempt)).toEqual([1, 1]);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });
});

describe('a drain', () => {
  it('with nothing in hand ends at once, and leaves no timer', async () => {
    const world = new World();
    const a = await world.coordinator();
    a.engine.open();
    await world.start(a);
    await a.engine.drain(GRACE_MS);
    expect(world.clock.monotonic()).toBe(0);
    // What is still armed bounds calls that were answered: nobody's but the stand-in's of the participants.
    await world.clock.pass(TIMEOUT_MS);
    expect(world.clock.pending).toBe(0);
  });

  it('refuses starts from its first moment, and says so', async () => {
    const { world, a } = await paying();
    void draining(a);
    expect(a.engine.draining).toBe(true);
    expect(await a.engine.start(world.request())).toEqual({ kind: 'refused', why: 'draining' });
  });

  it('claims nothing more, neither what is due nor what it was to wake', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    world.reply('order', 'action', retryable(5_000));
    const a = await world.coordinator();
    a.engine.open();
    await world.start(a);
    await a.engine.drain(GRACE_MS);
    // The stand-in's deadline is over; the alarm of the saga that waits would still be armed.
    await world.clock.pass(TIMEOUT_MS);
    expect(world.clock.pending).toBe(0);
    await world.clock.pass(60_000);
    expect(world.called()).toEqual(['order action']);
    expect(a.events.filter(({ type }) => type === 'claimed')).toEqual([]);
  });

  it('twice is a drain once', async () => {
    const { world, a, id } = await paying();
    const first = draining(a);
    await a.engine.drain(GRACE_MS);
    await world.clock.pass(GRACE_MS);
    await first.ended;
    expect((await world.record(id)).owner).toBeNull();
  });

  it('waits for a create that is on its way, and gives its saga back', async () => {
    const world = new World();
    const gate = new Gate();
    world.fate('create', async (perform) => {
      await gate.pass();
      return perform();
    });
    const a = await world.coordinator();
    const starting = a.engine.start(world.request());
    const { state, ended } = draining(a);
    await quiet();
    expect(state.ended).toBe(false);
    gate.open();
    const result = await starting;
    await ended;
    expect(result.kind).toBe('started');
    const record = await world.record('id' in result ? result.id : '');
    expect(record).toMatchObject({ status: 'STARTED', owner: null });
    expect(world.called()).toEqual(['order action']);
  });

  it('waits for a claim that is on its way, and gives its sagas back', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    world.reply('order', 'action', retryable(500));
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    const gate = new Gate();
    world.fate('claim', async (perform) => {
      const result = await perform();
      await gate.pass();
      return result;
    });
    await world.clock.pass(502);
    const { ended } = draining(a);
    await quiet();
    gate.open();
    await ended;
    expect(await world.record(id)).toMatchObject({ status: 'STARTED', owner: null });
    expect(a.engine.inHand).toBe(0);
  });

  it('does not repeat a commit for ever: what the store did not take is left to the lease', async () => {
    const world = new World();
    world.fate('commit', ...Array(1_000).fill(notSent));
    const a = await world.coordinator('a');
    const id = await world.start(a);
    const { ended } = draining(a);
    await world.clock.pass(GRACE_MS);
    await ended;
    const commits = () => world.journal.filter((entry) => entry === 'commit').length;
    const made = commits();
    await world.clock.pass(60_000);
    expect(commits()).toBe(made);
    world.fates.clear();
    const b = await world.coordinator('b');
    b.engine.open();
    await quiet();
    expect((await world.record(id)).status).toBe('COMPLETED');
  });

  it('that cannot release ends all the same, and says why', async () => {
    const { world, a, id } = await paying();
    world.fate('release', notSent);
    const { ended } = draining(a);
    await world.clock.pass(GRACE_MS);
    await ended;
    expect(a.events.at(-1)).toMatchObject({ type: 'store-fault', doing: 'release' });
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(LEASE_MS + RIGHTS.leaseMarginMs);
    expect((await world.record(id)).status).toBe('COMPLETED');
  });
});

describe('whoever waits', () => {
  it('is sent away when the drain begins, and whoever comes later at once', async () => {
    const { a, id } = await paying();
    const waiting = [a.engine.settled(id, 30_000), a.engine.settled(id, 30_000)];
    await quiet();
    void draining(a);
    expect(await Promise.all(waiting)).toEqual([null, null]);
    expect(await a.engine.settled(id, 30_000)).toBeNull();
  });

  it('for a saga that has settled is told so also by a coordinator that drains', async () => {
    const world = new World();
    const a = await world.coordinator();
    const id = await world.start(a);
    await a.engine.drain(GRACE_MS);
    expect((await a.engine.settled(id, 30_000))?.saga.status).toBe('COMPLETED');
  });
});
