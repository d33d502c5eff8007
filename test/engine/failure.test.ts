/** A saga that fails: what is undone, in which order, with what, and what stays held. */
import { describe, expect, it } from 'vitest';
import { answers, placed, stepNames } from '../machines/placed-order.ts';
import { FORWARD, refused, retryable, unknown, World } from './world.ts';

/** The compensations of a saga that failed at a step, the failed one first: its call may have had its effect. */
const undoing = (failedAt: number) =>
  stepNames
    .slice(0, failedAt + 1)
    .map((step) => `${step} compensation`)
    .reverse();

/** In the words of the order saga. */
const SAYS: Readonly<Record<string, string>> = {
  order: 'The order ord-1 is open',
  inventory: '2 × sku-tea, 1 × sku-pot are reserved in stock',
  payment: 'EUR\u00a074.99 was taken from the customer',
  shipping: 'A shipment is booked, tracking number trk-1',
};
/** In numbers, where it has some. */
const HOLDS: Readonly<Record<string, object>> = {
  inventory: { kind: 'stock', amount: 3, unit: 'items' },
  payment: { amount: 7499, unit: 'EUR' },
};
const heldBy = (step: string, reason: string) => ({
  step,
  reason,
  response: answers[step],
  says: SAYS[step],
  ...HOLDS[step],
});

const ways = [
  ['refused', refused('no')],
  ['retryable and no attempt left', retryable()],
  ['unknown and no attempt left', unknown()],
] as const;

describe.each(stepNames.map((step, index) => [step, index] as const))('a failure at %s', (step, index) => {
  it.each(ways)('%s: everything up to it is undone, backwards, each once', async (_, reply) => {
    const world = new World();
    world.reply(step, 'action', reply);
    const a = await world.coordinator();
    const id = await world.start(a);
    expect(world.called()).toEqual([...FORWARD.slice(0, index + 1), ...undoing(index)]);
    expect(await world.record(id)).toMatchObject({
      status: 'FAILED',
      parked: null,
      summary: { state: 'failed', steps_completed: index, failed_step: step, failed_step_index: index },
    });
    expect((await a.engine.get(id))?.saga.context.failure).toEqual({
      step,
      reason: 'error' in reply ? reply.error : '',
    });
    expect(await world.counters()).toMatchObject({
      [`failures.${step}`]: 1,
      'compensations.attempted': index + 1,
      'compensations.succeeded': index + 1,
      'settled.FAILED': 1,
    });
    expect(a.engine.inHand).toBe(0);
  });

  it.each(stepNames.slice(0, index + 1))(
    'and then of %s’s compensation: the others are undone all the same',
    async (bad) => {
      const world = new World();
      world.reply(step, 'action', refused('no'));
      world.reply(bad, 'compensation', refused('never'));
      const a = await world.coordinator();
      const id = await world.start(a);
      expect(world.called()).toEqual([...FORWARD.slice(0, index + 1), ...undoing(index)]);
      const record = await world.record(id);
      expect(record).toMatchObject({
        status: 'ABORTED',
        owner: null,
        dueAtMs: null,
        summary: { state: 'parked' },
      });
      expect(record.parked).toEqual({
        reason: 'compensation-incomplete',
        // What never answered is held all the same, perhaps, and has no words of its own.
        held: [bad === step ? { step: bad, reason: 'never', response: null } : heldBy(bad, 'never')],
      });
      expect(await world.counters()).toMatchObject({
        'compensations.attempted': index + 1,
        'compensations.failed': 1,
        'settled.ABORTED': 1,
      });
    },
  );
});

describe('a compensation', () => {
  it('receives the whole context, over it what its action was sent, and what its action answered', async () => {
    const world = new World();
    world.reply('shipping', 'action', refused());
    await world.start(await world.coordinator());
    const body = (title: string) =>
      world.calls.find(({ call }) => `${call.step} ${call.kind}` === title)?.call.body ?? {};
    const payment = { method: 'card' };
    const whole = { ...placed, payment, amount: 7499, order_id: 'ord-1', payment_id: 'pay-1' };
    expect(body('payment compensation')).toMatchObject({
      ...whole,
      ...body('payment action'),
      original_response: answers.payment,
    });
    expect(body('inventory compensation')).toMatchObject({ ...whole, original_response: answers.inventory });
  });

  it('that is too large is made again at once with less, and the log says so', async () => {
    const world = new World({ policy: { attemptsMax: 1 } });
    world.reply('shipping', 'action', refused());
    const error = '413: too large, sent again with less';
    world.reply('payment', 'compensation', { outcome: 'refused', error, isTooLarge: true });
    const coordinator = await world.coordinator();
    coordinator.engine.open();
    const id = await world.start(coordinator);
    // As long as a coordinator takes to wake for what is due at once.
    await world.clock.pass(2);
    const record = await world.record(id);
    expect(record.status).toBe('FAILED');
    const made = world.calls.filter(({ call }) => call.step === 'payment' && call.kind === 'compensation');
    expect(made.map(({ call }) => [call.attempt, 'items' in call.body])).toEqual([
      [1, true],
      [2, false],
    ]);
    const log = await world.store.log(id);
    const outcomes = log.filter(
      ({ step, kind, outcome }) => step === 'payment' && kind === 'compensation' && outcome,
    );
    expect(outcomes).toMatchObject([
      { outcome: 'retryable', error, to: 'refundingPayment.waiting' },
      { outcome: 'done', attempt: 2 },
    ]);
  });

  it('of an action that was refused receives no answer: there was none', async () => {
    const world = new World();
    world.reply('payment', 'action', refused());
    await world.start(await world.coordinator());
    const made = world.calls.find(({ call }) => call.step === 'payment' && call.kind === 'compensation');
    expect(made?.call.body).toMatchObject({ order_id: 'ord-1', amount: 7499 });
    expect(made?.call.body).not.toHaveProperty('original_response');
  });

  it.each([refused(), retryable(), unknown()])(
    'that fails for good (%j) leaves its effect held',
    async (reply) => {
      const world = new World();
      world.reply('payment', 'action', refused());
      world.reply('inventory', 'compensation', reply);
      const id = await world.start(await world.coordinator());
      expect((await world.record(id)).parked?.held.map(({ step }) => step)).toEqual(['inventory']);
    },
  );
});

describe('a parked saga', () => {
  it('with several effects held names all of them, in the order in which they could not be undone', async () => {
    const world = new World();
    world.reply('notification', 'action', refused('no'));
    world.reply('payment', 'compensation', refused('spent'));
    world.reply('order', 'compensation', refused('shut'));
    const id = await world.start(await world.coordinator());
    expect((await world.record(id)).parked?.held).toEqual([
      heldBy('payment', 'spent'),
      heldBy('order', 'shut'),
    ]);
  });

  it('waits for an operator: no coordinator takes it up, however long it stands', async () => {
    const world = new World();
    world.reply('order', 'action', refused());
    world.reply('order', 'compensation', refused());
    const a = await world.coordinator('a');
    const id = await world.start(a);
    const parked = await world.record(id);
    const made = world.calls.length;
    a.crash();
    for (const name of ['a', 'b']) (await world.coordinator(name)).engine.open();
    await world.clock.pass(3_600_000);
    expect(await world.record(id)).toEqual(parked);
    expect(world.calls).toHaveLength(made);
  });
});
