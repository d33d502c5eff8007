/** The registry takes good machines, each once. What it refuses stands in check.test.ts. */
import { describe, expect, it } from 'vitest';
import { RegisteredMachine, Registry } from '../../machines/index.ts';
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
    const closing = { initial: 'resting', states: { resting: {} }, on: { due: 'closed' } };
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

  it('gives a compensation what its action was sent over what the facts say', () => {
    const machine = new RegisteredMachine(smallSaga(['a', 'b']));
    const undoing = machine.next(machine.begin({ data: { amount: 5, by: 'client', kept: true } }), {
      type: 'refused',
      at,
      error: 'no',
    });
    expect(machine.asks(undoing)).toMatchObject({
      call: { kind: 'compensation', body: { amount: 10, by: 'a', kept: true } },
    });
  });
});
