/** Waiting for a saga to settle, wherever it settles. */
import { describe, expect, it } from 'vitest';
import type { Reply } from '../../server/engine/outcome.ts';
import { answers } from '../machines/placed-order.ts';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import {
  done,
  FORWARD,
  hanging,
  LEASE_MS,
  notSent,
  refused,
  retryable,
  SETTINGS,
  TIMEOUT_MS,
  World,
} from './world.ts';

const WAIT_MS = 30_000;

/** A saga of coordinator a in the middle of its payment, and a coordinator b beside it. */
async function paying() {
  const world = new World({ policy: { attemptsMax: 2 } });
  const gate = new Gate<Reply>();
  world.reply('payment', 'action', gate.pass);
  const a = await world.coordinator('a');
  const b = await world.coordinator('b');
  b.engine.open();
  const id = await world.start(a);
  return { world, a, b, id, pay: () => gate.open(done(answers.payment)), refuse: () => gate.open(refused()) };
}

describe('for a saga in hand', () => {
  it('everybody who waits is told at once, with its whole history', async () => {
    const { world, a, id, pay } = await paying();
    const waiting = [1, 2, 3].map(() => a.engine.settled(id, WAIT_MS));
    await quiet();
    world.journal.length = 0;
    pay();
    const histories = await Promise.all(waiting);
    for (const history of histories) {
      expect(history?.saga).toMatchObject({ id, status: 'COMPLETED', seq: 6 });
      expect(history?.log).toEqual(await world.store.log(id));
    }
    // The coordinator knows all that the answer needs.
    expect(world.journal.filter((entry) => entry === 'get' || entry === 'log')).toEqual([]);
  });

  it('whoever was told leaves no timer behind, and the store is not asked about it meanwhile', async () => {
    const { world, a, id, pay } = await paying();
    a.engine.open();
    const waiting = a.engine.settled(id, WAIT_MS);
    await world.clock.pass(TIMEOUT_MS - 1);
    expect(world.journal).not.toContain('statuses');
    pay();
    await waiting;
    await world.clock.pass(TIMEOUT_MS);
    // One next round of each of the two coordinators.
    expect(world.clock.pending).toBe(2);
  });

  it.each([
    ['FAILED', []],
    ['ABORTED', [refused()]],
  ] as const)('one that settles as %s is told likewise', async (status, replies) => {
    const { world, a, id, refuse } = await paying();
    world.reply('order', 'compensation', ...replies);
    const waiting = a.engine.settled(id, WAIT_MS);
    await quiet();
    refuse();
    const history = await waiting;
    expect(history?.saga.status).toBe(status);
    expect(history?.saga.parked).toEqual((await world.record(id)).parked);
  });

  it('the wait goes on through back-offs', async () => {
    const world = new World({ policy: { attemptsMax: 2 } });
    world.reply('shipping', 'action', retryable(5_000));
    const a = await world.coordinator();
    a.engine.open();
    const id = await world.start(a);
    const waiting = a.engine.settled(id, WAIT_MS);
    await world.clock.pass(5_002);
    expect((await waiting)?.saga.status).toBe('COMPLETED');
    expect((await waiting)?.log).toHaveLength(8);
  });
});

describe('for a saga that is not in hand', () => {
  it('that another coordinator holds: the record is watched, so its end is found', async () => {
    const { world, b, id, pay } = await paying();
    const waiting = [b.engine.settled(id, WAIT_MS), b.engine.settled(id, WAIT_MS)];
    await quiet();
    pay();
    await world.clock.pass(SETTINGS.pollMs);
    for (const history of await Promise.all(waiting)) {
      expect(history?.saga).toMatchObject({ id, status: 'COMPLETED' });
      expect(history?.log).toHaveLength(6);
    }
  });

  it('that was lost to another coordinator while somebody waited here', async () => {
    const { world, a, id } = await paying();
    a.engine.open();
    const waiting = a.engine.settled(id, WAIT_MS);
    await quiet();
    // Its commit is refused: somebody else wrote.
    world.fate('commit', async () => ({ kind: 'stale' }));
    await world.clock.pass(LEASE_MS + 2 * SETTINGS.pollMs);
    expect(a.events.some(({ type }) => type === 'lost')).toBe(true);
    expect((await waiting)?.saga.status).toBe('COMPLETED');
  });

  it('that settles between the answer about its status and the wait', async () => {
    const { world, b, id, pay } = await paying();
    const gate = new Gate();
    world.fate('statuses', async (perform) => {
      const statuses = await perform();
      await gate.pass();
      return statuses;
    });
    const waiting = b.engine.settled(id, WAIT_MS);
    await gate.arrived;
    pay();
    await quiet();
    gate.open();
    await world.clock.pass(SETTINGS.pollMs);
    expect((await waiting)?.saga.status).toBe('COMPLETED');
  });

  it('that has settled already is told at once', async () => {
    const world = new World();
    const id = await world.start(await world.coordinator('a'));
    const b = await world.coordinator('b');
    expect((await b.engine.settled(id, 0))?.saga.status).toBe('COMPLETED');
    expect(world.called()).toEqual(FORWARD);
  });
});

describe('the answer is null', () => {
  it('when the wait is over first; then nobody waits any more', async () => {
    const { world, a, b, id } = await paying();
    const waiting = [a.engine.settled(id, 500), b.engine.settled(id, 500)];
    await world.clock.pass(499);
    const state = { told: false };
    void Promise.race(waiting).then(() => {
      state.told = true;
    });
    await quiet();
    expect(state.told).toBe(false);
    await world.clock.pass(1);
    expect(await Promise.all(waiting)).toEqual([null, null]);
    world.journal.length = 0;
    await world.clock.pass(SETTINGS.pollMs);
    expect(world.journal).not.toContain('statuses');
  });

  it.each([0, -1])('at once for a wait of %i ms', async (waitMs) => {
    const { a, id } = await paying();
    expect(await a.engine.settled(id, waitMs)).toBeNull();
  });
});

it('a saga that nobody knows, and that was acknowledged, was forgotten', async () => {
  const { world, a } = await paying();
  const id = world.store.newId(null);
  await expect(a.engine.settled(id, WAIT_MS)).rejects.toMatchObject({ name: 'ForgottenError', what: { id } });
});

it('a store that is away for a while sends nobody away', async () => {
  const { world, b, id, pay } = await paying();
  world.fate('statuses', notSent, notSent, notSent);
  const waiting = b.engine.settled(id, WAIT_MS);
  await quiet();
  pay();
  await world.clock.pass(4 * SETTINGS.pollMs);
  expect((await waiting)?.saga.status).toBe('COMPLETED');
});

it('a part of the store that is away for a while sends nobody away', async () => {
  const { world, b, id, pay } = await paying();
  const away = async () => [undefined];
  world.fate('statuses', away, away);
  const waiting = b.engine.settled(id, WAIT_MS);
  await world.clock.pass(SETTINGS.pollMs);
  pay();
  await world.clock.pass(2 * SETTINGS.pollMs);
  expect((await waiting)?.saga.status).toBe('COMPLETED');
});

it('one who is told does not stand in the way of another whose wait is over', async () => {
  const { world, a, id, pay } = await paying();
  const short = a.engine.settled(id, 100);
  const long = a.engine.settled(id, WAIT_MS);
  await world.clock.pass(100);
  expect(await short).toBeNull();
  pay();
  expect((await long)?.saga.status).toBe('COMPLETED');
});

it('nobody waits beyond the bound, over all sagas together; whoever is told or sent away makes room', async () => {
  const { world, id, pay } = await paying();
  const c = await world.coordinator('c', { waitersMax: 3 });
  c.engine.open();
  world.reply('payment', 'action', hanging);
  const other = await world.start(c);
  const waiting = [
    c.engine.settled(id, WAIT_MS),
    c.engine.settled(other, 100),
    c.engine.settled(other, WAIT_MS),
  ];
  await quiet();
  for (const one of [id, other]) expect(await c.engine.settled(one, WAIT_MS)).toBeNull();
  await world.clock.pass(100);
  expect(await waiting[1]).toBeNull();

  // There is room for one.
  const next = c.engine.settled(id, WAIT_MS);
  await quiet();
  expect(await c.engine.settled(id, WAIT_MS)).toBeNull();
  pay();
  await world.clock.pass(SETTINGS.pollMs);
  for (const told of [waiting[0], next]) expect((await told)?.saga.status).toBe('COMPLETED');
});
