/** From engine events to log lines: the events that no healthy world gives, and the price of a level that is off. */
import { type Logger, pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { RegisteredMachine } from '../../machines/index.ts';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { traceOf } from '../../server/engine/trace.ts';
import { logEvents } from '../../server/telemetry/logs.ts';

const [INFO, WARN, ERROR] = [30, 40, 50];
const trace = traceOf('00-0192a3b4-c5d6-7890-8abc-def012345678', null);
const trace_id = '0192a3b4c5d678908abcdef012345678';

describe('where a level is off', () => {
  /** Anything that is read of an event would have been read to be formatted. */
  const untouchable = (type: string, more: object = {}) =>
    new Proxy({ type, ...more } as unknown as EngineEvent, {
      get: (target, name) => {
        if (name in target) return target[name as 'type'];
        throw new Error(`read ${String(name)} of ${type}`);
      },
    });
  const silent = new Proxy({} as Logger, {
    get: (_, name) => {
      if (name === 'isLevelEnabled') return () => false;
      throw new Error(`called ${String(name)}`);
    },
  });

  it.each([
    untouchable('started'),
    untouchable('claimed'),
    untouchable('transition'),
    untouchable('called'),
    // Which of the two lines it is must be known; beyond that nothing is looked at.
    untouchable('settled', { id: 'x', status: 'COMPLETED', ms: 1, reason: null, parked: null }),
  ])('nothing is formatted for $type', (event) => {
    expect(() => logEvents(silent)(event)).not.toThrow();
  });
});

it.each([
  [
    { type: 'breaker-opened', participant: 'payment', openMs: 2_000, error: '503' },
    WARN,
    { participant: 'payment', open_ms: 2_000, error: '503' },
  ],
  [{ type: 'breaker-closed', participant: 'payment' }, INFO, { participant: 'payment' }],
  [{ type: 'lost', id: 'x', trace, why: 'stale' }, WARN, { saga_id: 'x', trace_id, why: 'stale' }],
  [
    { type: 'unreadable', id: 'x', trace, error: new Error('torn') },
    ERROR,
    { saga_id: 'x', trace_id, err: { message: 'torn' } },
  ],
  [{ type: 'purged-early', count: 3 }, WARN, { count: 3 }],
  [{ type: 'clock-jumped', ms: -3_600_000.4 }, WARN, { ms: -3_600_000 }],
  [
    {
      type: 'forgotten',
      id: 'x',
      trace,
      machine: { id: 'order' } as RegisteredMachine,
      state: 'refundingPayment.calling',
      held: [{ step: 'order', reason: 'r', response: { order_id: 'o' } }],
    },
    ERROR,
    { saga_id: 'x', trace_id, state: 'refundingPayment.calling', held: [{ step: 'order' }] },
  ],
  [
    {
      type: 'transition-differs',
      id: 'x',
      trace,
      machine: { id: 'order', version: '1' } as RegisteredMachine,
      difference: {
        state: 'a.calling',
        event: 'done',
        xstate: 'b.calling',
        table: null,
        fields: ['answers'],
      },
    },
    ERROR,
    {
      saga_id: 'x',
      trace_id,
      machine: 'order',
      version: '1',
      state: 'a.calling',
      table: null,
      fields: ['answers'],
    },
  ],
  [
    {
      type: 'migrated',
      id: 'x',
      trace,
      machine: { id: 'order', version: '2' } as RegisteredMachine,
      from: '1',
    },
    INFO,
    { saga_id: 'x', trace_id, machine: 'order', from: '1', to: '2' },
  ],
  [
    { type: 'version-unknown', id: 'x', trace, machine: { id: 'order', version: '1', structure: 'abc' } },
    WARN,
    { saga_id: 'x', trace_id, machine: 'order', version: '1' },
  ],
  [{ type: 'store-fault', doing: 'poll', error: new Error('away') }, ERROR, { doing: 'poll', error: 'away' }],
] as const)('%j is of level %d', (event, level, members) => {
  const lines: string[] = [];
  logEvents(pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }))(event);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level, ...members }]);
});
