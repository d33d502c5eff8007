/** Sagas copied as tests: what each of them says is run, and holds. */
import { expect, it } from 'vitest';
import { definitionOf } from '../../machines/definition.ts';
import { type Answer, Registry, type SagaDefinition } from '../../machines/index.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import { sampleOf } from '../../machines/sample.ts';
import { testOf } from '../../server/dashboard/test-text.ts';
import type { SagaHistory } from '../../server/engine/contract.ts';
import * as testing from '../../testing/index.ts';
import { quiet } from '../engine/virtual-clock.ts';
import { done, refused, retryable, unknown, World } from '../engine/world.ts';
import { everywhere, placed } from '../machines/placed-order.ts';
import { Chance } from '../simulation/seeded.ts';
import { booking, shipsFirst } from '../testing/booking.ts';

/** `TEXT_SEED=7` plays that one alone. */
const { TEXT_SEED: ONE } = process.env;
const SEEDS = ONE === undefined ? Array.from({ length: 30 }, (_, seed) => seed) : [Number(ONE)];
const policy = { timeoutMs: 2_000, attemptsMax: 3, backoffMs: 100, backoffMaxMs: 10_000 };
const short = (saga: typeof booking | typeof shipsFirst) => definitionOf(saga, () => policy);

/** Registered once: that takes longer than all that is done with them. */
const registry = new Registry();
const subject = (saga: SagaDefinition, input: Answer) => ({ saga, input, machine: registry.register(saga) });
const ORDER = subject(orderSaga(everywhere(policy)), orderInput(placed).data);
const PARCEL = subject(short(shipsFirst), { to: 'Lisbon' });
const BOOKING = new Registry().register(short(booking));

/** A saga that was driven to its end by chance, with a kill on the way now and then. */
async function ended(seed: number, { input, machine }: typeof ORDER): Promise<SagaHistory> {
  const chance = new Chance(seed);
  const world = new World();
  const coordinatorOf = (name: string) => world.coordinator(name, {}, undefined, registry);
  let coordinator = await coordinatorOf('a');
  const killAt = chance.hits(0.3) ? chance.below(6) : -1;
  let made = 0;
  world.participants = ({ call }) => {
    made += 1;
    if (made - 1 === killAt) {
      coordinator.crash();
      return new Promise(() => {});
    }
    const drawn = chance.next();
    if (drawn < 0.08) return refused(`no "${call.step}", it's \\ over`);
    if (drawn < 0.2) return retryable();
    if (drawn < 0.3) return unknown();
    if (call.kind === 'compensation') return done();
    const step = machine.steps.find(({ name }) => name === call.step);
    return done(step && sampleOf(step.action.answer, call.step, ''));
  };
  coordinator.engine.open();
  const request = { ...world.request(null, machine), input: { data: { ...input } } };
  const started = await coordinator.engine.start(request);
  if (started.kind !== 'started') throw new Error(started.kind);
  await quiet();
  if (killAt >= 0) {
    coordinator = await coordinatorOf('b');
    coordinator.engine.open();
  }
  await world.clock.pass(20_000);
  const history = await coordinator.engine.get(started.id);
  if (history === null) throw new Error('it is stored');
  coordinator.crash();
  return history;
}

/** What a test runner would do with the text. */
async function play(text: string, saga: unknown): Promise<void> {
  const [, names = ''] = /^import \{ (.*) \} from 'saga-coordinator\/testing';$/m.exec(text) ?? [];
  const body = text.replace(/^import .*$/gm, '');
  const tests: Promise<void>[] = [];
  const collect = (_: string, test: () => Promise<void>) => tests.push(test());
  new Function('expect', 'it', 'saga', `{ ${names} }`, body)(expect, collect, saga, testing);
  expect(tests).toHaveLength(1);
  await Promise.all(tests);
}

it('play what has happened: refusals, repetitions, lost answers and a kill', async () => {
  const seen = new Set<string>();
  for (const seed of SEEDS) {
    const subject = seed % 2 === 0 ? ORDER : PARCEL;
    const made = testOf(await ended(seed, subject), subject.machine);
    if (!('text' in made)) throw new Error(`seed ${seed}: ${made.why}`);
    try {
      await play(made.text, subject.saga);
    } catch (error) {
      throw new Error(`TEXT_SEED=${seed}\n${made.text}`, { cause: error });
    }
    for (const [word] of made.text.matchAll(/(?<=[[ ])\w+(?=\()|killedDuring|COMPLETED|FAILED|ABORTED/g))
      seen.add(word);
  }
  if (ONE === undefined)
    expect([...seen]).toEqual(
      expect.arrayContaining([
        'busy',
        'lost',
        'unreached',
        'refused',
        'killedDuring',
        'COMPLETED',
        'FAILED',
        'ABORTED',
      ]),
    );
});

it('is laid out as somebody would write it', async () => {
  const history = await ended(4, PARCEL);
  const { text } = testOf({ ...history, saga: { ...history.saga, id: 'ID' } }, PARCEL.machine) as {
    text: string;
  };
  expect(text).toMatchInlineSnapshot(`
    "import { expect, it } from 'vitest';
    import { busy, done, lost, run, unreached } from 'saga-coordinator/testing';
    import saga from './booking.ts'; // Where booking, version 1, is defined.

    it('goes as ID did', async () => {
      const end = await run(
        saga,
        {
          "to": "Lisbon"
        },
        {
          flight: [done({
            "booking": "booking",
            "price": 1
          })],
          parcel: [unreached(), busy(), lost()],
        },
      );
      expect(end).toMatchObject({
        status: 'FAILED',
        calls: ['flight', 'parcel', 'parcel', 'parcel', 'undo flight'],
      });
    });
    "
  `);
});

const entry = (over: object) => ({
  ...{
    seq: 1,
    at: '2026-01-01T00:00:00.000Z',
    event: 'started',
    from: null,
    to: 'doingFlight.calling',
    step: 'flight',
    kind: 'action',
  },
  ...{ attempt: 1, outcome: null, duration_ms: null, error: null, ...over },
});
const historyOf = (status: string, ...entries: readonly object[]) =>
  ({
    saga: {
      ...{
        id: 'ID',
        status,
        unreadable: null,
        seq: entries.length,
        machine: { id: 'booking', version: '1' },
      },
      context: { data: { to: 'Lisbon', flight: 'f' }, answers: {} },
    },
    log: entries.map((one, index) => entry({ ...one, seq: index + 1 })),
  }) as unknown as SagaHistory;

it('says why there is none', async () => {
  const why = (history: SagaHistory) => (testOf(history, BOOKING) as { why: string }).why;
  expect(why(historyOf('STARTED', {}))).toContain('not ended');
  expect(why(historyOf('FAILED', { event: 'done' }))).toContain('not whole');
  expect(why(historyOf('FAILED', {}, { event: 'cancel' }))).toMatch(/entry 2 .* cancel/);
  expect(testOf(historyOf('FAILED', {}, { event: 'cancel', outcome: 'ignored' }), BOOKING)).toHaveProperty(
    'text',
  );
  expect(why(historyOf('FAILED', {}, { to: 'both(a.calling,b.calling)' }))).toContain('side by side');
  const taken = { event: 'takenOver', from: 'doingFlight.calling' };
  expect(why(historyOf('FAILED', {}, taken, taken))).toContain('more than once');
});

it('names the events whose data it lacks', async () => {
  const made = testOf(
    historyOf('COMPLETED', {}, { event: 'event', reason: 'approval', step: null }),
    BOOKING,
  );
  expect(made).toMatchObject({
    events: ['approval'],
    text: expect.stringContaining('approval: {}, // What came'),
  });
  // Facts that the saga has gained are none that it began with.
  expect(made).not.toMatchObject({ text: expect.stringContaining('"flight"') });
});
