/** A machine as the engine knows it: what it says of a saga, what of that is shown, and how its calls are made. */
import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import { type CallActivity, onlyCall, RegisteredMachine, type SagaContext } from '../../machines/index.ts';
import { Driven } from './driven.ts';
import { everywhere } from './placed-order.ts';
import { smallSaga } from './small-saga.ts';

const at = 1000;
const answer = z.looseObject({ id: z.string().optional() });
const LONG = 'x'.repeat(600);
const PIN = '123456';

const saga = () =>
  defineSaga({
    id: 'own',
    version: '7',
    input: z.looseObject({ card: z.string(), guest: z.looseObject({ passport: z.string() }) }),
    secrets: ['card', 'guest.passport'],
  })
    .step('a', {
      at: 'somebody',
      action: {
        path: '/a',
        request: ({ card, guest }) => ({ card, pass: guest.passport.slice(0, 3) }),
        answer,
      },
      undo: { path: '/a/undo', request: (_, found) => ({ found: found?.id ?? 'nothing' }) },
      held: ({ card }, { id }) => ({ says: `${id} is paid by ${card}`, amount: 5, unit: 'rooms' }),
    })
    .forEach('seat', () => ['x', 'y z'], {
      at: 'theatre',
      key: (name) => name,
      action: { path: '/seat', request: ({ item }) => ({ item }), answer },
      undo: { path: '/seat/undo' },
      held: ({ item }, { id }) => (id === undefined ? '' : `${item} is ${id}`),
    })
    .step('kept', {
      at: 'embassy',
      asynchronous: { within: '1 h' },
      action: { path: '/kept', request: () => ({}), answer },
      undo: { none: 'it stays' },
      held: (_, { id }) => (id === undefined ? (undefined as unknown as string) : LONG),
    })
    .pivot('p', { at: 'bank', action: { path: '/p', request: () => ({}), answer } })
    .step('c', { at: 'bank', action: { path: '/c', request: () => ({}), answer } });

const registered = (policies = everywhere({ attemptsMax: 2 })) =>
  new RegisteredMachine(definitionOf(saga(), policies));
const begun = () => new Driven(registered(), { card: `card ${PIN}`, guest: { passport: PIN, name: 'Ada' } });
const seated = () => begun().done('action a', { id: 'a-1' }).done('action seat/x', { id: 'x-1' });
const kept = () => seated().done('action seat/y%20z', { id: 'y-1' });
const committed = () => kept().done('action kept', { id: 'k-1' }).done('action p');
const callOf = (driven: Driven, name: string) => (driven.find(name) as CallActivity).call;

describe('of a saga', () => {
  it('counts the steps that were done, one of many items when all of them were', () => {
    const counted = ({ machine, snapshot }: Driven) => machine.stepsCompleted(snapshot.context);
    expect([begun(), seated(), kept(), committed()].map(counted)).toEqual([0, 1, 2, 4]);
    // Undoing does not lower it.
    expect(counted(kept().refused('action kept').done('compensation seat/x'))).toBe(2);
  });

  it('says how it ended, whatever a person made of that', () => {
    const asked = ({ machine, snapshot }: Driven) => machine.asks(snapshot);
    const resolved = (driven: Driven, as: 'COMPLETED' | 'FAILED') =>
      asked(driven.on({ type: 'resolve', at, as, by: 'eve', reason: 'so' }));
    expect(asked(committed().done('action c'))).toEqual({ kind: 'nothing', succeeded: true });
    expect(asked(begun().refused('action a').done('compensation a'))).toEqual({
      kind: 'nothing',
      succeeded: false,
    });
    expect(resolved(begun().refused('action a'), 'COMPLETED')).toEqual({ kind: 'nothing', succeeded: true });
    expect(resolved(begun(), 'FAILED')).toEqual({ kind: 'nothing', succeeded: false });
    expect(asked(committed().refused('action c'))).toEqual({ kind: 'operator' });
  });

  it('names itself and the state where an event is not known', () => {
    const { machine, snapshot } = begun();
    expect(() => machine.next(snapshot, { type: 'retry', at })).toThrow(
      'own@7: state doingA.calling knows no event retry',
    );
    expect(machine.accepts(snapshot, { type: 'retry', at })).toBe(false);
    expect(machine.accepts(snapshot, { type: 'cancel', at, reason: '' })).toBe(true);
  });

  it.each([
    '{}',
    '[]',
    'no JSON',
    '{"status":"active","value":"doingA","context":{"data":{}}}',
    '{"status":"active","value":"nowhere","context":{"data":{},"answers":{},"attempt":1,"retryAt":null,"failure":null,"held":[],"undone":[]}}',
  ])('does not restore %s', (text) => {
    expect(() => registered().restore(text)).toThrow();
  });
});

it('is a row of steps where its definition does not say of which parts it is made', () => {
  const { steps, parts } = new RegisteredMachine(smallSaga(['a', 'b']));
  expect(parts).toEqual(steps.map((step) => ({ kind: 'step', step, isPivot: false })));
  const short = registered();
  expect(short.parts.map(({ kind }) => kind)).toEqual(['step', 'step', 'step', 'step', 'step']);
  expect(short.parts.map((part) => part.kind === 'step' && part.isPivot)).toEqual([
    false,
    false,
    false,
    true,
    false,
  ]);
});

describe('of what stands', () => {
  it('says what its step says, without secrets and at no greater length than that of a note', () => {
    const driven = committed();
    const { machine, snapshot } = driven;
    expect(machine.standing(snapshot.context, driven.state)).toEqual([
      {
        step: 'a',
        reason: 'it was done, and is not undone',
        response: { id: 'a-1' },
        says: 'a-1 is paid by [redacted]',
        amount: 5,
        unit: 'rooms',
      },
      {
        step: 'seat/x',
        reason: 'it was done, and is not undone',
        response: { id: 'x-1' },
        says: 'x is x-1',
      },
      {
        step: 'seat/y%20z',
        reason: 'it was done, and is not undone',
        response: { id: 'y-1' },
        says: 'y z is y-1',
      },
      {
        step: 'kept',
        reason: 'it was done, and is not undone',
        response: { id: 'k-1' },
        says: LONG.slice(0, 500),
      },
      { step: 'p', reason: 'it was done, and is not undone', response: {} },
      { step: 'c', reason: 'its call may have been made', response: null },
    ]);
  });

  it('says nothing in its words where the step has none, or fails, or nothing was answered', () => {
    const driven = kept().done('action kept', {}).refused('action p');
    driven.refused('compensation seat/x').done('compensation seat/y%20z').refused('compensation a');
    const { machine, snapshot } = driven;
    const { reason, held } = machine.parked(snapshot.context);
    expect(reason).toBe('compensation-incomplete');
    expect(held).toEqual([
      { step: 'kept', reason: 'it stays', response: {} },
      { step: 'seat/x', reason: 'no', response: { id: 'x-1' }, says: 'x is x-1' },
      expect.objectContaining({ step: 'a', says: 'a-1 is paid by [redacted]' }),
    ]);
    const unknown = begun().refused('action a').refused('compensation a');
    expect(unknown.machine.parked(unknown.snapshot.context).held).toEqual([
      { step: 'a', reason: 'no', response: null },
    ]);
    // An answer of which the step's own words make an error.
    const spoilt = { ...snapshot.context.answers, a: null } as unknown as SagaContext['answers'];
    expect(machine.parked({ ...snapshot.context, answers: spoilt }).held.at(-1)).toEqual({
      step: 'a',
      reason: 'no',
      response: null,
    });
  });

  it('is one step behind the pivot that was refused, and nothing else', () => {
    const { machine, snapshot } = committed().refused('action c');
    expect(machine.parked(snapshot.context)).toEqual({
      reason: 'step-refused',
      held: [{ step: 'c', reason: 'no', response: null }],
    });
    const undone = { ...snapshot.context, failure: { step: 'x', reason: 'no' } };
    expect(machine.parked(undone)).toEqual({ reason: 'compensation-incomplete', held: [] });
  });
});

describe('of its calls', () => {
  it('says which is made, and how', () => {
    const action = callOf(begun(), 'action a');
    expect(action).toMatchObject({
      step: 'a',
      address: 'a',
      kind: 'action',
      participant: 'somebody',
      path: '/a',
      isFetch: false,
      isAsynchronous: false,
      isUndoable: true,
      attempt: 1,
      timeoutMs: 2_000,
      body: { card: `card ${PIN}`, pass: '123' },
      canShrink: false,
    });
    expect(action.faultIn({ id: 7 })).toBe('`id` is a number, not a text');
    expect(action.redact(`echo card ${PIN}`)).toBe('echo [redacted]');
    const item = callOf(seated(), 'action seat/y%20z');
    expect(item).toMatchObject({
      step: 'seat',
      address: 'seat/y%20z',
      body: { item: 'y z' },
      isAsynchronous: false,
    });
    const later = callOf(kept(), 'action kept');
    expect(later).toMatchObject({ isAsynchronous: true, isUndoable: false, path: '/kept', isFetch: false });
    const asks = kept().on({ type: 'accepted', at, location: '/later', pollAfterMs: 5 }).due('event kept');
    expect(callOf(asks, 'action kept')).toMatchObject({ path: '/later', isFetch: true });
  });

  it('tells an undo what its action was sent, what that had answered, and what it asks for itself', () => {
    const undo = callOf(begun().refused('action a'), 'compensation a');
    expect(undo).toMatchObject({ kind: 'compensation', path: '/a/undo', isAsynchronous: false });
    expect(undo.body).toEqual({ card: `card ${PIN}`, pass: '123', found: 'nothing' });
    // Of what an undo answers nothing is read.
    expect(undo.faultIn({ id: 7 })).toBeNull();
    const known = seated()
      .refused('action seat/y%20z')
      .done('compensation seat/x')
      .done('compensation seat/y%20z');
    expect(callOf(known, 'compensation a').body).toEqual({
      card: `card ${PIN}`,
      pass: '123',
      found: 'a-1',
      original_response: { id: 'a-1' },
    });
  });

  it('tells an undo all facts but secrets where its definition says so, else ids alone', () => {
    const undoing = (more: object) => {
      const machine = new RegisteredMachine({
        ...smallSaga(['a']),
        secrets: ['card'],
        ids: ['id', 'none'],
        ...more,
      });
      const begun = machine.begin({ data: { amount: 1, card: PIN, id: 'i', by: 'client' } });
      return onlyCall(machine.asks(machine.next(begun, { type: 'refused', at, error: 'no' })));
    };
    expect(undoing({})).toMatchObject({ body: { id: 'i', amount: 2, by: 'a' }, canShrink: false });
    expect(undoing({ compensations: 'whole', ids: [] })).toMatchObject({
      body: { id: 'i', amount: 2, by: 'a' },
      canShrink: true,
    });
    expect(undoing({ compensations: 'narrow', ids: undefined })?.body).toEqual({ amount: 2, by: 'a' });
  });

  it('shows them without secrets, and without what a request makes of them', () => {
    const { machine, snapshot } = kept();
    const { context } = snapshot;
    const shown = (address: string, kind: 'action' | 'compensation') =>
      machine.shownCall(context, address, kind);
    expect(shown('a', 'action')).toMatchObject({
      kind: 'action',
      path: '/a',
      participant: 'somebody',
      attempt: 1,
      body: { card: '[redacted]', pass: '[re' },
    });
    expect(shown('a', 'compensation')).toMatchObject({
      path: '/a/undo',
      body: { card: '[redacted]', found: 'a-1', original_response: { id: 'a-1' } },
    });
    expect(shown('seat/y%20z', 'action')).toMatchObject({ address: 'seat/y%20z', body: { item: 'y z' } });
    expect(shown('kept', 'compensation')).toBeNull();
    expect(shown('nobody', 'action')).toBeNull();
    const redacted = machine.redacted(context);
    expect(redacted.data).toMatchObject({
      card: '[redacted]',
      guest: { passport: '[redacted]', name: 'Ada' },
    });
    expect(machine.hide({ echo: [`<${PIN}>`] }, context)).toEqual({ echo: ['<[redacted]>'] });
  });

  it('says whose request has failed', () => {
    const driven = begun();
    const { machine, snapshot } = driven;
    const spoilt = { ...snapshot, context: { ...snapshot.context, data: {} } };
    expect(() => machine.asks(spoilt)).toThrow('the request of a: TypeError:');
    expect(() => machine.asks(spoilt)).toThrow(
      expect.objectContaining({ name: 'DefinitionError', part: 'a', cause: expect.any(TypeError) }),
    );
    expect(() => machine.shownCall(spoilt.context, 'a', 'action')).toThrow('the request of a: TypeError:');
  });

  it('asks once for the policy of each, and polls as rarely as its attempts come', () => {
    const policies = vi.fn(everywhere({ backoffMaxMs: 77 }));
    const machine = registered(policies);
    policies.mockClear();
    const { context } = machine.begin({ data: { card: '', guest: { passport: '' } } });
    for (const kind of ['action', 'compensation', 'action', 'compensation'] as const) {
      machine.shownCall(context, 'a', kind);
      expect(machine.policyOf('a', kind)).toMatchObject({ timeoutMs: 2_000 });
    }
    expect(policies.mock.calls).toEqual([
      ['a', 'action'],
      ['a', 'compensation'],
    ]);
    expect(machine.pollAfterMs('kept')).toBe(77);
  });
});
