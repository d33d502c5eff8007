/**
 * Every path of the order saga, found by xstate/graph and checked against an enumeration that knows no machine.
 * Each call has one attempt here, so that outcomes alone decide; back-off.test.ts is about the waiting.
 */

import { describe, expect, it } from 'vitest';
import type { AnyMachineSnapshot } from 'xstate';
import { getSimplePaths } from 'xstate/graph';
import { type Kind, nameOf, type Outcome, type SagaSnapshot } from '../../machines/index.ts';
import { begun, callIn, eventOf, orderMachine, outcomes, stepNames } from './placed-order.ts';

interface Made {
  readonly step: string;
  readonly kind: Kind;
  readonly outcome: Outcome;
}

interface Walk {
  readonly made: readonly Made[];
  readonly end: SagaSnapshot;
}

const saga = orderMachine();

const isEnd = (snapshot: SagaSnapshot) => ['nothing', 'operator'].includes(saga.asks(snapshot).kind);
const textOf = (made: readonly Made[]) =>
  made.map(({ step, kind, outcome }) => `${kind} ${step} ${outcome}`).join(', ');

/** The outcomes that XState finds to lead from the start to an end, one list for each path. */
function pathsOfGraph(): Outcome[][] {
  const paths = getSimplePaths(saga.machine, {
    fromState: begun(saga) as AnyMachineSnapshot,
    events: (snapshot) => outcomes.map((outcome) => eventOf(outcome, callIn(saga, snapshot as SagaSnapshot))),
    // The three ways to fail lead to states of one name, and are edges of their own all the same, since simple paths
    // tell edges apart by their event. What was held must be in the name: it decides where the saga ends.
    serializeEvent: (event) => event.type,
    serializeState: (snapshot) => {
      const { value, context } = snapshot as SagaSnapshot;
      return JSON.stringify([nameOf(value), context.failure?.step, context.held.map(({ step }) => step)]);
    },
    toState: (snapshot) => isEnd(snapshot as SagaSnapshot),
  });
  // The first event of a path is XState's own, by which the machine came to its first state.
  return paths.map(({ steps }) => steps.slice(1).map(({ event }) => event.type as Outcome));
}

/** Drives the saga along a path. The graph merges states that differ in a reason alone; this does not. */
function walk(path: readonly Outcome[]): Walk {
  const made: Made[] = [];
  let at = begun(saga);
  for (const outcome of path) {
    const { step, kind } = callIn(saga, at);
    made.push({ step, kind, outcome });
    at = saga.next(at, eventOf(outcome, { step, kind }));
  }
  return { made, end: at };
}

/** What a saga of these steps may do, said without any machine: forward while all is done, then back from the failed step. */
function plainly(index = 0): Made[][] {
  const step = stepNames[index];
  if (step === undefined) return [[]];
  const act = (outcome: Outcome): Made => ({ step, kind: 'action', outcome });
  return outcomes.flatMap((outcome) =>
    (outcome === 'done' ? plainly(index + 1) : plainlyBack(index)).map((rest) => [act(outcome), ...rest]),
  );
}

function plainlyBack(index: number): Made[][] {
  const step = stepNames[index];
  if (step === undefined) return [[]];
  const rests = plainlyBack(index - 1);
  return outcomes.flatMap((outcome) =>
    rests.map((rest) => [{ step, kind: 'compensation' as const, outcome }, ...rest]),
  );
}

const walks = pathsOfGraph().map(walk);

/** Asserts something of every walk; a failure says which. */
function ofEveryWalk(assert: (walk: Walk) => void) {
  for (const each of walks) {
    try {
      assert(each);
    } catch (error) {
      throw new Error(`on the path: ${textOf(each.made)}`, { cause: error });
    }
  }
}

const failedCompensations = ({ made }: Walk) =>
  made.filter(({ kind, outcome }) => kind === 'compensation' && outcome !== 'done');

describe('every path of the order saga', () => {
  it('is walked: one goes well, and each failure meets each combination of outcomes of its compensations', () => {
    const failures = outcomes.length - 1;
    // A failure at step k is undone by k + 1 calls, each with any outcome.
    const derived = stepNames.reduce((sum, _, k) => sum + failures * outcomes.length ** (k + 1), 1);
    expect(walks).toHaveLength(derived);
    expect(new Set(walks.map(({ made }) => textOf(made))).size).toBe(derived);
  });

  it('is one that a plain enumeration finds, and there are no others', () => {
    const found = walks.map(({ made }) => textOf(made)).sort();
    expect(found).toEqual(plainly().map(textOf).sort());
  });

  it('ends completed, failed or parked', () => {
    const counts: Record<string, number> = {};
    for (const { end } of walks) counts[nameOf(end.value)] = (counts[nameOf(end.value)] ?? 0) + 1;
    const failed = (outcomes.length - 1) * stepNames.length;
    expect(counts).toEqual({ completed: 1, failed, parked: walks.length - 1 - failed });
  });

  it('says what it asks for at its end', () => {
    ofEveryWalk(({ end }) => {
      const asked = {
        completed: { kind: 'nothing', succeeded: true },
        failed: { kind: 'nothing', succeeded: false },
        parked: { kind: 'operator' },
      }[nameOf(end.value)];
      expect(saga.asks(end)).toEqual(asked);
      expect(end.status).toBe(asked?.kind === 'nothing' ? 'done' : 'active');
    });
  });

  it('undoes exactly what may have happened, backwards, whatever becomes of a compensation', () => {
    ofEveryWalk(({ made, end }) => {
      const called = made.filter(({ kind }) => kind === 'action').map(({ step }) => step);
      const undone = made.filter(({ kind }) => kind === 'compensation').map(({ step }) => step);
      expect(undone).toEqual(nameOf(end.value) === 'completed' ? [] : called.toReversed());
    });
  });

  it('calls nothing forward once a step has failed, and makes no call twice', () => {
    ofEveryWalk(({ made }) => {
      const turn = made.findIndex(({ outcome }) => outcome !== 'done');
      const after = turn < 0 ? [] : made.slice(turn + 1);
      expect(after.filter(({ kind }) => kind === 'action')).toEqual([]);
      expect(new Set(made.map(({ step, kind }) => `${kind} ${step}`)).size).toBe(made.length);
    });
  });

  it('completes if and only if all five steps are done', () => {
    ofEveryWalk(({ made, end }) => {
      const done = made.filter(({ kind, outcome }) => kind === 'action' && outcome === 'done');
      expect(nameOf(end.value) === 'completed').toBe(done.length === stepNames.length);
    });
  });

  it('parks if and only if a compensation failed, and names exactly those as held, with the reason of each', () => {
    ofEveryWalk((each) => {
      const failed = failedCompensations(each);
      expect(nameOf(each.end.value) === 'parked').toBe(failed.length > 0);
      const held = failed.map(({ step, outcome }) => ({ step, reason: `${step} compensation ${outcome}` }));
      expect(each.end.context.held).toEqual(held);
    });
  });

  it('remembers the step that failed and why, whatever happens while it is undone', () => {
    ofEveryWalk(({ made, end }) => {
      const failed = made.find(({ kind, outcome }) => kind === 'action' && outcome !== 'done');
      const failure = failed && { step: failed.step, reason: `${failed.step} action ${failed.outcome}` };
      expect(end.context.failure).toEqual(failure ?? null);
    });
  });
});
