/** W3C trace context: what is taken from a caller, kept with the saga, and told to participants. */
import { describe, expect, it } from 'vitest';
import type { StartRequest, Tracing } from '../../server/engine/contract.ts';
import { headersOf, newSpanId, storedTrace, traceOf } from '../../server/engine/trace.ts';
import { quiet } from './virtual-clock.ts';
import { TRACING, World } from './world.ts';

const ID = '07-0192a3b4-c5d6-7890-8abc-def012345678';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;
const NOW_MS = 1_732_900_000_123.75;

const stored = (came: StartRequest['trace'], rules: Partial<Tracing> = {}, id = ID) =>
  storedTrace(id, came, { ...TRACING, ...rules }, NOW_MS);

describe('a caller’s traceparent', () => {
  it.each([
    ['as the standard writes it', TRACEPARENT, TRACEPARENT],
    ['of a later version, with more members', `cc-${TRACE}-${PARENT}-01-what-comes`, TRACEPARENT],
    ['not sampled', `00-${TRACE}-${PARENT}-00`, `00-${TRACE}-${PARENT}-00`],
  ])('%s is kept', (_, traceparent, kept) => {
    expect(stored({ traceparent })).toBe(kept);
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
    expect(stored({ traceparent, tracestate: 'a=b' })).toBeNull();
  });

  it('brings its tracestate along, if others could pass it on', () => {
    const stateOf = (tracestate: string) =>
      traceOf(ID, stored({ traceparent: TRACEPARENT, tracestate })).state;
    expect(stateOf('rojo=00f067aa0ba902b7, congo=t61rcWkgMzE')).toBe(
      'rojo=00f067aa0ba902b7, congo=t61rcWkgMzE',
    );
    expect(stateOf('x'.repeat(512))).toBe('x'.repeat(512));
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
      startedAtMs: null,
      state: '',
    });
    expect(headersOf(trace, PARENT)).toEqual({ traceparent: `00-${trace.traceId}-${PARENT}-01` });
  });

  it('is the caller’s where one was brought, below the caller’s span', () => {
    const trace = traceOf(ID, stored({ traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: 'a=b' }));
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

  describe('is sampled', () => {
    const OTHER = '07-0192a3b4-c5d6-7890-8a00-000000000001';
    const called = (flags: string) => ({ traceparent: `00-${TRACE}-${PARENT}-${flags}` });
    const isSampled = (came: StartRequest['trace'], rules: Partial<Tracing>, id = ID) =>
      traceOf(id, stored(came, rules, id)).isSampled;

    it.each([
      ['as the caller says', called('01'), { ratio: 0 }, true],
      ['as the caller says', called('00'), { ratio: 1 }, false],
      [
        'whatever the caller says, where it does not decide',
        called('01'),
        { ratio: 0, followsCaller: false },
        false,
      ],
      [
        'whatever the caller says, where it does not decide',
        called('00'),
        { ratio: 1, followsCaller: false },
        true,
      ],
      ['never, at a ratio of 0, without a caller', {}, { ratio: 0 }, false],
      ['always, at a ratio of 1, without a caller', {}, { ratio: 1 }, true],
    ])('%s', (_, came, rules, expected) => {
      expect(isSampled(came, rules)).toBe(expected);
      expect(isSampled(came, { ...rules, isRecorded: true })).toBe(expected);
    });

    it('by the random end of its id, so that a higher ratio adds traces and takes none away', () => {
      // Of the one 0.738, of the other nearly nothing.
      expect([0.25, 0.27, 0.8].map((ratio) => isSampled({}, { ratio }))).toEqual([false, true, true]);
      expect([0.27, 0.999].map((ratio) => isSampled({}, { ratio }, OTHER))).toEqual([false, false]);
    });

    it('as was decided when it began, whoever reads it', () => {
      for (const came of [{}, called('01'), called('00'), called('03')]) {
        for (const ratio of [0, 1]) {
          const kept = stored(came, { ratio, followsCaller: false });
          expect(traceOf(ID, kept).isSampled).toBe(ratio === 1);
          expect(headersOf(traceOf(ID, kept), PARENT).traceparent).toMatch(ratio === 1 ? /-01$/ : /-00$/);
        }
      }
    });
  });

  it('keeps when its span began, beside whatever else there is', () => {
    const rules = { isRecorded: true };
    const startedAtMs = 1_732_900_000_123;
    expect(stored({}, rules)).toBe(`@${startedAtMs}`);
    expect(traceOf(ID, stored({}, rules))).toEqual({ ...traceOf(ID, null), startedAtMs });
    const came = { traceparent: TRACEPARENT, tracestate: 'a=b,c=d' };
    expect(stored(came, rules)).toBe(`${TRACEPARENT} @${startedAtMs} a=b,c=d`);
    expect(traceOf(ID, stored(came, rules))).toEqual({ ...traceOf(ID, stored(came)), startedAtMs });
    // Nobody will ask for it.
    expect(stored({}, { ...rules, ratio: 0 })).toBe('00');
  });

  it('has nothing of its caller where headers are not to be read, and tells participants nothing', async () => {
    expect(stored({ traceparent: TRACEPARENT, tracestate: 'a=b' }, { isPropagated: false })).toBeNull();
    const world = new World();
    const a = await world.coordinator('a', {}, undefined, world.registry, { isPropagated: false });
    await a.engine.start({ ...world.request(), trace: { traceparent: TRACEPARENT } });
    await quiet();
    expect(new Set(world.calls.map(({ traceparent }) => traceparent))).toEqual(new Set(['']));
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
