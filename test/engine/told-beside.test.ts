/** What comes to a saga from outside while calls beside it are under way, and the answers of the store come late. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import type { Reply } from '../../server/engine/outcome.ts';
import { everywhere } from '../machines/placed-order.ts';
import { Gate } from './gate.ts';
import { RARELY } from './trip.ts';
import { quiet } from './virtual-clock.ts';
import { done, hanging, notSent, World } from './world.ts';

const step = {
  at: 'somebody',
  action: { path: '/do', request: () => ({}), answer: z.looseObject({}) },
  undo: { path: '/undo' },
};
const awaited = { within: '1 day', data: z.looseObject({}), late: 'undo' } as const;
/** Three calls, beside two events that are awaited. */
const both = defineSaga({ id: 'both', version: '1', input: z.looseObject({}) }).parallel('both', {
  called: (b) => b.step('one', step).step('two', step).step('three', step),
  told: (b) => b.waitFor('word', awaited).waitFor('last', awaited),
});
const LOOK_MS = 500;

/** Its first two calls end when their gates open, and its third never. */
async function told() {
  const world = new World({ saga: () => definitionOf(both, everywhere({ timeoutMs: 60_000 })) });
  const [one, two] = [new Gate<Reply>(), new Gate<Reply>()];
  world.reply('one', 'action', one.pass);
  world.reply('two', 'action', two.pass);
  world.reply('three', 'action', hanging);
  const a = await world.coordinator('a', RARELY);
  const b = await world.coordinator('b', RARELY);
  const id = await world.start(a);
  const send = ({ engine }: typeof a, name: string) => engine.send(id, { id: `e-${name}`, name, data: {} });
  const heard = async () =>
    (await world.store.log(id)).flatMap(({ event, reason, outcome }) =>
      event === 'event' ? [`${reason}${outcome === null ? '' : ` ${outcome}`}`] : [],
    );
  return { world, a, b, id, send, heard, one, two };
}

it('is heard at once at the coordinator that has the saga, and from another at its next look', async () => {
  const { world, a, b, send, heard } = await told();
  expect(await send(a, 'word')).toEqual({ kind: 'accepted' });
  await quiet();
  expect(await heard()).toEqual(['word']);
  expect(await send(b, 'last')).toEqual({ kind: 'accepted' });
  await world.clock.pass(LOOK_MS - 1);
  expect(await heard()).toEqual(['word']);
  await world.clock.pass(1);
  expect(await heard()).toEqual(['word', 'last']);
});

it('is heard once, though it is found by a look while it is told', async () => {
  const { world, a, send, heard } = await told();
  const look = new Gate();
  world.fate('signal', async (perform) => {
    const put = await perform();
    await world.clock.pass(LOOK_MS);
    return put;
  });
  world.fate('commit', async (perform) => {
    await look.pass();
    return perform();
  });
  const sent = send(a, 'word');
  await look.arrived;
  await quiet();
  look.open();
  expect(await sent).toEqual({ kind: 'accepted' });
  await world.clock.pass(2 * LOOK_MS);
  expect(await heard()).toEqual(['word']);
});

it('is heard at once also where it comes while a commit is under way', async () => {
  const { world, a, send, heard, one } = await told();
  const committed = new Gate();
  world.fate('commit', async (perform) => {
    const result = await perform();
    await committed.pass();
    return result;
  });
  one.open(done({}));
  await committed.arrived;
  expect(await send(a, 'word')).toEqual({ kind: 'accepted' });
  committed.open();
  await quiet();
  expect(world.clock.monotonic()).toBe(0);
  expect(await heard()).toEqual(['word']);
});

it('is not looked for where nothing is awaited', async () => {
  const calls = defineSaga({ id: 'calls', version: '1', input: z.looseObject({}) }).parallel('calls', {
    one: (b) => b.step('one', step),
    two: (b) => b.step('two', step),
  });
  const world = new World({ saga: () => definitionOf(calls, everywhere({ timeoutMs: 60_000 })) });
  world.participants = hanging;
  await world.start(await world.coordinator('a', RARELY));
  await world.clock.pass(3 * LOOK_MS);
  expect(world.journal).not.toContain('get');
});

it('is looked for again where the store was away', async () => {
  const { world, a, b, send, heard } = await told();
  await send(b, 'word');
  world.fate('get', notSent);
  await world.clock.pass(LOOK_MS);
  expect(await heard()).toEqual([]);
  expect(a.events.filter(({ type }) => type === 'store-fault')).toHaveLength(1);
  await world.clock.pass(LOOK_MS);
  expect(await heard()).toEqual(['word']);
});

it.each(['get', 'signal'] as const)(
  'is not lost where what was answered before is told late, because the answer to %s was',
  async (operation) => {
    const { world, a, b, id, send, heard, one, two } = await told();
    const late = new Gate();
    if (operation === 'get') await send(b, 'word');
    world.fate(operation, async (perform) => {
      const found = await perform();
      await late.pass();
      return found;
    });
    if (operation === 'signal') void send(a, 'word');
    else await world.clock.pass(LOOK_MS);
    await late.arrived;
    // The end of a call comes by what lies in the mailbox.
    one.open(done({}));
    await quiet();
    expect([await heard(), (await world.record(id)).signals]).toEqual([['word'], []]);
    world.fate('commit', async (perform) => {
      const committed = await perform();
      expect(await send(b, 'last')).toEqual({ kind: 'accepted' });
      late.open();
      await quiet();
      return committed;
    });
    two.open(done({}));
    for (let looks = 0; looks < 4; looks += 1) await world.clock.pass(LOOK_MS);
    expect(await heard()).toEqual(['word', 'last']);
  },
);

it('may be time that has passed: the branch that waits for it goes on, and no call is made twice', async () => {
  const timed = defineSaga({ id: 'timed', version: '1', input: z.looseObject({}) }).parallel('timed', {
    called: (b) => b.step('one', step),
    slept: (b) => b.sleep('short', '1 s').step('two', step),
  });
  const world = new World({ saga: () => definitionOf(timed, everywhere({ timeoutMs: 60_000 })) });
  const one = new Gate<Reply>();
  world.reply('one', 'action', one.pass);
  world.participants = () => done({});
  const a = await world.coordinator('a', RARELY);
  const id = await world.start(a);
  await world.clock.pass(999);
  expect(world.called()).toEqual(['one action']);
  await world.clock.pass(1);
  expect(world.called()).toEqual(['one action', 'two action']);
  expect((await world.record(id)).summary.state).toContain('doingOne.calling');
  await world.clock.pass(2_000);
  one.open(done({}));
  await quiet();
  expect(world.called()).toEqual(['one action', 'two action']);
  expect((await world.record(id)).status).toBe('COMPLETED');
});
