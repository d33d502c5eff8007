/** The picture of a machine: that it shows all of it, and what a saga's log marks on it. */
import { describe, expect, it } from 'vitest';
import { definitionOf } from '../../machines/definition.ts';
import { RegisteredMachine } from '../../machines/index.ts';
import { orderSaga } from '../../machines/order.ts';
import { trip } from '../../machines/trip.ts';
import { ORDER_OUTLINE, readSettings } from '../../server/config.ts';
import { type Bar, barsOf, LOST, UNDER_WAY } from '../../server/dashboard/bars.ts';
import { Log } from '../../server/dashboard/log.tsx';
import { isWaiting, stateWords } from '../../server/dashboard/state-words.ts';
import { chartOf, NAME, PADDING, SIGN } from '../../server/dashboard/statechart/layout.ts';
import { marksOf } from '../../server/dashboard/statechart/marks.ts';
import { pictureOf } from '../../server/dashboard/statechart/picture.tsx';
import { Line } from '../../server/dashboard/svg-text.tsx';
import { fitted, twoLines, widthOf } from '../../server/dashboard/text-width.ts';
import { timeScale } from '../../server/dashboard/time-scale.ts';
import { Timeline } from '../../server/dashboard/timeline.tsx';
import { words } from '../../server/dashboard/wording.ts';
import type { NumberedEntry, SagaStatus } from '../../stores/saga-store.ts';

const machine = new RegisteredMachine(orderSaga(readSettings({}).policiesOf(ORDER_OUTLINE)));
const chart = chartOf(machine);

type LogLine = readonly [from: string, to: string, event: string, step?: string];

/** A log of `from to outcome [step]`, from the start on. */
function logOf(...lines: readonly LogLine[]): NumberedEntry[] {
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

  it('has room for every name beside its sign, in the font of the pages', () => {
    const called = chart.nodes.filter(({ lines }) => lines.length > 0);
    expect(called).toHaveLength(10);
    for (const { id, width, lines } of called) {
      expect(lines, id).toEqual([words(id)]);
      expect(widthOf(words(id), NAME) + 2 * PADDING + SIGN, id).toBeLessThanOrEqual(width);
    }
  });

  it('is made once for a machine', () => {
    expect(chartOf(machine)).toBe(chart);
  });
});

describe('a text', () => {
  const room = widthOf('Notifying warehouse', NAME);

  it('that is too long for a line takes two, and ends where there is no more room', () => {
    expect(twoLines('Notifying warehouse', room, NAME)).toEqual(['Notifying warehouse']);
    expect(twoLines('Notifying warehouse again', room, NAME)).toEqual(['Notifying warehouse', 'again']);
    const [first, second = ''] = twoLines('Notifying the other warehouse of the delivery', room, NAME);
    expect(first).toBe('Notifying the other');
    expect(second).toMatch(/^warehouse of t.*…$/);
    expect(widthOf(second, NAME)).toBeLessThanOrEqual(room);
    expect(twoLines('W'.repeat(50), room, NAME)).toEqual([fitted('W'.repeat(50), room, NAME)]);
  });

  it('of letters that the font lacks counts as squares, and is not forced to that width', () => {
    expect(widthOf('保留', NAME)).toBe(2 * NAME.size);
    const svg = (text: string) => String(Line({ x: 0, y: 0, lettering: NAME, widthMax: 100, text }));
    expect(svg('保留')).not.toContain('textLength');
    expect(svg('Reserved')).toContain('textLength');
    expect(svg('R'.repeat(40))).toContain(`<title>${'R'.repeat(40)}</title>`);
  });
});

describe('the marks', () => {
  const forward = [
    ['', 'creatingOrder.calling', 'started', 'order'],
    ['creatingOrder.calling', 'reservingInventory.calling', 'done', 'order'],
    ['reservingInventory.calling', 'processingPayment.calling', 'done', 'inventory'],
  ] as const;

  it('of a saga that goes well show where it is and what is ahead', () => {
    const { nodes, notes } = marksOf(chart, logOf(...forward), 'STARTED');
    expect(Object.fromEntries(nodes)).toEqual({
      creatingOrder: 'done',
      reservingInventory: 'done',
      processingPayment: 'current',
      schedulingShipping: 'ahead',
      sendingNotification: 'ahead',
    });
    expect([...notes]).toEqual([['processingPayment', 'calling']]);
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

describe('the marks of a saga that is at several things at once', () => {
  const tripChart = chartOf(
    new RegisteredMachine(definitionOf(trip, readSettings({}).policiesOf(ORDER_OUTLINE))),
  );
  const both = (flight: string, hotel: string) => `booking(flight.${flight},hotel.${hotel})`;
  const [flying, staying] = ['bookingFlight.calling', 'reservingRoom.calling'];
  const began = ['', both(flying, staying), 'started'] as const;
  const undoing = 'undoingBooking(flight.cancellingFlight.calling,hotel.releasingRoom.calling)';
  const marksIn = (status: SagaStatus, ...lines: readonly LogLine[]) => {
    const marks = marksOf(tripChart, logOf(...lines), status);
    const named = ({ id }: { id: string }) => id.slice(id.lastIndexOf('.') + 1);
    const nodes = tripChart.nodes.filter(({ id, kind }) => marks.nodes.has(id) && kind !== 'frame');
    return {
      ...marks,
      named: Object.fromEntries(nodes.map((node) => [named(node), marks.nodes.get(node.id)])),
    };
  };

  it('show all of them, each with its own note, and what is ahead of all', () => {
    const log = [
      began,
      [both(flying, staying), both('bookingFlight.waiting', staying), 'retryable', 'flight'],
    ] as const;
    const { named, notes } = marksIn('STARTED', ...log);
    expect(named).toEqual({
      bookingFlight: 'current',
      reservingRoom: 'current',
      insuringTravellers: 'ahead',
      applyingForVisa: 'ahead',
      awaitingApproval: 'ahead',
      chargingCard: 'ahead',
      issuingTickets: 'ahead',
    });
    expect([...notes]).toEqual([
      ['booking.flight.bookingFlight', 'waiting for the next attempt'],
      ['booking.hotel.reservingRoom', 'calling'],
    ]);
  });

  it('keep a branch that is done apart from one that goes on', () => {
    const { named } = marksIn('STARTED', began, [
      both(flying, staying),
      both('done', staying),
      'done',
      'flight',
    ]);
    expect(named).toMatchObject({ bookingFlight: 'done', reservingRoom: 'current' });
  });

  it('follow the undoing of both, and what was passed over is not to come', () => {
    const { named, taken } = marksIn(
      'STARTED',
      began,
      [both(flying, staying), both('done', staying), 'done', 'flight'],
      [both('done', staying), undoing, 'refused', 'hotel'],
      [undoing, 'undoingBooking(flight.undone,hotel.releasingRoom.calling)', 'done', 'flight'],
    );
    expect(named).toEqual({
      bookingFlight: 'reverted',
      reservingRoom: 'failed',
      cancellingFlight: 'undone',
      releasingRoom: 'current',
    });
    expect([...taken]).toEqual(['(start)>booking', 'booking>undoingBooking']);
  });

  it('show the way that a condition chose, and what stays though all else is undone', () => {
    const { named, taken } = marksIn(
      'STARTED',
      began,
      [both(flying, staying), both('done', staying), 'done', 'flight'],
      // Nobody is insured: the step is passed at once.
      [both('done', staying), 'applyingForVisa.calling', 'done', 'hotel'],
      ['applyingForVisa.calling', 'awaitingApproval', 'done', 'visa'],
      ['awaitingApproval', undoing, 'cancel'],
    );
    expect(named).toMatchObject({
      reservingRoom: 'done',
      insuringTravellers: 'done',
      applyingForVisa: 'done',
      awaitingApproval: 'failed',
      keepingVisa: 'held',
      cancellingFlight: 'current',
      releasingRoom: 'current',
    });
    expect(taken).toContain('choosingVisa>applyingForVisa');
    expect(taken).not.toContain('choosingVisa>awaitingApproval');
  });

  it('are said in words, without what has come to its end', () => {
    expect(stateWords(both(flying, staying))).toBe('Booking flight and reserving room');
    expect(stateWords(both('done', staying))).toBe('Reserving room');
    expect(stateWords('processingPayment.waiting')).toBe('Processing payment');
    expect([isWaiting(both(flying, 'reservingRoom.waiting')), isWaiting(both(flying, staying))]).toEqual([
      true,
      false,
    ]);
  });

  it('are stretches of time for each, and for each item', () => {
    const at = (seconds: number) => `2026-01-01T00:00:0${seconds}.000Z`;
    const entries = logOf(
      began,
      [both(flying, staying), both('bookingFlight.waiting', staying), 'retryable', 'flight'],
      [both('bookingFlight.waiting', staying), both('bookingFlight.waiting', 'done'), 'done', 'hotel'],
      [both('bookingFlight.waiting', 'done'), both(flying, 'done'), 'due', 'flight'],
      [both(flying, 'done'), 'insuringTravellers', 'done', 'flight'],
      ['insuringTravellers', 'insuringTravellers', 'done', 'insurance/Ada%20L'],
    ).map((entry, index) => ({
      ...entry,
      at: at(index),
      kind: entry.step === null ? null : ('action' as const),
      duration_ms: entry.event === 'due' || entry.event === 'started' ? null : 500,
    }));
    const bars = barsOf({ log: entries, chart: tripChart, nowMs: Date.parse(at(9)), status: 'STARTED' });
    const begins = Date.parse(at(0));
    expect(
      bars.map(({ label, kind, fromMs, toMs }) => [label, kind, fromMs - begins, toMs - begins]),
    ).toEqual([
      ['Flight', 'call', 500, 1000],
      ['Flight', 'wait', 1000, 3000],
      ['Hotel', 'call', 1500, 2000],
      ['Flight', 'call', 3500, 4000],
      ['Insurance of Ada L', 'call', 4500, 5000],
      ['Insurance', 'call', 5000, 9000],
    ]);
  });

  it('show a call that died with its coordinator by itself, and the one that was sent again', () => {
    const at = (seconds: number) => `2026-01-01T00:00:0${seconds}.000Z`;
    const entries = logOf(began, [both(flying, staying), both(flying, staying), 'takenOver']).map(
      (entry, index) => ({ ...entry, at: at(4 * index), kind: null, duration_ms: null }),
    );
    const bars = barsOf({ log: entries, chart: tripChart, nowMs: Date.parse(at(9)), status: 'STARTED' });
    const begins = Date.parse(at(0));
    expect(
      bars.map(({ label, outcome, fromMs, toMs }) => [label, outcome, fromMs - begins, toMs - begins]),
    ).toEqual([
      ['Flight', 'sent, answer lost', 0, 4000],
      ['Hotel', 'sent, answer lost', 0, 4000],
      ['Flight', 'under way', 4000, 9000],
      ['Hotel', 'under way', 4000, 9000],
    ]);
    expect(bars.map(({ taken }) => taken)).toEqual(Array(4).fill(undefined));
  });

  it('say whose call was lost, and who made it again', () => {
    const at = '2026-01-01T00:00:04.000Z';
    const [first, last] = logOf(began, [both(flying, staying), both(flying, staying), 'takenOver']);
    const taken = { kind: null, duration_ms: null, at, by: 'b (boot 4)', reason: 'from a (boot 7)' };
    const log = [first, { ...last, ...taken }] as NumberedEntry[];
    const course = { log, chart: tripChart, nowMs: null, status: 'STARTED' } as const;
    const lost = barsOf(course).filter(({ outcome }) => outcome === LOST);
    const said = 'taken over by b (boot 4) from a (boot 7)';
    expect(lost.map(({ taken }) => taken)).toEqual([said, said]);
    expect(String(Timeline(course))).toContain(`attempt 1, ${said}`);
    const lines = String(Log({ log, at: null, sagaPath: '/sagas/s', chart: tripChart }));
    expect(lines).toMatch(/Taken over<\/span>.*by b \(boot 4\) from a \(boot 7\)/s);
  });

  it('lie on a scale that is linear, but for marked breaks where nothing was called', () => {
    const bar = (kind: 'call' | 'wait', fromMs: number, toMs: number) => ({ kind, fromMs, toMs }) as Bar;
    const bars = [bar('call', 0, 100), bar('wait', 100, 100_000), bar('call', 100_000, 100_300)];
    const { place, rate, breaks, ticks } = timeScale(bars, 100_300, 50, 500);
    expect(breaks.map(({ ms }) => ms)).toEqual([99_900]);
    expect([place(0), place(100_300)]).toEqual([50, 550]);
    expect(place(100) - place(0)).toBeCloseTo(100 * rate);
    expect(place(100_300) - place(100_000)).toBeCloseTo(300 * rate);
    const isInBreak = ({ ms }: { ms: number }) => ms > 100 && ms < 100_000;
    expect(ticks.length).toBeGreaterThan(1);
    expect(ticks.filter(isInBreak)).toEqual([]);
    // What waits alone is not broken: there is nothing beside which it would be long.
    expect(timeScale([bar('wait', 0, 100_000)], 100_000, 0, 500).breaks).toEqual([]);
    // What is parked, or waits, since its last call is broken as if another had come behind it; room for a call that grows is none.
    const parked = [bar('call', 0, 100), bar('wait', 100, 100_000)];
    expect(timeScale(parked, 100_000, 0, 500).breaks.map(({ ms }) => ms)).toEqual([99_900]);
    expect(timeScale([{ ...bar('call', 0, 100), outcome: UNDER_WAY }], 1000, 0, 500).breaks).toEqual([]);
  });
});

it('the picture is one SVG that needs nothing from elsewhere', () => {
  const svg = pictureOf(machine);
  expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 \d+ \d+"/);
  expect(svg).not.toMatch(/href|<script|style=|url\((?!#)/);
  expect(svg.length).toBeLessThan(20_000);
});
