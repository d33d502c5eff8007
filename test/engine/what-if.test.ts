/**
 * What is foreseen of a request is what happens when it is made: sagas of each shape are driven by chance to some place, asked what they
 * would do, and then asked to do it, by services that answer. And the calls that are shown of them are those that were made.
 */
import { describe, expect, it } from 'vitest';
import { stringify } from '../../json/exact.ts';
import type { SagaContext } from '../../machines/saga.ts';
import { sampleOf } from '../../machines/sample.ts';
import { callsOf } from '../../server/calls.ts';
import type { Operation, WhatIfResult } from '../../server/engine/contract.ts';
import type { NumberedEntry } from '../../stores/saga-store.ts';
import { registry, SAGAS, SIMULATED, type Simulated } from '../simulation/sagas.ts';
import { Chance } from '../simulation/seeded.ts';
import { quiet } from './virtual-clock.ts';
import { done, type Made, refused, retryable, unknown, World } from './world.ts';

/** `WHAT_IF_SEED=7` plays that one alone, `WHAT_IF_SEEDS=500` so many. */
const { WHAT_IF_SEED: ONE, WHAT_IF_SEEDS: MANY = '24' } = process.env;
const SEEDS = ONE === undefined ? Array.from({ length: Number(MANY) }, (_, seed) => seed) : [Number(ONE)];
const KINDS = ['cancel', 'retry', 'skip', 'resolve'] as const;
/** Longer than any back-off, and much shorter than what is awaited. */
const PAUSE_MS = 450;

type Foreseen = Extract<WhatIfResult, { kind: 'foreseen' }>;
type Asked = Omit<Operation, 'ifSeq'>;

/** Where a saga stands, what it was asked, what was foreseen, and what came of it. */
interface Tried {
  readonly asked: Asked;
  readonly result: Foreseen;
  readonly log: readonly NumberedEntry[];
  readonly calls: readonly Made[];
  readonly context: SagaContext;
  readonly held: readonly string[];
  readonly status: string;
  /** What was done for certain and not undone, as the services know. */
  readonly stands: readonly string[];
}

const answerOf = ({ machine }: Simulated, name: string) => {
  const step = machine.steps.find((one) => one.name === name);
  if (step === undefined) throw new Error(name);
  return sampleOf(step.action.answer, name, '');
};

async function tried(seed: number): Promise<Tried | null> {
  const chance = new Chance(seed);
  const saga = SIMULATED[SAGAS[seed % SAGAS.length] ?? 'order'];
  const wanted = KINDS[Math.floor(seed / SAGAS.length) % KINDS.length];
  /** To skip or to resolve takes a saga that could not be undone. */
  const isHard = wanted === 'skip' || wanted === 'resolve';
  const { machine } = saga;
  const world = new World();
  world.random = chance.next;
  const coordinator = await world.coordinator('a', {}, undefined, registry);
  const { engine } = coordinator;
  engine.open();
  const books = new Map<string, 'done' | 'undone'>();
  const note = ({ call: { address, kind } }: Made) =>
    books.set(address, kind === 'action' ? 'done' : 'undone');
  const succeeds = (made: Made) => {
    note(made);
    return done(made.call.kind === 'action' ? answerOf(saga, made.call.step) : {});
  };
  let left = (isHard ? 6 : 0) + chance.below(12);
  const hanging: (() => void)[] = [];
  world.participants = (made) => {
    left -= 1;
    if (left < 0)
      return new Promise((resolve) => {
        hanging.push(() => resolve(succeeds(made)));
      });
    const drawn = chance.next();
    if (drawn < (isHard ? 0.35 : 0.12)) return refused();
    if (drawn < 0.2) return retryable();
    if (drawn < 0.26) return unknown();
    return succeeds(made);
  };
  const started = await engine.start({
    machine,
    input: saga.inputOf(chance),
    idempotency: null,
    trace: {},
    patienceMs: 9,
  });
  if (started.kind !== 'started') throw new Error(started.kind);
  const { id } = started;
  await quiet();
  for (let pauses = chance.below(4); pauses > 0; pauses -= 1) await world.clock.pass(PAUSE_MS);
  if (saga.event !== null && chance.hits(0.5)) {
    const data = chance.hits(0.7) ? saga.event.goesOn : saga.event.refuses;
    await engine.send(id, { id: 'e', name: saga.event.name, data });
    await quiet();
  }

  const steps = [
    ...new Set([...machine.steps.map(({ name }) => name), ...world.calls.map((made) => made.call.address)]),
  ];
  const by = { by: 'ada', reason: 'a test' };
  const asks: readonly Asked[] = [
    { kind: 'cancel', ...by },
    { kind: 'retry', ...by },
    ...steps.map((step) => ({ kind: 'skip', step, ...by }) as const),
    { kind: 'resolve', as: 'FAILED', ...by },
    { kind: 'resolve', as: 'COMPLETED', ...by },
  ];
  const before = await world.record(id);
  const possible: [Asked, Foreseen][] = [];
  for (const asked of asks.filter(({ kind }) => kind === wanted || kind === 'cancel')) {
    const result = await engine.whatIf(id, asked);
    if (result.kind === 'foreseen') possible.push([asked, result]);
    else expect(await engine.operate(id, { ...asked, ifSeq: before.seq })).toEqual(result);
  }
  // It was asked only: nothing has changed.
  expect(await world.record(id)).toEqual(before);
  if (possible.length === 0) return null;
  const meant = possible.filter(([{ kind }]) => kind === wanted);
  const [asked, result] = chance.pick(meant.length > 0 ? meant : possible);
  const made = world.calls.length;
  world.participants = succeeds;
  expect(await engine.operate(id, { ...asked, ifSeq: before.seq })).toMatchObject({ kind: 'accepted' });
  for (const release of hanging) release();
  await quiet();
  const { path } = result.foreseen;
  for (let pauses = 0; pauses < 40; pauses += 1) {
    if ((await world.record(id)).seq >= before.seq + path.length) break;
    await world.clock.pass(PAUSE_MS / 9);
  }
  const record = await world.record(id);
  const log = (await world.store.log(id)).filter(({ seq }) => seq > before.seq);
  const { context } = machine.restore(record.snapshot);
  const history = await engine.get(id);
  if (history === null) throw new Error('it is stored');
  for (const { call } of world.calls) {
    const shown = callsOf(history, machine, call.address, { urls: {} })?.calls.find(
      ({ kind }) => kind === call.kind,
    );
    expect(stringify(shown?.body)).toBe(stringify(machine.hide(call.body, context)));
    expect(shown?.idempotencyKey).toBe(`${id}:${call.address}:${call.kind}`);
    const attempts = shown?.attempts.map(({ attempt }) => attempt) ?? [];
    expect([...attempts, shown?.isUnderWay === true ? call.attempt : 0]).toContain(call.attempt);
  }
  coordinator.crash();
  return {
    asked,
    result,
    log,
    calls: world.calls.slice(made),
    context,
    held: (record.parked?.held ?? []).map(({ step }) => step),
    status: record.status,
    stands: [...books].filter(([, is]) => is === 'done').map(([step]) => step),
  };
}

const lineOf = ({ event, from, to, step, kind, attempt, outcome }: Omit<NumberedEntry, 'seq'>) =>
  `${event} ${step} ${kind} ${attempt} ${outcome}: ${from} -> ${to}`;
/** Of what is beside each other the order is open: the same happens, and it leads to the same. */
const isBeside = ({ from, to }: Omit<NumberedEntry, 'seq'>) =>
  `${from}${to}`.includes('(') || `${from}`.includes('nsuranc');
const loose = ({ event, step, kind, outcome }: Omit<NumberedEntry, 'seq'>) =>
  `${event} ${step} ${kind} ${outcome}`;

function hold({ result, log, calls, context, held, status, stands }: Tried): void {
  const { foreseen, saga } = result;
  const machine = registry.get(saga.machine.id, saga.machine.version);
  if (machine === undefined) throw new Error(saga.machine.id);
  const { path } = foreseen;
  if (path.some(isBeside)) expect(log.map(loose).sort()).toEqual(path.map(loose).sort());
  else expect(log.map(lineOf)).toEqual(path.map(lineOf));
  expect([foreseen.status, foreseen.state]).toEqual([status, log.at(-1)?.to ?? saga.summary.state]);

  const saidOf = (call: { address: string; kind: string }, body: unknown) =>
    `${call.kind} ${call.address} ${stringify(body)}`;
  const wanted = foreseen.calls
    .filter(({ isUnderWay }) => !isUnderWay)
    .map((call) => saidOf(call, machine.shownCall(call.context, call.address, call.kind)?.body));
  const made = calls.map(({ call }) => saidOf(call, machine.hide(call.body, context)));
  expect(made.sort()).toEqual(wanted.sort());

  const said = foreseen.held.map(({ step }) => step);
  if (status === 'ABORTED') expect(said).toEqual(held);
  // What the services know to stand is told, unless all was meant to, or somebody has taken it upon himself.
  const isMeant = foreseen.status === 'COMPLETED' && context.resolution === undefined;
  const isStuck = context.stuck !== undefined && context.failure === null && status === 'ABORTED';
  if (!isMeant && !isStuck)
    expect(said).toEqual(expect.arrayContaining(stands.filter((step) => !context.undone.includes(step))));
}

describe('what is foreseen happens', () => {
  const seen = new Map<string, number>();

  it.each(SEEDS)('seed %i', async (seed) => {
    const found = await tried(seed);
    if (found === null) return;
    const { asked, result } = found;
    const about = `${result.saga.machine.id} ${asked.kind}`;
    seen.set(about, (seen.get(about) ?? 0) + 1);
    hold(found);
  });

  it.skipIf(ONE !== undefined)('and each request was asked of each saga', () => {
    const about = [...seen.keys()].join();
    for (const one of [...SAGAS, ...KINDS]) expect(about).toContain(one);
  });
});
