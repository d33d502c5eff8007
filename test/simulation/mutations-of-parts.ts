/** What is taken out of the parts that only some sagas have: branches, items, conditions, pivots, waits and call-backs. */
import type { Mutation } from './mutation-table.ts';

const SIMULATION = ['test/simulation/simulation.test.ts'];
const CRASHES = ['test/simulation/crash-points.test.ts'];
const trip = { saga: 'trip', tests: SIMULATION } as const;

const beside = 'machines/beside.ts';
const compile = 'machines/compile.ts';
const items = 'machines/items.ts';
const words = 'machines/words.ts';
const decide = 'server/engine/decide.ts';
const runner = 'server/engine/runner.ts';

export const ofParts: readonly Mutation[] = [
  {
    name: 'a branch is repeated though another has failed',
    file: beside,
    find: "place.isBeside && !mustEnd ? { always: { guard: 'stopping', target: failed } } : {};",
    replace: '{};',
    ...trip,
  },
  {
    name: 'a join goes on though a branch has failed',
    file: compile,
    find: "onDone: [{ guard: 'stopping', target: to(failed), actions: 'noteStopped' }, { target: to(done) }],",
    replace: 'onDone: { target: to(done) },',
    ...trip,
  },
  {
    name: 'what failed last is why',
    file: words,
    find: 'context.failure ?? { step, reason: (event as Failed).error },',
    replace: '({ step, reason: (event as Failed).error }),',
    ...trip,
  },
  {
    name: 'a branch that is done while the saga is stopped is forgotten',
    file: beside,
    find: "actions: place.isBeside ? gain : { type: 'gainCancelled', params: own },",
    replace: "actions: place.isBeside ? [] : { type: 'gainCancelled', params: own },",
    ...trip,
  },
  {
    name: 'all items are under way at once',
    file: items,
    find: "if (item.phase !== 'ahead' || places <= 0) return item;",
    replace: "if (item.phase !== 'ahead') return item;",
    ...trip,
  },
  {
    name: 'an item is undone that was never called',
    file: items,
    find: "const phase = item.phase === 'ahead' ? 'never' : 'ahead';",
    replace: "const phase = 'ahead';",
    ...trip,
  },
  {
    name: 'an item that was undone is undone again, and one that failed is not',
    file: items,
    find: "if (item.phase === 'undone' || item.phase === 'never') return item;",
    replace: "if (item.phase === 'failed' || item.phase === 'never') return item;",
    ...trip,
  },
  {
    name: 'an item is begun though another has failed',
    file: words,
    find: '[step]: isStopping ? items : promoted(items, eachOf(step).concurrency)',
    replace: '[step]: promoted(items, eachOf(step).concurrency)',
    ...trip,
  },
  {
    name: 'undoing begins while an item is called',
    file: items,
    find: "phase !== 'calling' && (isStopping ||",
    replace: '(isStopping ||',
    ...trip,
  },
  {
    name: 'a condition is turned round',
    file: words,
    find: 'says === true',
    replace: 'says !== true',
    ...trip,
  },
  {
    name: 'a cancel reaches behind the pivot',
    file: beside,
    find: 'const cancelled = place.isPast ? {} :',
    replace: 'const cancelled = ',
    saga: 'returns',
    tests: SIMULATION,
  },
  {
    name: 'a pivot is given up though it may have been done',
    file: beside,
    find: "[event('unknown')]: mustEnd ? wait(uncertain) : [repeat(uncertain), fail(uncertain)],",
    replace: "[event('unknown')]: place.isPast ? wait(uncertain) : [repeat([]), fail([])],",
    saga: 'returns',
    tests: SIMULATION,
  },
  {
    name: 'who is dead has surely called nothing',
    file: runner,
    find: 'const isPerhapsDone = saga.inherited.delete(of) && !call.isUndoable;',
    replace: 'const isPerhapsDone = false;',
    saga: 'returns',
    tests: CRASHES,
  },
  {
    name: 'the last of two events decides',
    file: words,
    find: 'return inbox?.find((kept) => kept.name === name);',
    replace: 'return inbox?.findLast((kept) => kept.name === name);',
    saga: 'returns',
    tests: SIMULATION,
  },
  {
    name: 'an event that is refused lets the saga go on',
    file: compile,
    find: '...(place.isPast ? [] : [refused]),',
    replace: '',
    saga: 'returns',
    tests: SIMULATION,
  },
  {
    name: 'a wait is over at once',
    file: 'server/engine/write.ts',
    find: "return { kind: 'wait', delayMs: Math.max(0, until - at) };",
    replace: "return { kind: 'wait', delayMs: Math.max(0, Math.min(until - at, 500)) };",
    saga: 'returns',
    tests: SIMULATION,
  },
  {
    name: 'each 202 gives an asynchronous step its whole time anew',
    file: words,
    find: 'const until = context.pending?.[step]?.until ?? at + withinMs;',
    replace: 'const until = at + withinMs;',
    ...trip,
  },
  {
    name: 'an asynchronous step that was accepted has surely not been done',
    file: beside,
    find: '...own, withinMs: asynchronous?.withinMs ?? 0, ...counted } },\n          ...uncertain,',
    replace: '...own, withinMs: asynchronous?.withinMs ?? 0, ...counted } },',
    ...trip,
  },
  {
    name: 'what a call says after its call-back is taken for what is called next',
    file: decide,
    find: 'const isAsked = hops.length === 0 || activitiesIn(now.asks).some(({ name }) => name === of);',
    replace: 'const isAsked = true;',
    tests: ['test/engine/early-outcome.test.ts'],
  },
  {
    name: 'a call-back of an earlier attempt is not heard',
    file: decide,
    find: 'return one.call.isAsynchronous && one.address === step && one.attempt >= attempt;',
    replace: 'return one.call.isAsynchronous && one.address === step && one.attempt > attempt;',
    ...trip,
  },
  {
    name: 'each of nobody is not counted',
    file: 'server/engine/write.ts',
    find: "if (completed > 0) count('completed_steps.held', completed);",
    replace: "if (completed > 0) count('completed_steps.held');",
    ...trip,
  },
];
