/**
 * What the walk refuses: paths on which a machine breaks a rule, which no single state shows. Each machine is made of a good saga
 * whose states are written otherwise in one place; beside it stand sound ones that look alike, and are taken.
 */
import { describe, expect, it } from 'vitest';
import { type AnyStateMachine, createMachine } from 'xstate';
import { z } from 'zod';
import { MachineError } from '../../machines/check.ts';
import { defineSaga, type Parts, type Saga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { Registry } from '../../machines/index.ts';
import { type SagaContext, type SagaEvent, sagaContext } from '../../machines/saga.ts';
import { everywhere } from './placed-order.ts';

const call = (name: string, undo: object = { path: `/${name}/undo` }) => ({
  at: 'somebody',
  action: { path: `/${name}`, request: () => ({}), answer: z.looseObject({ id: z.string() }) },
  undo: undo as { path: string },
});
const each = (name: string, concurrency: number, undo?: object) => ({
  ...call(name, undo),
  key: String,
  concurrency,
});
const later = { asynchronous: { within: '1 min' } } as const;
const word = { within: '1 h', data: z.looseObject({ by: z.string() }) } as const;
const of = () => defineSaga({ id: 'own', version: '1', input: z.looseObject({}) });
const to = (state: string) => `#own.${state}`;

/** States by their names, with what is written there instead; a handler that is `undefined` is taken away. */
type Changes = Readonly<Record<string, State>>;
interface State {
  readonly on?: Readonly<Record<string, unknown>>;
  readonly states?: Readonly<Record<string, State>>;
  readonly [more: string]: unknown;
}

function changed(state: State, [first, ...rest]: readonly string[], change: State): State {
  if (first !== undefined)
    return {
      ...state,
      states: { ...state.states, [first]: changed(state.states?.[first] ?? {}, rest, change) },
    };
  const on = Object.entries({ ...state.on, ...change.on }).filter(([, handler]) => handler !== undefined);
  return { ...state, ...change, on: Object.fromEntries(on) };
}

const mapped = <From, To>(all: Readonly<Record<string, From>>, to: (one: From) => To) =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, to(one)]));
interface Given {
  readonly context: SagaContext;
  readonly event: SagaEvent;
}

const written = (changes: Changes) => (config: State) =>
  Object.entries(changes).reduce((state, [name, change]) => changed(state, name.split('.'), change), config);

function register(saga: Saga, write: (config: State) => State): () => void {
  const definition = definitionOf(saga, everywhere());
  const { config, implementations } = definition.machine;
  const machine = createMachine(write(config as State) as never, implementations as never);
  const own = { ...definition, machine: machine as unknown as AnyStateMachine };
  return () => void new Registry('xstate').register(own);
}

/** Title, saga, and what is written otherwise and sound all the same. */
type Sound = readonly [title: string, saga: () => Saga, changes: Changes];

/** What is refused, and in which words. */
type Bad = readonly [
  title: string,
  saga: () => Saga,
  changes: Changes,
  /** State, rule, what is wrong, what happened on the way: as the message has them. */
  state: string,
  says: string,
  path: string,
];

// None of these is a plain row, whose order check.ts reads off its states.
const row = () => of().step('a', call('a')).sleep('nap', '1 min').step('b', call('b'));
const awaiting = () =>
  of()
    .step('a', call('a'))
    .waitFor('word', { ...word, late: 'undo' })
    .step('b', call('b'));
const asynchronous = () =>
  of()
    .step('a', call('a'))
    .step('b', { ...call('b'), ...later });
const pivotal = (more: object = {}) =>
  of()
    .step('a', call('a'))
    .pivot('p', { ...call('p'), ...more })
    .step('c', call('c'));
const branches = () =>
  of().parallel('all', {
    one: (b) => b.step('b', call('b')),
    other: (b) => b.step('d', { ...call('d'), ...later }),
  });
const twoInOne = () =>
  of().parallel('all', {
    one: (b) => b.step('b', call('b')).step('c', call('c')),
    other: (b) => b.step('d', call('d')),
  });
const fork = () =>
  of()
    .step('a', call('a'))
    .when(
      'fork',
      () => true,
      (then) => then.step('b', call('b')),
    )
    .step('c', call('c'));
const seats = (concurrency = 2, undo?: object) =>
  of()
    .forEach('seat', () => [], each('seat', concurrency, undo))
    .step('bill', call('bill'));
/** A step in a row, and another behind it. */
const after = (own: ReturnType<typeof call>) => row().step('c', own).step('d', call('d'));
const fee = () =>
  of()
    .step('fee', call('fee', { none: 'it stays' }))
    .step('b', call('b'));

const hasNotFailed = ({ context }: Given) => context.failure === null;
const holds = (step: string) => ({ type: 'noteHeld', params: { step } });
const noted = (step: string) => ({ type: 'noteFailure', params: { step } });
/** A way back that is entered at another place than the step's own. */
const leading = (state: string, step: string) => ({ target: to(state), actions: noted(step) });
const ENDS = (step: string) =>
  `held: the saga ends as undone while ${step} stands: lead here only under the guard nothingHeld, after all that was done is undone, and else to the parked state`;
const PARKS = (step: string) =>
  `held: the saga parks while ${step} stands, and does not say so: its compensating state must be passed on the way, and note it as held`;
/** Two states that call and are left, as a region of a way back. */
const undoing = (step: string): State => {
  const gone = { target: 'gone', actions: { type: 'noteUndone', params: { step } } };
  const on = ['done', 'refused', 'unknown', 'retryable'].map((outcome) => [`${outcome}.${step}`, gone]);
  return {
    initial: 'calling',
    states: {
      calling: {
        tags: ['calling'],
        meta: { step, kind: 'compensation', participant: 'somebody', path: '/undo' },
        on: Object.fromEntries(on),
      },
      gone: { type: 'final' },
    },
  };
};
const ended = { target: to('failed'), actions: { type: 'noteTooLate', params: { part: 'nap' } } };

const BESIDE = 'all(one.doingB.calling,other.doingD.calling)';
const BACK = 'undoingAll(one.undoingB.calling,other.undoingD.calling)';

const needNot = (outcome: string, says: string) =>
  `outcomes: the outcome ${outcome} need not lead out of the step: ${says}`;
const GIVE_ONE = 'give it a handler without a guard that leaves it';

const outcomes: Bad[] = [
  ...(['done', 'refused', 'unknown', 'retryable'] as const).flatMap((outcome) => [
    ...(
      [
        [row, 'doingB.calling', outcome, 'doingB.calling', 'a done, wait nap is over'],
        [row, 'undoingA.calling', outcome, 'undoingA.calling', 'a refused'],
        [branches, 'all.other.doingD.calling', `${outcome}.d`, BESIDE, ''],
        [branches, 'undoingAll.other.undoingD.calling', `${outcome}.d`, BACK, 'b done, d refused'],
        [seats, 'doingSeat', `${outcome}.seat`, 'doingSeat', ''],
        [seats, 'undoingSeat', `${outcome}.seat`, 'undoingSeat', 'seat/first done, seat/second refused'],
      ] as const
    ).map(
      ([saga, place, event, state, path]): Bad => [
        `${place}, which has no handler for ${outcome}`,
        saga,
        { [place]: { on: { [event]: undefined } } },
        state,
        needNot(outcome, GIVE_ONE),
        path,
      ],
    ),
    [
      `a call that only notes that it is ${outcome}`,
      row,
      { 'doingB.calling': { on: { [outcome]: { actions: 'noteCancel' } } } },
      'doingB.calling',
      needNot(outcome, 'its last handler must leave it without a guard'),
      'a done, wait nap is over',
    ] as const,
  ]),
  [
    'a call that is accepted under a condition alone',
    asynchronous,
    { 'doingB.calling': { on: { accepted: { guard: 'asCompleted', target: 'pending' } } } },
    'doingB.calling',
    needNot('accepted', GIVE_ONE),
    'a done',
  ],
];

/** What ends otherwise than it says, or never, or begins anew. */
const ends: Bad[] = [
  [
    'an end without a failure over a step that was undone',
    row,
    { 'doingB.calling': { on: { refused: to('undoingA') } } },
    'failed',
    'ends: the saga ends as completed although a was undone: let it end as failed',
    'a done, wait nap is over, b refused, undo of a done',
  ],
  [
    'an end without a failure over a step whose undo has failed',
    row,
    {
      'doingB.calling': { on: { refused: to('undoingA') } },
      'undoingA.calling': {
        on: {
          done: {
            target: to('failed'),
            actions: [{ type: 'noteUndone', params: { step: 'a' } }, 'noteStopped'],
          },
          refused: [
            { guard: hasNotFailed, target: to('completed') },
            { target: to('undone'), actions: holds('a') },
          ],
        },
      },
      completed: {},
    },
    'completed',
    'ends: the saga ends as completed although a was undone: let it end as failed',
    'a done, wait nap is over, b refused, undo of a refused',
  ],
  [
    'a state that asks for nothing',
    () => row().sleep('rest', '1 min'),
    { sleepingNap: { tags: [] } },
    'sleepingNap',
    'ends: nothing is asked for here, and nobody is told: let it be final, or parked',
    'a done',
  ],
  [
    'branches of which none asks for anything',
    twoInOne,
    { 'all.one.doingC.calling': { tags: [] }, 'all.other.doingD.waiting': { tags: [] } },
    'all(one.doingC.calling,other.done)',
    'ends: nothing is asked for here, and nobody is told: let it be final, or parked',
    'b done, d done',
  ],
  [
    'a step that is done again after it was undone',
    row,
    { undone: { always: [{ guard: 'nothingHeld', target: to('doingA') }, { target: to('parked') }] } },
    'doingA.calling',
    'ends: a is done again after it was undone',
    'a refused, undo of a done',
  ],
  [
    'an item that is done again after it was undone',
    seats,
    { undone: { always: [{ guard: 'nothingHeld', target: to('doingSeat') }, { target: to('parked') }] } },
    'doingSeat',
    'ends: seat/first is done again after it was undone',
    'seat/first done, seat/second refused, undo of seat/first done, undo of seat/second done',
  ],
];

/** Undoes in another order than was done. */
const order: Bad[] = [
  [
    'an undo that is not passed over where its step was',
    fork,
    { undoingB: { always: [] } },
    'undoingB.calling',
    'undo-order: b is undone although it was never begun',
    'a done, c refused, undo of c done',
  ],
  [
    'a way back that begins before the step that may have been done',
    row,
    { 'doingB.calling': { on: { unknown: leading('undoingA', 'b') } } },
    'undoingA.calling',
    'undo-order: a is undone while b, which was done after it, still stands: undo that first',
    'a done, wait nap is over, b unknown',
  ],
  [
    'a way back that begins before the step that was done when somebody had cancelled',
    row,
    {
      'doingB.calling': {
        on: {
          done: [
            {
              guard: 'cancelled',
              target: to('undoingA'),
              actions: { type: 'gainCancelled', params: { step: 'b' } },
            },
            { target: to('completed'), actions: { type: 'gain', params: { step: 'b' } } },
          ],
        },
      },
    },
    'undoingA.calling',
    'undo-order: a is undone while b, which was done after it, still stands: undo that first',
    'a done, wait nap is over, cancel, b done',
  ],
  [
    'an undo that is passed over in a branch',
    twoInOne,
    { 'undoingAll.one.undoingC': { always: { guard: 'stopping', target: to('undoingAll.one.undoingB') } } },
    'undoingAll(one.undoingB.calling,other.undoingD.calling)',
    'undo-order: b is undone while c, which was done after it, still stands: undo that first',
    'b done, c done, d refused',
  ],
  [
    'branches on the way back of what was a row on the way there',
    row,
    {
      'doingB.calling': { on: { unknown: leading('back', 'b') } },
      back: {
        type: 'parallel',
        states: { one: undoing('a'), other: undoing('b') },
        onDone: to('undone'),
      },
    },
    'back(one.calling,other.calling)',
    'undo-order: a is undone while b, which was done after it, still stands: undo that first',
    'a done, wait nap is over, b unknown',
  ],
  [
    'a retry that begins at the first step',
    row,
    {
      parked: {
        on: {
          retry: ['A', 'B'].map((name) => ({
            guard: { type: 'isHeld', params: { step: name.toLowerCase() } },
            target: to(`undoing${name}`),
            actions: 'forgetHeld',
          })),
        },
      },
    },
    'undoingA.calling',
    'undo-order: a is undone while b, which was done after it, still stands: undo that first',
    'a done, wait nap is over, b unknown, undo of b refused, undo of a refused, retry',
  ],
];

const held: Bad[] = [
  [
    'an end over an undo that has failed',
    row,
    { undone: { always: [{ guard: 'cancelled', target: to('parked') }, { target: to('failed') }] } },
    'failed',
    ENDS('a'),
    'a unknown, undo of a refused',
  ],
  [
    'an end over what cannot be undone',
    fee,
    { keepingFee: { always: to('undone') } },
    'failed',
    ENDS('fee'),
    'fee unknown',
  ],
  [
    'an end over an item that cannot be undone',
    () => seats(2, { none: 'they stay' }),
    { keepingSeat: { always: to('undone') } },
    'failed',
    ENDS('seat/first'),
    'seat/first done, seat/second refused',
  ],
  [
    'an end over an undo that was told as done and was not',
    row,
    { 'undoingA.calling': { on: { unknown: to('undone') } } },
    'failed',
    ENDS('a'),
    'a unknown, undo of a unknown',
  ],
  [
    'an end over what is being undone where somebody cancels once more',
    row,
    { 'undoingA.calling': { on: { cancel: to('failed') } } },
    'failed',
    ENDS('a'),
    'a unknown, cancel',
  ],
  [
    'a parked state that does not name what cannot be undone',
    fee,
    { keepingFee: { always: to('parked') } },
    'parked',
    PARKS('fee'),
    'fee unknown',
  ],
  [
    'a parked state that names one item for another',
    seats,
    {
      undoingSeat: {
        on: {
          'refused.seat': { actions: [{ type: 'itemFailed', params: { step: 'seat' } }, holds('seat')] },
        },
      },
    },
    'parked',
    PARKS('seat/first'),
    'seat/first done, seat/second refused, undo of seat/first refused, undo of seat/second done',
  ],
  [
    'an end over what was done where an event comes in a branch',
    () =>
      of().parallel('all', {
        one: (b) => b.waitFor('word', { ...word, late: 'undo' }),
        other: (b) => b.step('d', call('d')),
      }),
    {
      'all.one.awaitingWord': {
        always: { guard: { type: 'arrived', params: { part: 'word' } }, ...ended },
        on: { 'due.word': 'done', retry: 'stopped' },
      },
    },
    'failed',
    ENDS('d'),
    'd done, word comes',
  ],
  [
    'an end over what is held, behind what is undone at a second try',
    row,
    {
      parked: {
        on: {
          retry: [
            {
              guard: { type: 'isHeld', params: { step: 'b' } },
              target: to('undoingB'),
              actions: ['forgetHeld', { type: 'noteStuck', params: { step: 'b' } }],
            },
            { target: to('undoingA'), actions: 'forgetHeld' },
          ],
        },
      },
      'undoingB.calling': {
        on: {
          done: [
            {
              guard: ({ context }: Given) => context.stuck !== undefined,
              target: to('undone'),
              actions: { type: 'noteUndone', params: { step: 'b' } },
            },
            { target: to('undoingA'), actions: { type: 'noteUndone', params: { step: 'b' } } },
          ],
        },
      },
    },
    'failed',
    ENDS('a'),
    'a done, wait nap is over, b refused, undo of b refused, undo of a refused, retry, undo of b done',
  ],
  [
    'a retry that leads nowhere',
    row,
    { parked: { on: { retry: [] } } },
    'parked',
    'held: a retry leads nowhere while a is held: name its compensating state in parked()',
    'a refused, undo of a refused',
  ],
  [
    'a retry that leads nowhere behind the pivot',
    pivotal,
    { 'doingC.refused': { on: { retry: undefined } } },
    'doingC.refused',
    'held: a retry leads nowhere while what was refused is held: name its compensating state in parked()',
    'a done, p done, c refused',
  ],
];

const pivot: Bad[] = [
  [
    'a step behind it for which what was before it is undone',
    pivotal,
    { 'doingC.calling': { on: { retryable: leading('undoingA', 'c') } } },
    'undoingA.calling',
    'pivot: a is undone behind the pivot p',
    'a done, p done, c not made',
  ],
  [
    'a pivot that may have been done and is given up',
    pivotal,
    { 'doingP.calling': { on: { unknown: leading('undoingA', 'p') } } },
    'undoingA.calling',
    'pivot: a is undone behind the pivot p',
    'a done, p unknown',
  ],
  [
    'a pivot that may have been done, is repeated, and given up then',
    pivotal,
    { 'doingP.calling': { on: { retryable: leading('undoingA', 'p') } } },
    'undoingA.calling',
    'pivot: a is undone behind the pivot p',
    'a done, p unknown, wait p is over, p not made',
  ],
];

const waits: Bad[] = (
  [
    [
      awaiting,
      'awaitingWord',
      {
        always: { guard: { type: 'arrived', params: { part: 'word' } }, ...ended },
        on: { due: to('doingB') },
      },
      'word comes',
    ],
    [
      awaiting,
      'awaitingWord',
      {
        always: [
          { guard: { type: 'refused', params: { part: 'word' } }, ...ended },
          { guard: { type: 'arrived', params: { part: 'word' } }, target: to('doingB') },
        ],
      },
      'word refuses',
    ],
    [awaiting, 'awaitingWord', { on: { due: ended } }, 'word does not come'],
    [
      row,
      'sleepingNap',
      { on: { due: [{ guard: 'cancelled', target: to('doingB') }, ended] } },
      'wait nap is over',
    ],
    [row, 'sleepingNap', { on: { cancel: ended } }, 'cancel'],
    [asynchronous, 'doingB.pending', { on: { done: ended } }, 'b accepted, b done'],
    [asynchronous, 'doingB.pending', { on: { refused: ended } }, 'b accepted, b refused'],
    [asynchronous, 'doingB.pending', { on: { due: ended } }, 'b accepted, b says nothing in time'],
  ] as const
).map(
  ([saga, state, change, path]): Bad => [
    `an end over what was done where ${path}`,
    saga,
    { [state]: change },
    'failed',
    ENDS('a'),
    `a done, ${path}`,
  ],
);

const refusal = (go: () => void): string => {
  try {
    go();
  } catch (error) {
    if (error instanceof MachineError) return error.message;
    throw error;
  }
  return 'it is taken';
};

describe.each<[string, readonly Bad[]]>([
  ['outcomes', outcomes],
  ['ends', ends],
  ['undo-order', order],
  ['held', held],
  ['pivot', pivot],
  ['held, wherever time goes by', waits],
])('the rule %s', (_, bad) => {
  it.each(bad)('refuses %s', (_title, saga, changes, state, says, path) => {
    const way = path === '' ? '' : ` (after: ${path})`;
    expect(refusal(register(saga(), written(changes)))).toBe(
      `machine own, state ${state}, rule ${says}${way}`,
    );
  });
});

/** What is sound as well, though it looks like what is refused. */
const sound: Sound[] = [
  ['a row', row, {}],
  ['branches, of which neither waits for the other', branches, {}],
  [
    'a branch that is undone before what another did later',
    () =>
      of().parallel('all', {
        one: (b) => b.step('d', call('d')),
        other: (b) => b.step('b', call('b')).step('c', call('c')),
      }),
    {},
  ],
  ['items that are done one by one, and undone in the same order', () => seats(1), {}],
  ['a step that cannot be undone, and is said to stay', fee, {}],
  ['items that cannot be undone', () => seats(2, { none: 'they stay' }), {}],
  ['what needs no undoing before what does', () => after(call('c', { unneeded: 'it asks' })), {}],
  ['what cannot be undone before what can', () => after(call('c', { none: 'it stays' })), {}],
  ['a pivot that is refused, whatever became of it before', pivotal, {}],
  ['a pivot that is accepted, and refused at last', () => pivotal(later), {}],
  ['an asynchronous step', asynchronous, {}],
  ['what is passed over on both ways', fork, {}],
  ['a wait that may take for ever', awaiting, { awaitingWord: { on: { due: undefined } } }],
  [
    'an event that was taken, and is not there any more',
    awaiting,
    {
      'doingB.calling': {
        on: {
          done: [
            { guard: { type: 'arrived', params: { part: 'word' } }, ...ended },
            { target: to('completed') },
          ],
        },
      },
    },
  ],
];

it.each(sound)('takes %s', (_, saga, changes) => {
  expect(refusal(register(saga(), written(changes)))).toBe('it is taken');
});

describe('choices', () => {
  /** So many choices in a row, behind which the saga ends over what was done where so many went one way. */
  const choosing = (choices: number, taken: number) => {
    let saga = of().step('a', call('a'));
    for (let index = 0; index < choices; index += 1) {
      const pausing = (b: Parts<unknown>) => b.sleep(`s${index}`, '1 min');
      saga = saga.when(`c${index}`, () => true, pausing as never);
    }
    const isIt = ({ context }: Given) =>
      Object.values(context.chosen ?? {}).filter((one) => one).length === taken;
    return refusal(
      register(
        saga.sleep('nap', '1 min'),
        written({ sleepingNap: { on: { due: [{ guard: isIt, ...ended }, { target: to('completed') }] } } }),
      ),
    );
  };
  const refused = expect.stringContaining(
    'machine own, state failed, rule held: the saga ends as undone while a stands',
  );

  it.each([
    [1, 0],
    [1, 1],
    [2, 1],
    [6, 3],
    [7, 0],
    [7, 1],
    [7, 7],
  ])('of %i are walked in the way in which %i are taken', (choices, taken) =>
    expect(choosing(choices, taken)).toEqual(refused),
  );

  it('of more than six are not walked in all ways', () => expect(choosing(7, 3)).toBe('it is taken'));
});

describe('undos that fail on one path', () => {
  /** An end over what stands, where so many undos have failed. */
  const forgetting = (saga: Saga, failed: number) => {
    const isIt = ({ context }: Given) => context.held.length === failed;
    const always = [
      { guard: 'nothingHeld', target: to('failed') },
      { guard: isIt, target: to('failed') },
      { target: to('parked') },
    ];
    return refusal(register(saga, written({ undone: { always } })));
  };
  const refused = expect.stringContaining(
    'machine own, state failed, rule held: the saga ends as undone while a stands',
  );

  it('are two where all is done in a row', () => {
    expect(forgetting(row(), 2)).toEqual(refused);
    expect(forgetting(row().step('c', call('c')), 3)).toBe('it is taken');
  });

  it('are one where branches multiply the states', () => {
    const fanned = () =>
      of()
        .step('a', call('a'))
        .parallel('all', { one: (b) => b.step('b', call('b')) });
    expect(forgetting(fanned(), 1)).toEqual(refused);
    expect(forgetting(fanned(), 2)).toBe('it is taken');
  });

  it('are none behind a retry, of which there is one', () => {
    const retry = [
      {
        guard: { type: 'isHeld', params: { step: 'b' } },
        target: to('undoingB'),
        actions: ['forgetHeld', { type: 'noteStuck', params: { step: 'b' } }],
      },
      { target: to('undoingA'), actions: 'forgetHeld' },
    ];
    const refused = [
      { guard: ({ context }: Given) => context.stuck !== undefined, target: to('failed') },
      { target: to('undoingA'), actions: holds('b') },
    ];
    const changes = { parked: { on: { retry } }, 'undoingB.calling': { on: { refused } } };
    expect(refusal(register(row(), written(changes)))).toBe('it is taken');
  });
});

/** Two ways to one state, of which only the second found is wrong: what is different must be remembered. */
const alike: Bad[] = [
  [
    'an end over what was done where an event had refused, and the saga went on all the same',
    awaiting,
    {
      awaitingWord: {
        always: [
          {
            guard: { type: 'refused', params: { part: 'word' } },
            target: to('doingB'),
            actions: { type: 'noteRefusal', params: { part: 'word' } },
          },
          {
            guard: { type: 'arrived', params: { part: 'word' } },
            target: to('doingB'),
            actions: { type: 'takeEvent', params: { part: 'word' } },
          },
        ],
      },
    },
    'completed',
    ENDS('a'),
    'a done, word refuses, b done',
  ],
  [
    'an end over what may have been done where nobody noted that',
    () =>
      of().parallel('all', {
        one: (b) => b.step('fee', call('fee', { none: 'it stays' })),
        other: (b) => b.step('d', call('d')),
      }),
    {
      'all.one.doingFee.calling': {
        on: {
          'unknown.fee': {
            target: to('all.one.stopped'),
            actions: { type: 'noteFirstFailure', params: { step: 'fee' } },
          },
        },
      },
    },
    'failed',
    ENDS('fee'),
    'fee unknown, d done, undo of d done',
  ],
];

it.each(alike)('refuses %s', (_title, saga, changes, state, says, path) => {
  expect(refusal(register(saga(), written(changes)))).toBe(
    `machine own, state ${state}, rule ${says} (after: ${path})`,
  );
});

it('walks a machine once, however many registries hold it', () => {
  const definition = definitionOf(awaiting(), everywhere());
  let asked = 0;
  const nothingHeld = ({ context }: Given) => {
    asked += 1;
    return context.held.length === 0;
  };
  const machine = definition.machine.provide({ guards: { nothingHeld } as never });
  const registered = () => new Registry('xstate').register({ ...definition, machine });
  registered();
  const first = asked;
  expect(first).toBeGreaterThan(0);
  registered();
  expect(asked).toBe(first);
});

/** What a definition's own words may read of an event, by its type. */
const failed = { at: z.number(), error: z.string(), random: z.number(), retryAfterMs: z.null() };
const EVENTS: Readonly<Record<string, z.ZodType>> = {
  done: z.object({ at: z.number(), answer: z.object({}) }),
  refused: z.object({ at: z.number(), error: z.string() }),
  unknown: z.object(failed),
  retryable: z.object(failed),
  accepted: z.object({ at: z.number(), location: z.null(), pollAfterMs: z.number() }),
  due: z.object({ at: z.number() }),
  event: z.object({ at: z.number(), id: z.string().min(1), name: z.string().min(1), data: z.object({}) }),
  cancel: z.object({ at: z.number(), reason: z.string().min(1) }),
  retry: z.object({ at: z.number() }),
};

it('shows contexts and events as any saga has them to whatever a machine asks', () => {
  const met = new Set<string>();
  const reads = ({ context, event }: Given) => {
    const [type = ''] = event.type.split('.');
    // As it is stored: what is gone is told as undefined.
    sagaContext.parse(JSON.parse(JSON.stringify(context)));
    EVENTS[type]?.parse(event);
    met.add(type);
    return false;
  };
  /** Each event is looked at first, and then goes where it went. */
  const reading = ({ on = {}, states = {}, ...state }: State): State => ({
    ...state,
    on: mapped(on, (handler) => [{ guard: reads, actions: 'noteCancel' }, ...[handler].flat()]),
    states: mapped(states, reading),
  });
  for (const saga of [awaiting(), branches(), seats(), pivotal(later)])
    expect(refusal(register(saga, reading))).toBe('it is taken');
  expect(Object.keys(EVENTS).filter((type) => !met.has(type))).toEqual([]);
});
