/** What an operator is answered whose saga moves, goes, or cannot be read while it is looked at; and who asks what would come of it. */
import { expect, it } from 'vitest';
import type { Operation } from '../../server/engine/contract.ts';
import type { SagaRecord } from '../../stores/saga-store.ts';
import { hanging, World } from './world.ts';

const by = { by: 'ada', reason: 'rain', ifSeq: null } as const;
const CANCEL: Operation = { kind: 'cancel', ...by };

async function calling() {
  const world = new World();
  world.reply('order', 'action', hanging);
  const { engine } = await world.coordinator();
  const started = await engine.start(world.request());
  if (started.kind !== 'started') throw new Error(started.kind);
  const { id } = started;
  const record = await world.record(id);
  const { state } = record.summary;
  /** The next look finds it so. */
  const found = (over: Partial<SagaRecord>, times = 1) =>
    world.fate('get', ...Array(times).fill(async () => ({ ...record, ...over })));
  return { world, engine, id, record, state, found };
}

it.each([
  ['has no room in its mailbox', ['full'], { kind: 'full' }],
  ['has been purged since', ['missing'], { kind: 'missing' }],
  ['has ended since', ['ended'], { kind: 'impossible', state: 'creatingOrder.calling' }],
  ['moves on whenever it is looked at', Array(5).fill('moved'), { kind: 'busy' }],
  ['has moved on now and then', Array(4).fill('moved'), { kind: 'accepted', isFree: false }],
])('whose saga %s is told so', async (_, kinds: readonly string[], answer) => {
  const { world, engine, id } = await calling();
  world.fate('signal', ...kinds.map((kind) => async () => ({ kind })));
  expect(await engine.operate(id, CANCEL)).toEqual(answer);
});

it('who asks of a saga as it was is told how it stands', async () => {
  const { engine, id, record } = await calling();
  expect(await engine.operate(id, { ...CANCEL, ifSeq: record.seq + 1 })).toEqual({
    kind: 'moved',
    seq: record.seq,
  });
  expect((await engine.operate(id, { ...CANCEL, ifSeq: record.seq })).kind).toBe('accepted');
});

it('who asks for what can have no effect is told where the saga stands, and what nobody owns is free', async () => {
  const { engine, id, state, found } = await calling();
  const impossible = { kind: 'impossible', state };
  expect(await engine.operate(id, { kind: 'retry', ...by })).toEqual(impossible);
  for (const over of [{ status: 'COMPLETED' }, { status: 'FAILED' }, { snapshot: 'x' }] as const) {
    found(over);
    expect(await engine.operate(id, CANCEL)).toEqual(impossible);
  }
  found({ owner: null });
  expect(await engine.operate(id, CANCEL)).toEqual({ kind: 'accepted', isFree: true });
});

it('who asks of what nobody here knows is told so, whether to do it or what would come of it', async () => {
  const { world, engine, id, record, state, found } = await calling();
  const machine = { ...record.machine, version: '9' };
  found({ machine }, 2);
  expect(await engine.operate(id, CANCEL)).toEqual({ kind: 'unknown-version', machine, state });
  expect(await engine.whatIf(id, CANCEL)).toEqual({ kind: 'unknown-version', machine, state });
  expect(await engine.operate('00-none', CANCEL)).toEqual({ kind: 'missing' });
  expect(await engine.whatIf('00-none', CANCEL)).toEqual({ kind: 'missing' });
  expect((await world.record(id)).signals).toEqual([]);
});

it('nothing is foreseen of what can have no effect, is unreadable or has ended', async () => {
  const { world, engine, id, state, found } = await calling();
  const impossible = { kind: 'impossible', state };
  expect(await engine.whatIf(id, { kind: 'retry', ...by })).toEqual(impossible);
  // It goes while it is looked at.
  found({ snapshot: 'x' });
  world.fate('get', async () => null);
  expect(await engine.whatIf(id, CANCEL)).toEqual({ kind: 'missing' });
  found({ snapshot: 'x' }, 2);
  expect(await engine.whatIf(id, CANCEL)).toEqual(impossible);
  for (const status of ['COMPLETED', 'FAILED'] as const) {
    found({ status });
    expect(await engine.whatIf(id, CANCEL)).toEqual(impossible);
  }
});

it('what lies in the mailbox already is foreseen with what is asked', async () => {
  const { engine, id, found } = await calling();
  found({ signals: [{ id: 's', kind: 'cancel', atMs: 1, by: 'eve', reason: 'sun' }] });
  const result = await engine.whatIf(id, CANCEL);
  if (result.kind !== 'foreseen') throw new Error(result.kind);
  expect(result.saga.id).toBe(id);
  expect(result.foreseen.path.map(({ event, by: who }) => [event, who])).toEqual([
    ['cancel', 'eve'],
    ['cancel', 'ada'],
    ['done', undefined],
    ['done', undefined],
  ]);
});
