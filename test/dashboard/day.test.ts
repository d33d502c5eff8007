/** What the pages draw of the last day: who went which way, where they stand and pile up, and at which minute. */
import { describe, expect, it } from 'vitest';
import { RegisteredMachine } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { ORDER_OUTLINE, readSettings } from '../../server/config.ts';
import { Days } from '../../server/dashboard/day.ts';
import { StackChart } from '../../server/dashboard/day-chart.tsx';
import { FlowCard } from '../../server/dashboard/flow-card.tsx';
import type { Pulse } from '../../server/dashboard/pulse.ts';
import { shownBy, spanQuery } from '../../server/dashboard/span-links.tsx';
import { systemClock } from '../../server/engine/clock.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import type { Minute } from '../../stores/saga-store.ts';

const order = new RegisteredMachine(orderSaga(readSettings({}).policiesOf(ORDER_OUTLINE)));
const MINUTE = 29_934_709;
const clock = { ...systemClock, now: () => MINUTE * 60_000 + 30_000, monotonic: () => 0 };

const outage: Minute = {
  minute: MINUTE - 200,
  counts: {
    'moves/order/1': {
      '>creatingOrder.calling': 50,
      'creatingOrder.calling>reservingInventory.calling': 50,
      'reservingInventory.calling>processingPayment.calling': 50,
      'processingPayment.calling>processingPayment.waiting': 40,
      'processingPayment.calling>refundingPayment.calling': 5,
      others: 7,
    },
    'calls/order/payment/action/payment': { retryable: 40, refused: 5, 10000: 45 },
    'calls/trip/payment/action/payment': { done: 1, inf: 1 },
  },
  standing: {
    atMs: (MINUTE - 200) * 60_000 + 5_000,
    counts: {
      all: { in_flight: 45, looked_at: 40 },
      'standing/order/1': { 'processingPayment.waiting': 39, 'processingPayment.calling': 1 },
      'standing/order/0': { 'processingPayment.waiting': 9 },
      'parked/order': { 'payment/compensation': 5, '/': 1 },
      'held/order': { 'payment/compensation/payment': 5, 'payment/compensation/payment%20EUR': 12_500 },
    },
  },
};

async function daysOf(...minutes: readonly Minute[]): Promise<Days> {
  const store = new MemoryStore({ now: clock.now });
  await store.history.add(minutes);
  return new Days({ history: store.history, machines: [order] }, clock);
}

describe('an outage that is looked at again', () => {
  it('shows who came where, at what rate and how slowly, where they stand and what is held', async () => {
    const shown = await (await daysOf(outage)).flow('order', MINUTE - 198, []);
    const { nodes, edges } = shown?.flow ?? { nodes: new Map(), edges: new Map() };
    expect(nodes.get('processingPayment')).toEqual({
      ...{ standing: 40, perMinute: 10, p95Ms: 10_000, parked: 0, held: {} },
    });
    expect(nodes.get('refundingPayment')).toEqual({
      ...{ standing: 0, perMinute: 1, p95Ms: null, parked: 5, held: { payment: 5, 'payment EUR': 12_500 } },
    });
    // The coordinator itself gave it up.
    expect(nodes.get('parked')).toMatchObject({ parked: 1, held: {} });
    expect(nodes.has('schedulingShipping')).toBe(false);
    expect(Object.fromEntries(edges)).toEqual({
      '(start)>creatingOrder': 50,
      'creatingOrder>reservingInventory': 50,
      'reservingInventory>processingPayment': 50,
      'processingPayment>refundingPayment': 5,
    });
  });

  it('is said to be over, in numbers, and by how many were looked at', async () => {
    const shown = await (await daysOf(outage)).flow(undefined, MINUTE - 200, []);
    if (shown === null) throw new Error('no machine');
    const html = String(FlowCard(shown));
    expect(html).toContain('As it was at');
    expect(html).toContain('of the newest 40 sagas of 45 in flight');
    expect(html).toContain('EUR 125.00 in 5 × payment');
    expect(html).toMatch(/class="edge done weighs-5"/);
    expect(html).toMatch(/class="edge done weighs-0"/);
    expect(html).toMatch(new RegExp(`max="${MINUTE}" value="${MINUTE - 200}"`));
    expect(html).not.toContain('style=');
  });

  it('is not what is now: there the causes tell what is parked', async () => {
    const days = await daysOf(outage, {
      minute: MINUTE - 1,
      counts: { 'moves/order/1': { '>creatingOrder': 9 } },
    });
    const causes = [{ machine: 'order', step: 'inventory', kind: 'compensation', n: 2, sums: { stock: 2 } }];
    for (const at of [undefined, MINUTE, MINUTE + 5, MINUTE - 1440]) {
      const shown = await days.flow('no-such', at, causes as unknown as Pulse['causes']);
      expect(shown?.at).toBeNull();
      expect(shown?.stood).toBeNull();
      expect(shown?.flow.nodes.get('releasingInventory')).toMatchObject({ parked: 2, held: { stock: 2 } });
      // Half of the current minute has passed.
      expect(shown?.flow.nodes.get('creatingOrder')?.perMinute).toBe(2);
    }
  });
});

describe('a stretch of the day', () => {
  const now = MINUTE * 60_000 + 1;
  it('ends now, or where the URL says, and is an hour where it says nothing', () => {
    expect(shownBy(spanQuery.parse({}), now).span).toEqual({ from: MINUTE - 59, to: MINUTE, every: 1 });
    const asked = { range: '15m', until: new Date((MINUTE - 100) * 60_000).toISOString() };
    expect(shownBy(spanQuery.parse(asked), now).span).toEqual({
      from: MINUTE - 114,
      to: MINUTE - 100,
      every: 1,
    });
    for (const wrong of [{ range: 'year' }, { until: 'later' }, { until: '2999-01-01T00:00:00Z' }])
      expect(shownBy(spanQuery.parse(wrong), now).span.to).toBe(MINUTE);
    const day = shownBy(spanQuery.parse({ range: '24h' }), now).span;
    expect([day.to - day.from, day.every]).toEqual([1_439, 15]);
  });

  it('is drawn to a scale whose half is a whole number, each bar where its time is', () => {
    const axis = { fromMs: 0, toMs: 600_000, everyMs: 60_000 };
    const drawn = (n: number) =>
      String(
        StackChart({
          ...{ title: 'T', axis, says: '', tones: [{ name: 'a', tone: 'running' }] },
          stacks: [{ atMs: 300_000, parts: [n] }],
        }),
      );
    for (const [n, top, half] of [
      [1, '2', '1'],
      [3, '4', '2'],
      [11, '12', '6'],
      [47, '60', '30'],
      [1_050, '1,200', '600'],
    ] as const) {
      const html = drawn(n);
      expect(html, String(n)).toContain(`>${top}</text>`);
      expect(html, String(n)).toContain(`>${half}</text>`);
      expect(html).toContain('x="50.00%"');
    }
  });
});
