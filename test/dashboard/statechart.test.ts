/** The picture of a machine: that it shows all of it, and what a saga's log marks on it. */
import { describe, expect, it } from 'vitest';
import { RegisteredMachine } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { readSettings } from '../../server/config.ts';
import { chartOf } from '../../server/dashboard/statechart/layout.ts';
import { marksOf } from '../../server/dashboard/statechart/marks.ts';
import { pictureOf } from '../../server/dashboard/statechart/picture.tsx';
import type { NumberedEntry } from '../../stores/saga-store.ts';

const machine = new RegisteredMachine(orderSaga(readSettings({}).policies));
const chart = chartOf(machine);

/** A log of `from to outcome [step]`, from the start on. */
function logOf(...lines: readonly (readonly [string, string, string, string?])[]): NumberedEntry[] {
  const none = { kind: null, attempt: null, duration_ms: null, error: null };
  return lines.map(([from, to, event, step], index) => ({
    ...none,
    seq: index + 1,
    at: '2026-01-01T00:00:00.000Z',
    event,
    outcome: event === 'started' ? null : event,
    from: from === '' ? null : from,
    to,
    step: step ?? null,
  }));
}

describe('the layout', () => {
  it('has a place for every state, and no two overlap', () => {
    const states = Object.keys(machine.machine.states);
    expect(chart.nodes.map(({ id }) => id).sort()).toEqual([...states, '(start)'].sort());
    for (const [index, a] of chart.nodes.entries()) {
      expect(a.x + a.width).toBeLessThanOrEqual(chart.width);
      expect(a.y + a.height).toBeLessThanOrEqual(chart.height);
      for (const b of chart.nodes.slice(index + 1)) {
        const apart =
          a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
        expect(apart, `${a.id} and ${b.id}`).toBe(true);
      }
    }
  });

  it('puts each action beside the compensation that undoes it', () => {
    for (const { name } of machine.steps) {
      const [action, compensation] = chart.nodes.filter(({ step }) => step === name);
      expect(action?.y).toBe(compensation?.y);
      expect(action?.kind).toBe('action');
      expect(compensation?.kind).toBe('compensation');
    }
  });

  it('draws an arrow for each way between two states that is not an operator giving up', () => {
    const pairs = chart.edges.map(({ from, to, kind }) => `${from} ${kind} ${to}`);
    expect(pairs).toContain('processingPayment done schedulingShipping');
    expect(pairs).toContain('processingPayment failed refundingPayment');
    expect(pairs).toContain('refundingPayment undo releasingInventory');
    expect(pairs).toContain('sendingNotification done completed');
    expect(pairs).toContain('undone choice parked');
    expect(pairs).toContain('parked retry refundingPayment');
    expect(pairs).toHaveLength(1 + 5 + 5 + 5 + 2 + 5);
  });

  it('is made once for a machine', () => {
    expect(chartOf(machine)).toBe(chart);
  });
});

describe('the marks', () => {
  const forward = [
    ['', 'creatingOrder.calling', 'started', 'order'],
    ['creatingOrder.calling', 'reservingInventory.calling', 'done', 'order'],
    ['reservingInventory.calling', 'processingPayment.calling', 'done', 'inventory'],
  ] as const;

  it('of a saga that goes well show where it is and what is ahead', () => {
    const { nodes, note } = marksOf(chart, logOf(...forward), 'STARTED');
    expect(Object.fromEntries(nodes)).toEqual({
      creatingOrder: 'done',
      reservingInventory: 'done',
      processingPayment: 'current',
      schedulingShipping: 'ahead',
      sendingNotification: 'ahead',
    });
    expect(note).toBe('calling');
  });

  it('of a parked saga show what failed, what was undone and what is held, and the way it came', () => {
    const log = logOf(
      ...forward,
      ['processingPayment.calling', 'refundingPayment.calling', 'refused', 'payment'],
      ['refundingPayment.calling', 'releasingInventory.calling', 'done', 'payment'],
      ['releasingInventory.calling', 'cancellingOrder.calling', 'refused', 'inventory'],
      ['cancellingOrder.calling', 'parked', 'done', 'order'],
    );
    const { nodes, taken, tone } = marksOf(chart, log, 'ABORTED');
    expect(Object.fromEntries(nodes)).toEqual({
      creatingOrder: 'reverted',
      reservingInventory: 'done',
      processingPayment: 'failed',
      refundingPayment: 'undone',
      releasingInventory: 'held',
      cancellingOrder: 'undone',
      parked: 'current',
    });
    // The junction is passed without an entry in the log.
    expect(taken).toContain('cancellingOrder>undone');
    expect(taken).toContain('undone>parked');
    expect(taken).not.toContain('undone>failed');
    expect(tone).toBe('parked');
  });

  it('follow a retry past what was undone already', () => {
    const log = logOf(
      ...forward,
      ['processingPayment.calling', 'refundingPayment.calling', 'refused', 'payment'],
      ['refundingPayment.calling', 'releasingInventory.calling', 'refused', 'payment'],
      ['releasingInventory.calling', 'cancellingOrder.calling', 'done', 'inventory'],
      ['cancellingOrder.calling', 'parked', 'done', 'order'],
      ['parked', 'refundingPayment.calling', 'retry'],
      ['refundingPayment.calling', 'failed', 'done', 'payment'],
    );
    const { nodes, taken } = marksOf(chart, log, 'FAILED');
    expect(nodes.get('refundingPayment')).toBe('undone');
    expect(nodes.get('failed')).toBe('current');
    expect(taken).toContain('parked>refundingPayment');
    expect(taken).toContain('undone>failed');
  });
});

it('the picture is one SVG that needs nothing from elsewhere', () => {
  const svg = pictureOf(machine);
  expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+"/);
  expect(svg).not.toMatch(/href|<script|style=|url\((?!#)/);
  expect(svg.length).toBeLessThan(20_000);
});
