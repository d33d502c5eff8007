/** The pure kernel: what it is given decides what comes out, from memory and from the store alike. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameOf, onlyCall, onlyWait, type SagaEvent, type SagaSnapshot } from '../../machines/index.ts';
import { nodeName, statesIn } from '../../machines/structure.ts';
import { answers, at, begun, drive, everywhere, orderMachine } from './placed-order.ts';

/** Two attempts, so that every state is reached, the waiting ones included. */
const attemptsMax = 2;
const saga = orderMachine(everywhere({ attemptsMax }));
/** The same machine as another process has it. */
const other = orderMachine(everywhere({ attemptsMax }));

type Choice = {
  readonly type: SagaEvent['type'];
  readonly random: number;
  readonly retryAfterMs: number | null;
};

const choice: fc.Arbitrary<Choice> = fc.record({
  // Weighted towards `done`, or few sagas would come further than the second step.
  type: fc.oneof(
    { weight: 4, arbitrary: fc.constant('done' as const) },
    { weight: 3, arbitrary: fc.constantFrom('refused' as const, 'retryable' as const, 'unknown' as const) },
  ),
  random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  retryAfterMs: fc.option(fc.nat(1_000_000)),
});

/** No saga lasts longer: ten calls at most, each with its attempts and the waits between them. */
const picks = fc.array(choice, { minLength: 10, maxLength: 10 * (2 * attemptsMax - 1) });

/** The picked event where the state knows it, else the only one that it does know; nothing at an end. */
function eventFor(snapshot: SagaSnapshot, { type, random, retryAfterMs }: Choice): SagaEvent | undefined {
  const asks = saga.asks(snapshot);
  const wait = onlyWait(asks);
  if (wait !== null) return { type: 'due', at: wait.until };
  const announced = onlyCall(asks);
  if (announced === null) return undefined;
  const { step, kind } = announced;
  if (type === 'done') return { type, at, answer: (kind === 'action' && answers[step]) || { undone: true } };
  const error = `${step} ${kind}: Straße "zu" \u2028`;
  return type === 'refused'
    ? { type, at, error }
    : { type: type as 'unknown', at, error, random, retryAfterMs };
}

/** Everything that a snapshot is to the engine. */
function seen(snapshot: SagaSnapshot) {
  const asks = saga.asks(snapshot);
  const { faultIn: _, redact: _r, ...call } = onlyCall(asks) ?? { faultIn: null, redact: null };
  return {
    text: saga.persist(snapshot),
    state: nameOf(snapshot.value),
    asks: { kind: asks.kind, wait: onlyWait(asks), call },
    tags: [...snapshot.tags],
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

describe('a saga that is stored and restored', () => {
  it('is at every step the same as one that never left memory, and drives on the same', () => {
    const reached = new Set<string>();
    fc.assert(
      fc.property(picks, (choices) => {
        let live = begun(saga);
        let restored = saga.restore(saga.persist(live));
        for (const choice of choices) {
          reached.add(nameOf(live.value));
          expect(seen(restored)).toStrictEqual(seen(live));
          const byXState = saga.machine.getPersistedSnapshot(live as never);
          expect(JSON.parse(saga.persist(live))).toEqual(JSON.parse(JSON.stringify(byXState)));
          const event = eventFor(live, choice);
          if (event === undefined) break;
          live = saga.next(live, event);
          // As another process would do it: snapshot and event come as text, into a machine of its own.
          const moved = other.next(other.restore(saga.persist(restored)), JSON.parse(JSON.stringify(event)));
          restored = saga.restore(other.persist(moved));
        }
        reached.add(nameOf(live.value));
        expect(seen(restored)).toStrictEqual(seen(live));
      }),
      // The rarest state is that in which the last step's compensation waits.
      { numRuns: 400, examples: rarest() },
    );
    const resting = statesIn(saga.machine)
      .filter((node) => Object.keys(node.states).length === 0 && !node.always?.length)
      .map(nodeName);
    expect([...reached].sort()).toEqual(resting.sort());
  });

  it.each([
    '',
    'null',
    '1',
    '[]',
    '{}',
    '{"value":"completed"}',
    '{"status":"active","value":"nowhere","context":{}}',
  ])('is not made of %j', (text) => {
    expect(() => saga.restore(text)).toThrow();
  });
});

/** Paths that go through all states whatever the seed: forward and back, each call once repeated. */
function rarest(): [Choice[]][] {
  const of = (type: Choice['type']): Choice => ({ type, random: 0.5, retryAfterMs: null });
  const dones = (count: number) => Array.from({ length: count }, () => of('done'));
  const repeatedOnce = (type: Choice['type']) => [of('unknown'), of('done'), of(type)];
  const forward = Array.from({ length: 4 }, () => repeatedOnce('done')).flat();
  const back = Array.from({ length: 5 }, () => repeatedOnce('done')).flat();
  return [
    [[...dones(5)]],
    [[...forward, ...repeatedOnce('refused'), ...back]],
    [[of('refused'), of('refused')]],
  ];
}

describe('a transition', () => {
  it('gives the same twice, and leaves alone what it was given', () => {
    fc.assert(
      fc.property(picks, (choices) => {
        let now = begun(saga);
        for (const choice of choices) {
          const event = eventFor(now, choice);
          if (event === undefined) return;
          deepFreeze(event);
          deepFreeze(now.context);
          deepFreeze(now.value);
          const before = saga.persist(now);
          const once = saga.next(now, event);
          const twice = saga.next(now, event);
          expect(seen(twice)).toStrictEqual(seen(once));
          expect(saga.persist(now)).toBe(before);
          now = once;
        }
      }),
    );
  });

  it('does not know of the other sagas of its machine', () => {
    const alone = saga.persist(drive(saga, ['done', 'done', 'refused']));
    const one = drive(saga, ['done', 'done']);
    drive(saga, ['unknown', 'unknown', 'refused', 'refused'], one);
    drive(saga, ['done', 'done', 'done', 'done', 'done']);
    expect(saga.persist(drive(saga, ['refused'], one))).toBe(alone);
  });
});

describe('an event that a state does not know', () => {
  const calling = begun(saga);
  const failed = { at, error: 'no', random: 0, retryAfterMs: null };
  const events: readonly SagaEvent[] = [
    { type: 'done', at, answer: {} },
    { type: 'refused', ...failed },
    { type: 'retryable', ...failed },
    { type: 'unknown', ...failed },
    { type: 'due', at },
  ];
  const types = events.map(({ type }) => type);
  const outcomes = types.filter((type) => type !== 'due');

  it.each([
    ['creatingOrder.calling', calling, ['due']],
    ['creatingOrder.waiting', drive(saga, ['retryable'], calling), outcomes],
    ['cancellingOrder.calling', drive(saga, ['refused'], calling), ['due']],
    ['cancellingOrder.waiting', drive(saga, ['refused', 'unknown'], calling), outcomes],
    ['completed', drive(saga, ['done', 'done', 'done', 'done', 'done'], calling), types],
    ['failed', drive(saga, ['refused', 'done'], calling), types],
    ['parked', drive(saga, ['refused', 'refused'], calling), types],
  ] as const)('throws in %s, and names the machine, the state and the event', (state, snapshot, unknown) => {
    expect(nameOf(snapshot.value)).toBe(state);
    for (const event of events) {
      const next = () => saga.next(snapshot, event);
      if ((unknown as readonly string[]).includes(event.type))
        expect(next).toThrow(`order@1: state ${state} knows no event ${event.type}`);
      else expect(next).not.toThrow();
    }
  });

  it.each(['', '*', 'DONE', 'xstate.done', 'constructor', '__proto__'])('throws when it is %j', (type) => {
    expect(() => saga.next(calling, { type, at } as never)).toThrow(
      type === '*' ? 'wildcard' : 'knows no event',
    );
  });
});
