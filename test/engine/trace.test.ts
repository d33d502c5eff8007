/** W3C trace context: what is taken from a caller, kept with the saga, and told to participants. */
import { describe, expect, it } from 'vitest';
import { headersOf, newSpanId, storedTrace, traceOf } from '../../server/engine/trace.ts';
import { quiet } from './virtual-clock.ts';
import { World } from './world.ts';

const ID = '07-0192a3b4-c5d6-7890-8abc-def012345678';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

describe('a caller’s traceparent', () => {
  it.each([
    ['as the standard writes it', TRACEPARENT, TRACEPARENT],
    ['of a later version, with more members', `cc-${TRACE}-${PARENT}-01-what-comes`, TRACEPARENT],
    ['not sampled', `00-${TRACE}-${PARENT}-00`, `00-${TRACE}-${PARENT}-00`],
  ])('%s is kept', (_, traceparent, kept) => {
    expect(storedTrace({ traceparent })).toBe(kept);
  });

  it.each([
    ['missing', undefined],
    ['empty', ''],
    ['of the forbidden version', `ff-${TRACE}-${PARENT}-01`],
    ['of this version, with more members', `${TRACEPARENT}-more`],
    ['in capitals', TRACEPARENT.toUpperCase()],
    ['without a trace', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['without a parent', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['too short', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['sent twice', `${TRACEPARENT}, ${TRACEPARENT}`],
    ['with a line break', `${TRACEPARENT}\r\nx: y`],
  ])('that is %s counts as none', (_, traceparent) => {
    expect(storedTrace({ traceparent, tracestate: 'a=b' })).toBeNull();
  });

  it('brings its tracestate along, if others could pass it on', () => {
    const stateOf = (tracestate: string) =>
      traceOf(ID, storedTrace({ traceparent: TRACEPARENT, tracestate })).state;
    expect(stateOf('rojo=00f067aa0ba902b7, congo=t61rcWkgMzE')).toBe(
      'rojo=00f067aa0ba902b7, congo=t61rcWkgMzE',
    );
    expect(stateOf('x'.repeat(513))).toBe('');
    expect(stateOf('a=b\r\nx: y')).toBe('');
  });
});

describe('the trace of a saga', () => {
  it('is its own where nobody brought one', () => {
    const trace = traceOf(ID, null);
    expect(trace).toEqual({
      traceId: '0192a3b4c5d678908abcdef012345678',
      spanId: '8abcdef012345678',
      parentSpanId: null,
      isSampled: true,
      state: '',
    });
    expect(headersOf(trace, PARENT)).toEqual({ traceparent: `00-${trace.traceId}-${PARENT}-01` });
  });

  it('is the caller’s where one was brought, below the caller’s span', () => {
    const trace = traceOf(ID, storedTrace({ traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: 'a=b' }));
    expect(trace).toMatchObject({ traceId: TRACE, spanId: '8abcdef012345678', parentSpanId: PARENT });
    const headers = { traceparent: `00-${TRACE}-0000008000000001-00`, tracestate: 'a=b' };
    const drawn = [0, 0.5, 1 / 2 ** 16];
    expect(
      headersOf(
        trace,
        newSpanId(() => drawn.shift() ?? 0),
      ),
    ).toEqual(headers);
  });

  it('is its own where the store gives back what nobody stored', () => {
    expect(traceOf(ID, 'torn')).toEqual(traceOf(ID, null));
  });

  it('stays when another coordinator takes the saga over', async () => {
    const world = new World();
    const a = await world.coordinator('a');
    world.reply('payment', 'action', async () => {
      a.crash();
      return { outcome: 'done', answer: {} };
    });
    await a.engine.start({ ...world.request(), trace: { traceparent: TRACEPARENT } });
    await quiet();
    const b = await world.coordinator('b');
    b.engine.open();
    await world.clock.pass(60_000);
    const traces = world.calls.map(({ by, traceparent }) => `${by} ${traceparent.split('-')[1]}`);
    expect(new Set(traces)).toEqual(new Set([`a ${TRACE}`, `b ${TRACE}`]));
    expect(b.events.filter(({ type }) => type === 'called')).toContainEqual(
      expect.objectContaining({ trace: expect.objectContaining({ traceId: TRACE, parentSpanId: PARENT }) }),
    );
  });
});
