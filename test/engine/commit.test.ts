/** Decide, commit, act: no call is made before the store has acknowledged the state that announces it. */
import { describe, expect, it } from 'vitest';
import type { Fence, Write } from '../../stores/saga-store.ts';
import { stepNames } from '../machines/placed-order.ts';
import { Gate } from './gate.ts';
import { quiet } from './virtual-clock.ts';
import {
  type Fate,
  FORWARD,
  LEASE_MS,
  notApplied,
  notSent,
  RIGHTS,
  refused,
  replyLost,
  World,
} from './world.ts';

describe('persist, then call', () => {
  it('a good order is six writes, each acknowledged before the call that it announces', async () => {
    const world = new World();
    await world.start(await world.coordinator());
    const [first, ...others] = FORWARD.map((call) => [`call ${call}`, 'commit', 'commit answered']);
    expect(world.journal).toEqual(['create', 'create answered', ...(first ?? []), ...others.flat()]);
  });

  it('holds for compensations too', async () => {
    const world = new World();
    world.reply('shipping', 'action', refused());
    await world.start(await world.coordinator());
    world.journal.forEach((entry, index) => {
      if (entry.startsWith('call ')) expect(world.journal[index - 1]).toMatch(/^(create|commit) answered$/);
    });
  });

  it.each(FORWARD.map((call, index) => [call, index] as const))(
    'while the write that follows %s is not answered, nothing more is called',
    async (_, index) => {
      const world = new World();
      const gate = new Gate();
      const held: Fate = async (perform) => {
        await gate.pass();
        return perform();
      };
      world.fate('commit', ...Array<Fate>(index).fill((perform) => perform()), held);
      await world.start(await world.coordinator());
      expect(world.called()).toEqual(FORWARD.slice(0, index + 1));
      gate.open();
      await quiet();
      expect(world.called()).toEqual(FORWARD);
    },
  );

  it('a create that is not answered calls nobody', async () => {
    const world = new World();
    const a = await world.coordinator();
    world.fate('create', () => new Promise(() => {}));
    void a.engine.start(world.request());
    await quiet();
    expect(world.calls).toEqual([]);
  });
});

it('a commit learns of a cancel once, is decided again once, and those after it have nothing more to learn', async () => {
  const world = new World();
  const gate = new Gate();
  world.reply('payment', 'action', async () => {
    await gate.pass();
    return refused();
  });
  const a = await world.coordinator();
  const id = await world.start(a);
  const cancel = { kind: 'cancel', by: 'ada', reason: 'too late', ifSeq: null } as const;
  expect((await a.engine.operate(id, cancel)).kind).toBe('accepted');
  gate.open();
  await quiet();
  expect((await world.record(id)).status).toBe('FAILED');
  // Two steps done, the third refused: told of the cancel, and decided again; then three are undone.
  expect(world.journal.filter((entry) => entry === 'commit')).toHaveLength(2 + 2 + 3);
});

describe('a commit that is refused', () => {
  it.each(['stale', 'missing'] as const)(
    'as %s: the saga is dropped, and nothing more is called',
    async (kind) => {
      const world = new World();
      world.fate(
        'commit',
        (perform) => perform(),
        async () => ({ kind }),
      );
      // What was purged since our right ended, others have ended: only of a saga in hand that much is sure.
      world.rights = { ...RIGHTS, retentionMs: -LEASE_MS };
      const a = await world.coordinator();
      const id = await world.start(a);
      expect(world.called()).toEqual(FORWARD.slice(0, 2));
      expect(a.events.at(-1)).toMatchObject({ type: 'lost', id, why: kind });
      expect(a.engine.inHand).toBe(0);
      // Nor is it repeated: a refusal is an answer.
      await world.clock.pass(LEASE_MS);
      expect(world.journal.filter((entry) => entry === 'commit')).toHaveLength(2);
    },
  );

  it('as stale after another coordinator took over: the outcome of the late call changes nothing', async () => {
    const world = new World();
    world.reply('payment', 'action', refused('seen by b alone'));
    const a = await world.coordinator('a');
    // The commit of a is on its way for so long that its lease ends meanwhile.
    const gate = new Gate();
    const slow: Fate = async (perform) => {
      await gate.pass();
      return perform();
    };
    world.fate('commit', (perform) => perform(), slow);
    const id = await world.start(a);
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(LEASE_MS + 1_000);
    expect((await world.record(id)).status).toBe('FAILED');
    const after = await world.store.log(id);
    gate.open();
    await quiet();
    expect(a.events.at(-1)).toMatchObject({ type: 'lost', id, why: 'stale' });
    expect(await world.store.log(id)).toEqual(after);
    expect(world.calls.filter(({ by }) => by === 'a').map(({ call }) => call.step)).toEqual([
      'order',
      'inventory',
    ]);
  });
});

describe('a commit whose reply was lost', () => {
  it.each([1, 2, 5])('%i times is repeated as the same write, and the saga goes on', async (times) => {
    const world = new World();
    const sent: { readonly expected: Fence; readonly write: Write }[] = [];
    const watched: Fate = (perform, [, expected, write]) => {
      sent.push({ expected: expected as Fence, write: write as Write });
      return replyLost(perform, []);
    };
    world.fate('commit', ...Array<Fate>(times).fill(watched));
    const a = await world.coordinator();
    const id = await world.start(a);
    await world.clock.pass(1_000);

    expect(new Set(sent.map(({ write }) => write.writeId)).size).toBe(1);
    expect(new Set(sent.map(({ expected }) => JSON.stringify(expected))).size).toBe(1);
    expect(world.called()).toEqual(FORWARD);
    expect(await world.history(id)).toHaveLength(6);
    expect(await world.counters()).toMatchObject({ 'completed_steps.held': 5, 'settled.COMPLETED': 1 });
    const faults = a.events.filter(({ type }) => type === 'store-fault');
    expect(faults).toHaveLength(times);
    expect(faults[0]).toMatchObject({ doing: `commit of saga ${id}` });
  });

  it.each(FORWARD.map((call, index) => [call, index] as const))(
    'after %s: its call is made once',
    async (_, index) => {
      const world = new World();
      world.fate('commit', ...Array<Fate>(index).fill((perform) => perform()), replyLost);
      const id = await world.start(await world.coordinator());
      await world.clock.pass(1_000);
      expect(world.called()).toEqual(FORWARD);
      expect((await world.record(id)).status).toBe('COMPLETED');
    },
  );
});

describe('a commit that never arrived', () => {
  it.each([
    ['surely', notSent],
    ['perhaps', notApplied],
  ])('%s: is repeated until the store is back, and the call is not', async (_, fate) => {
    const world = new World();
    const faults = 12;
    world.fate('commit', ...Array<Fate>(faults).fill(fate));
    const a = await world.coordinator();
    const id = await world.start(a);
    await world.clock.pass(60_000);
    expect(world.journal.filter((entry) => entry === 'commit failed')).toHaveLength(faults);
    // Its lease ended meanwhile, but nobody has written: the commit holds, and grants a new one.
    expect(world.called()).toEqual(FORWARD);
    expect((await world.record(id)).status).toBe('COMPLETED');
    expect(a.events.filter(({ type }) => type === 'store-fault')).toHaveLength(faults);
  });

  it('is repeated ever more slowly, but at least once a second', async () => {
    const world = new World();
    const sentAt: number[] = [];
    const watched: Fate = (perform, args) => {
      sentAt.push(world.clock.monotonic());
      return notSent(perform, args);
    };
    world.fate('commit', ...Array<Fate>(10).fill(watched));
    await world.start(await world.coordinator());
    await world.clock.pass(60_000);
    const gaps = sentAt.slice(1).map((ms, index) => ms - (sentAt[index] ?? 0));
    expect(gaps).toEqual([20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000]);
  });

  it('and whose saga another coordinator has taken meanwhile is refused; the other repeats the call under the same key', async () => {
    const world = new World();
    const down: Fate = (perform, args) =>
      (args[2] as Write).owner.name === 'a' ? notSent(perform, args) : perform();
    world.fate('commit', ...Array<Fate>(40).fill(down));
    const a = await world.coordinator('a');
    const id = await world.start(a);
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(10_000);
    expect(world.called(id)).toEqual(['order action', ...FORWARD]);
    expect((await world.record(id)).status).toBe('COMPLETED');
    world.fates.clear();
    await world.clock.pass(2_000);
    expect(a.events.at(-1)).toMatchObject({ type: 'lost', id, why: 'stale' });
    expect(await world.history(id)).toHaveLength(1 + 1 + stepNames.length);
  });
});

describe('a bug', () => {
  it('in the store is no fault of the infrastructure: it is not repeated, but ends the process', async () => {
    const world = new World();
    world.fate('create', () => Promise.reject(new TypeError('a bug')));
    const a = await world.coordinator();
    await expect(a.engine.start(world.request())).rejects.toThrow('a bug');
    expect(a.engine.inHand).toBe(0);
  });
});
