import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineSaga } from '../../machines/define.ts';
import { returns } from '../../machines/returns.ts';
import { trip } from '../../machines/trip.ts';
import { type End, explore, InvariantError, SampleError } from '../../testing/index.ts';
import { smallSaga, smallStep } from '../machines/small-saga.ts';
import { asksAnew, booking, readsTooEarly, shipsFirst } from './booking.ts';

const paidFor = ({ stands, held }: End) =>
  !stands.includes('parcel') || stands.includes('payment') || held.some(({ step }) => step === 'parcel');

async function breachOf(exploring: Promise<unknown>): Promise<InvariantError> {
  const error = await exploring.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InvariantError);
  return error as InvariantError;
}

it('walks every outcome of every call, to every end', async () => {
  const found = await explore(booking, { 'never shipped without payment': paidFor });
  expect(found.isComplete).toBe(true);
  expect(Math.min(...Object.values(found.ends))).toBeGreaterThan(0);
  const without = await explore(booking, {}, { kills: false, cancels: false });
  expect(without.paths).toBeLessThan(found.paths);
});

it('finds the shortest path on which an invariant does not hold, and tells it line by line', async () => {
  const breach = await breachOf(explore(shipsFirst, { 'never shipped without payment': paidFor }));
  expect(breach.invariant).toBe('never shipped without payment');
  expect(breach.end).toMatchObject({ status: 'FAILED', stands: ['parcel'] });
  expect(breach.path).toEqual([
    'flight is done',
    'an operator cancels it',
    'parcel is done',
    'undo flight is done',
  ]);
  expect(breach.message).toContain('  3. parcel is done');
  expect(breach.message).toContain('it ends FAILED; parcel stands');
});

it.each([
  [
    'what is read before it is there',
    readsTooEarly,
    'payment reads what is not there: amount of its request is undefined',
  ],
  ['a repeat that asks for something else', asksAnew, /flight is repeated with another request/],
])('finds by itself %s', async (_, saga, says) => {
  const breach = await breachOf(explore(saga));
  expect(breach.message).toMatch(says);
});

it.each([
  [
    'undoes steps in the wrong order',
    smallSaga(['a', 'b', 'c'], {
      states: (_, { compensating }) => ({ undoing_c: compensating(smallStep('c'), { next: 'undoing_a' }) }),
    }),
    'machine small, state undoing_c, rule undo-order: after undoing c comes undoing_b, not undoing_a',
  ],
  [
    'waits without a limit',
    smallSaga(['a', 'b', 'c'], {
      states: ({ doing_b }) => ({
        doing_b: { ...doing_b, states: { ...doing_b.states, waiting: { tags: ['waiting'] } } },
      }),
    }),
    'machine small, state doing_b.waiting, rule ends: neither a final nor the parked state can be reached',
  ],
])('tells of a saga that %s before it walks anything, and where', async (_, saga, says) => {
  await expect(explore(saga)).rejects.toThrow(says);
});

it('takes what an invariant says or throws for what is wrong', async () => {
  const short = ({ calls }: End) => (calls.length < 3 ? undefined : `${calls.length} calls`);
  const says = await breachOf(explore(booking, { short }));
  expect(says.message).toMatch(/^short: \d calls/);
  const cheap = ({ data }: End) => {
    expect(data.fare).toBeUndefined();
    return undefined;
  };
  expect((await breachOf(explore(booking, { cheap }))).message).toContain('expected 1 to be undefined');
});

it('walks what is too much for one test by the fewest mishaps first, and says how far it came', async () => {
  const found = await explore(trip, {}, { pathsMax: 300 });
  expect(found).toMatchObject({ paths: 300, isComplete: false });
  expect(found.mishaps).toBeGreaterThanOrEqual(1);
  expect(await explore(returns)).toMatchObject({ isComplete: true });
});

it('asks for what it cannot make up', async () => {
  const odd = z.string().refine((text) => text.startsWith('LH-'), 'no flight number');
  const picky = defineSaga({ id: 'picky', version: '1', input: z.strictObject({}) }).step('flight', {
    at: 'airline',
    action: { path: '/flights', request: () => ({}), answer: z.object({ booking: odd }) },
    undo: { path: '/flights/cancel' },
  });
  await expect(explore(picky)).rejects.toThrow(
    new SampleError(
      'the answer of flight cannot be made up (booking: no flight number); give one: flight: [done({ … })]',
    ),
  );
  const given = await explore(picky, {}, { answers: { flight: { booking: 'LH-1' } } });
  expect(given.isComplete).toBe(true);
});
