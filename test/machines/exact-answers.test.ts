/** What participants have answered, on its way through a saga: into the facts, the store and the compensation. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parse, stringify } from '../../json/exact.ts';
import { type Answer, RegisteredMachine, Registry, type SagaSnapshot } from '../../machines/index.ts';
import { step } from '../../machines/step.ts';
import { at, begun, callIn, drive, orderMachine } from './placed-order.ts';
import { smallSaga } from './small-saga.ts';

const saga = orderMachine();
const RESERVATIONS = '[{"id":9007199254740993,"price":1.10,"limit":1e400,"none":-0,"__proto__":{"a":1}}]';
const ANSWER = `{"reservations":${RESERVATIONS},"actor":{"xstate$$type":1,"id":"x"},"half":"\\ud800"}`;

const reserved = (answer: string) =>
  saga.next(drive(saga, ['done']), { type: 'done', at, answer: parse(answer) as Answer });
const bodyOf = (snapshot: SagaSnapshot) => stringify(callIn(saga, snapshot).body);

describe('an answer', () => {
  it('comes back to its participant as it was, and so do the facts that were made of it', () => {
    const undoing = drive(saga, ['refused', 'done'], reserved(ANSWER));
    expect(callIn(saga, undoing).path).toBe('/api/inventory/release');
    expect(bodyOf(undoing)).toContain(`"original_response":${ANSWER}`);
    expect(bodyOf(undoing)).toContain(`"inventory_reservations":${RESERVATIONS}`);
  });

  it('is stored as it was, and restored so, as often as the saga is', () => {
    let snapshot = reserved(ANSWER);
    for (const outcome of ['refused', 'done'] as const) {
      const text = saga.persist(snapshot);
      expect(text).toContain(ANSWER);
      const restored = orderMachine().restore(text);
      expect(saga.persist(restored)).toBe(text);
      snapshot = drive(saga, [outcome], restored);
    }
    expect(bodyOf(snapshot)).toContain(`"original_response":${ANSWER}`);
  });

  it('is shown with its numbers as they were, also where a secret is taken out beside them', () => {
    const answer = `{"reservations":[{"id":9007199254740993,"echo":"tok_visa"}]}`;
    const { context } = reserved(answer);
    expect(stringify(saga.redacted(context).answers.inventory)).toBe(
      answer.replace('tok_visa', '[redacted]'),
    );
  });

  it('is migrated as it was', () => {
    const registry = new Registry();
    const migrations = [{ from: '1', migrate: (snapshot: unknown) => snapshot }];
    registry.register({ ...smallSaga(['a', 'b']), version: '2', migrations });
    const one = new RegisteredMachine(smallSaga(['a', 'b']));
    const answer = parse('{"id":9007199254740993}') as Answer;
    const text = one.persist(one.next(one.begin({ data: { amount: 1 } }), { type: 'done', at, answer }));
    const migrated = registry.restore({ id: 'small', version: '1' }, text);
    expect(stringify(migrated.context.answers.a)).toBe('{"id":9007199254740993}');
  });

  it('of a record that was written before there were exact numbers is read as ever', () => {
    const text = JSON.stringify(JSON.parse(saga.persist(begun(saga))));
    expect(saga.persist(saga.restore(text))).toBe(text);
  });
});

describe('a contract that asks for a number', () => {
  interface Priced extends Answer {
    readonly fee: number;
    readonly nested?: readonly number[] | undefined;
    readonly either?: string | number | undefined;
    readonly more?: unknown;
  }
  const stepOf = (name: string) =>
    step<Priced, Priced>({
      name,
      participant: name,
      action: {
        path: '/do',
        request: () => ({}),
        answer: z.looseObject({
          fee: z.number(),
          nested: z.array(z.int()).optional(),
          either: z.union([z.string(), z.number()]).optional(),
        }),
        gains: ({ fee, nested, either, more }) => ({ fee, nested, either, more }),
      },
      compensation: { path: '/undo' },
    });
  const machine = new RegisteredMachine(smallSaga(['a', 'b'], { stepOf }));
  const begins = machine.begin({ data: {} });
  const call = callIn(machine, begins);

  it('is given one where that is the number that was written, and the answer stays as it came', () => {
    const text = '{"fee":0.00,"nested":[1.0,2e0],"either":1.10,"more":{"fee":0.00}}';
    const answer = parse(text) as Answer;
    expect(call.faultIn(answer)).toBeNull();
    const { data, answers } = machine.next(begins, { type: 'done', at, answer }).context;
    expect(stringify(data)).toBe('{"fee":0,"nested":[1,2],"either":1.1,"more":{"fee":0.00}}');
    expect(stringify(answers.a)).toBe(text);
  });

  it.each([
    ['{"fee":9007199254740993}', '`fee` is a number that cannot be read exactly, not a number'],
    ['{"fee":1e400}', '`fee` is a number that cannot be read exactly, not a number'],
    ['{"fee":1.10,"nested":[1.0,1e400]}', '`nested.1` is a number that cannot be read exactly, not a number'],
    ['{"fee":1.10,"nested":[1.5]}', '`nested.0` is a number, not a whole number'],
    ['{"fee":"1.10"}', '`fee` is a text, not a number'],
  ])('does not get another: %s', (text, fault) => {
    expect(call.faultIn(parse(text) as Answer)).toBe(fault);
  });
});
