/** The registry takes good machines, each once. What it refuses stands in check.test.ts. */
import { describe, expect, it } from 'vitest';
import { onlyCall, RegisteredMachine, Registry } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { at, everywhere } from './placed-order.ts';
import { smallSaga } from './small-saga.ts';

const trio = ['a', 'b', 'c'];

describe('the registry', () => {
  it.each([[['a']], [['a', 'b']], [trio]])('takes a good machine of the steps %j', (names) => {
    const registry = new Registry();
    const machine = registry.register(smallSaga(names));
    expect(machine.steps.map(({ name }) => name)).toEqual(names);
    expect(registry.get('small', '1')).toBe(machine);
    expect(registry.all()).toEqual([machine]);
  });

  it('takes a machine that is left by a transition around a state', () => {
    const closing = { initial: 'resting', states: { resting: { tags: ['waiting'] } }, on: { due: 'closed' } };
    const definition = smallSaga(trio, { states: () => ({ completed: closing, closed: { type: 'final' } }) });
    expect(() => new Registry().register(definition)).not.toThrow();
  });

  it('takes the order saga beside another, and several versions of one', () => {
    const registry = new Registry();
    const order = registry.register(orderSaga(everywhere()));
    const one = registry.register(smallSaga(trio));
    const two = registry.register({ ...smallSaga(trio), version: '2' });
    expect(registry.all()).toEqual([order, one, two]);
    expect([registry.get('small', '2'), registry.get('small', '3'), registry.get('big', '1')]).toEqual([
      two,
      undefined,
      undefined,
    ]);
  });

  it('refuses the same id and version twice, and keeps the first', () => {
    const registry = new Registry();
    const first = registry.register(smallSaga(['a', 'b']));
    expect(() => registry.register(smallSaga(trio))).toThrow('machine small@1 is registered twice');
    expect(registry.all()).toEqual([first]);
  });

  describe('with migrations', () => {
    const same = (snapshot: unknown) => snapshot;
    const version = (to: string, ...from: string[]) => ({
      ...smallSaga(trio),
      version: to,
      migrations: from.map((one) => ({ from: one, migrate: same })),
    });

    it('names who carries on the sagas of each version, over several migrations', () => {
      const registry = new Registry();
      registry.register(version('2', '1'));
      const three = registry.register(version('3', '2', '0'));
      const other = registry.register(version('9'));
      for (const from of ['0', '1', '2', '3']) expect(registry.takerOf('small', from)).toBe(three);
      expect(registry.takerOf('small', '9')).toBe(other);
      expect(registry.takerOf('small', '4')).toBeUndefined();
      expect(registry.takerOf('big', '1')).toBeUndefined();
      const taken = registry.takes().map((one) => one.version);
      expect(taken.sort()).toEqual(['0', '1', '2', '3', '9']);
      expect(registry.all()).toHaveLength(3);
    });

    it('refuses those that lead in a circle, or from one version to two', () => {
      const registry = new Registry();
      expect(() => registry.register(version('1', '1'))).toThrow('cannot be migrated to itself');
      registry.register(version('2', '1'));
      expect(() => registry.register(version('1', '2'))).toThrow('must be registered before');
      expect(() => registry.register(version('3', '1'))).toThrow('two migrations lead from machine small@1');
    });
  });

  it.each([
    ['ids alone', {}, {}],
    ['ids that stand', { ids: ['kept', 'none'] }, { kept: true }],
    [
      'all facts but secrets',
      { compensations: 'whole', secrets: ['card.pin', 'code'] },
      { kept: true, card: { of: 'x' } },
    ],
  ] as const)('gives a compensation what its action was sent over %s', (_, more, told) => {
    const machine = new RegisteredMachine({ ...smallSaga(['a', 'b']), ...more });
    const data = { amount: 5, by: 'client', kept: true, card: { of: 'x', pin: '1234' }, code: 'abc' };
    const undoing = machine.next(machine.begin({ data }), { type: 'refused', at, error: 'no' });
    const call = onlyCall(machine.asks(undoing));
    expect(call?.body).toStrictEqual({ ...told, amount: 10, by: 'a' });
    expect(call).toMatchObject({ kind: 'compensation', canShrink: 'compensations' in more });
  });
});
