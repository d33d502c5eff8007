/** Values that sagas are described by, at their bounds: spans of time, names of states, what is found, hidden, made up, and said to stand. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ExactNumber } from '../../json/exact.ts';
import { DURATION_MAX_MS, type Duration, durationMs } from '../../machines/duration.ts';
import { saidIn } from '../../machines/held-said.ts';
import { secretsIn, withoutPaths, withoutValues } from '../../machines/redaction.ts';
import { sagaContext } from '../../machines/saga.ts';
import { sampleOf } from '../../machines/sample.ts';
import { leavesIn, leavesOf, nameOf } from '../../machines/structure.ts';
import { factOf, Terms } from '../../machines/terms.ts';

describe('a span of time', () => {
  it.each([
    ['1 ms', 1],
    ['0.5 ms', 1],
    ['1.25 s', 1250],
    ['90 s', 90_000],
    ['2 min', 120_000],
    ['1 h', 3_600_000],
    ['1 day', 86_400_000],
    ['30 days', 30 * 86_400_000],
    ['3653 days', DURATION_MAX_MS],
  ] as const)('%s', (text, ms) => expect(durationMs(text)).toBe(ms));

  it.each([
    '0 s',
    '0.4 ms',
    '3654 days',
    '1s',
    '1  s',
    ' 1 s',
    '1 s ',
    '1.s',
    '1. s',
    '.5 s',
    '1.x s',
    '-1 s',
    '1 week',
    's',
    '',
  ])('is not %j', (text) => {
    const words = `${JSON.stringify(text)} is no span: write a number, a blank and one of ms, s, min, h, day, days, ten years at most`;
    expect(() => durationMs(text as Duration)).toThrow(new RangeError(words));
  });
});

describe('what is said to stand', () => {
  it.each<[unknown, object]>([
    ['a room', { says: 'a room' }],
    ['', {}],
    [null, {}],
    [undefined, {}],
    [7, {}],
    [{ says: '' }, {}],
    [{ says: 7, kind: 7 }, {}],
    [{ says: 'x', kind: '' }, { says: 'x' }],
    [{ kind: 'k'.repeat(40) }, { kind: 'k'.repeat(40) }],
    [{ kind: 'k'.repeat(41) }, {}],
    [
      { amount: 5, currency: 'EUR' },
      { amount: 5, unit: 'EUR' },
    ],
    [
      { amount: 0, unit: 'kg' },
      { amount: 0, unit: 'kg' },
    ],
    [{ amount: -1, unit: 'kg' }, {}],
    [{ amount: 0.5, unit: 'kg' }, {}],
    [{ amount: '5', unit: 'kg' }, {}],
    [{ amount: 2 ** 53, unit: 'kg' }, {}],
    [{ amount: 5 }, {}],
    [{ amount: 5, unit: 7 }, {}],
    [{ amount: 5, unit: '' }, {}],
    // A unit that looks like money would be summed up as such.
    [{ amount: 5, unit: 'EUR' }, {}],
    [
      { amount: 5, unit: 'EURO' },
      { amount: 5, unit: 'EURO' },
    ],
    [
      { amount: 5, unit: 'xEUR' },
      { amount: 5, unit: 'xEUR' },
    ],
    [{ amount: 5, currency: 'eur' }, {}],
    [
      { says: 'x', amount: 5, currency: 'EURO', unit: 'kg' },
      { says: 'x', amount: 5, unit: 'kg' },
    ],
  ])('%j', (held, said) => expect(saidIn(held)).toStrictEqual(said));
});

describe('secrets', () => {
  const paths = [['card'], ['traveller', 'passport'], ['missing', 'deep']];
  const data = { card: '123456', traveller: { passport: 'P-12345', name: 'Ada' }, list: ['P-12345'] };

  it('are told by texts of six letters and more', () => {
    expect(secretsIn(data, paths)).toEqual(['123456', 'P-12345']);
    expect(secretsIn({ card: '12345', traveller: null }, paths)).toEqual([]);
    expect(secretsIn({ card: 123456, traveller: 'P-12345' }, paths)).toEqual([]);
  });

  it('are taken out of their places', () => {
    expect(withoutPaths(data, paths, 'x')).toStrictEqual({
      ...data,
      card: 'x',
      traveller: { passport: 'x', name: 'Ada' },
    });
    expect(withoutPaths(data, paths, undefined)).toStrictEqual({
      traveller: { name: 'Ada' },
      list: ['P-12345'],
    });
    expect(withoutPaths({ a: 1 }, [[]], 'x')).toStrictEqual({ a: 1 });
  });

  it('are taken out of all texts, wherever one of them stands', () => {
    const found = { a: ['no', { b: '<P-12345>' }], c: 7, d: null, e: '123456 P-12345' };
    expect(withoutValues(found, ['123456', 'P-12345'])).toEqual({
      a: ['no', { b: '<[redacted]>' }],
      c: 7,
      d: null,
      e: '[redacted] [redacted]',
    });
    const clean = { a: [1, null, new ExactNumber('123456789012345678901')] };
    expect(withoutValues(clean, ['123456'])).toBe(clean);
  });
});

describe('terms', () => {
  const terms = (label: string | null, search: Record<string, string>, secrets: string[] = []) =>
    new Terms(
      'own',
      label,
      search,
      secrets.map((path) => path.split('.')),
    );
  const own = terms('order', { customer: 'customer.id', refund: 'refund' }, ['card']);
  const data = { order: 'o-1', customer: { id: 7 }, card: '123456' };

  it('are the label and the facts that stand by now', () => {
    expect(own.names).toEqual(['customer', 'refund']);
    const known = [
      { name: 'label', value: 'o-1' },
      { name: 'customer', value: '7' },
    ];
    expect(own.of(data)).toEqual(known);
    expect(own.of({ ...data, customer: 'x', refund: 'a 123456' })).toEqual([known[0]]);
    expect(own.of({ order: '', customer: null })).toEqual([]);
    // One of several secrets is enough.
    const two = terms('order', { refund: 'refund' }, ['card', 'pin']);
    expect(two.of({ card: '123456', pin: '654321', order: 'a 654321', refund: '123456' })).toEqual([]);
    expect(terms(null, {}).of(data)).toEqual([]);
    expect(terms('card', {}, ['card']).of(data)).toEqual([]);
  });

  it('are gained once, and again where they have changed', () => {
    const refunded = { ...data, refund: 'r-1' };
    expect(own.gained(null, data)).toEqual(own.of(data));
    expect(own.gained(data, data)).toEqual([]);
    expect(own.gained(data, { ...data })).toEqual([]);
    expect(own.gained(data, refunded)).toEqual([{ name: 'refund', value: 'r-1' }]);
    expect(own.gained(refunded, { ...refunded, refund: 'o-1' })).toEqual([{ name: 'refund', value: 'o-1' }]);
    expect(terms(null, {}).gained(null, data)).toEqual([]);
  });

  it.each<[unknown, string | null]>([
    ['', null],
    ['a'.repeat(201), 'a'.repeat(200)],
    [0, '0'],
    [new ExactNumber('123456789012345678901'), '123456789012345678901'],
    [true, null],
    [null, null],
    [{}, null],
  ])('%j is the text', (fact, text) => expect(factOf(fact)).toBe(text));

  it.each([
    [{ Customer: 'a' }, [], 'none can be called "Customer"'],
    [{ '7a': 'a' }, [], 'none can be called "7a"'],
    [{ 'a-b': 'a' }, [], 'none can be called "a-b"'],
    [{ [`a${'b'.repeat(40)}`]: 'a' }, [], 'none can be called'],
    [{ id: 'a' }, [], 'none can be called "id": small letters, digits and _, and not id or label'],
    [{ label: 'a' }, [], 'none can be called "label"'],
    [{ found: 'card' }, ['card'], 'found is card, which is a secret: whoever searches would find it out'],
    [{ found: 'card.last' }, ['card'], 'found is card.last, which is a secret'],
    [
      Object.fromEntries([...'abcdefghi'].map((name) => [name, 'x'])),
      [],
      'there are 9, and at most 8 may be declared',
    ],
  ])('cannot be %j', (search, secrets, why) => {
    expect(() => terms(null, search as Record<string, string>, secrets)).toThrow(why);
  });

  it('may be eight of forty letters each, beside a secret', () => {
    const search = Object.fromEntries([...'abcdefgh'].map((name) => [name.padEnd(40, '_'), 'card.last']));
    expect(terms(null, search, ['card.number', 'cards']).names.length).toBe(8);
  });
});

it.each([
  ['a', 'a', ['a']],
  [{ a: 'b' }, 'a.b', ['a.b']],
  [{ a: { b: 'c' } }, 'a.b.c', ['a.b.c']],
  [{ a: { b: 'c', d: 'e' } }, 'a(b.c,d.e)', ['a.b.c', 'a.d.e']],
  [
    { a: { b: { c: 'd', e: { f: 'g', h: 'i' } }, j: 'k' } },
    'a(b(c.d,e(f.g,h.i)),j.k)',
    ['a.b.c.d', 'a.b.e.f.g', 'a.b.e.h.i', 'a.j.k'],
  ],
  [{ a: { b: {}, c: 'd' } }, 'a(b(),c.d)', ['a.c.d']],
])('%j is the state %s', (value, name, leaves) => {
  expect(nameOf(value)).toBe(name);
  expect(leavesOf(value)).toEqual(leaves);
  if (leaves.length > 1) expect(leavesIn(name)).toEqual(leaves);
});

it('names the innermost states of a name that has none beside it', () => {
  expect([leavesIn('a'), leavesIn('a.b')]).toEqual([['a'], ['a.b']]);
});

describe('a made-up value', () => {
  const made = (schema: z.ZodType) => sampleOf(z.object({ it: schema }), 'x', 'y').it;

  it.each<[z.ZodType, unknown]>([
    [z.string(), 'it'],
    [z.string().min(4), 'it--'],
    [z.string().max(1), 'i'],
    [z.email(), 'ada@example.com'],
    [z.uuid(), '00000000-0000-4000-8000-000000000000'],
    [z.iso.datetime(), '2026-01-01T00:00:00Z'],
    [z.iso.date(), '2026-01-01'],
    [z.iso.duration(), 'P1D'],
    [z.url(), 'https://example.com/'],
    [z.ipv4(), '127.0.0.1'],
    [z.ipv6(), '::1'],
    [z.number(), 1],
    [z.int().min(3), 3],
    [z.int().max(-3), -3],
    [z.int().gt(3).multipleOf(5), 10],
    [z.number().lt(0), -1],
    [z.boolean(), true],
    [z.null(), null],
    [z.literal('a'), 'a'],
    [z.enum(['b', 'c']), 'b'],
    [z.union([z.null(), z.string()]), null],
    [z.string().nullable(), 'it'],
    [z.union([z.string(), z.int()]), 'sample'],
    [z.xor([z.int(), z.string()]), 1],
    [z.object({ a: z.int() }).nullable(), { a: 1 }],
    [z.array(z.int()), [1]],
    [z.array(z.int()).min(2), [1, 1]],
    [z.tuple([z.int(), z.boolean()]), [1, true]],
    [z.intersection(z.object({ a: z.int() }), z.object({ b: z.int() })), { a: 1, b: 1 }],
    [z.intersection(z.looseObject({ a: z.int() }), z.record(z.string(), z.unknown())), { a: 1 }],
    [z.object({ a: z.string(), b: z.string().optional() }), { a: 'a' }],
    [z.unknown(), {}],
  ])('%#', (schema, value) => expect(made(schema)).toEqual(value));

  it('is the default of a member that must stand', () => {
    const schema = z.toJSONSchema(z.object({ a: z.int().default(7) }));
    expect(schema.required).toEqual(['a']);
    expect(sampleOf(z.object({ a: z.int().meta({ default: 7 }) }), 'x', 'y')).toEqual({ a: 7 });
  });

  it('of a schema that is said twice is made twice', () => {
    const part = z.object({ n: z.int() }).meta({ id: 'part-of-a-sample' });
    expect(sampleOf(z.object({ a: part, b: part }), 'x', 'y')).toEqual({ a: { n: 1 }, b: { n: 1 } });
  });

  it.each([
    [
      z.object({ a: z.string().regex(/^\d$/) }),
      'the answer cannot be made up (a: Invalid string: must match pattern /^\\d$/); give one: so',
    ],
    [
      z.object({ a: z.object({ b: z.string().regex(/^\d$/) }) }),
      'the answer cannot be made up (a.b: Invalid string: must match pattern /^\\d$/); give one: so',
    ],
    [z.object({}).refine(() => false, 'never'), 'the answer cannot be made up (it: never); give one: so'],
  ])('%# is asked for where none is found', (schema, words) => {
    expect(() => sampleOf(schema, 'the answer', 'so')).toThrow(words);
  });
});

describe('what a saga remembers, as it is read back', () => {
  const attempts = { attempt: 0, retryAt: 7 };
  const reason = { step: 'a', reason: 'no' };
  const phases = ['ahead', 'calling', 'waiting', 'done', 'failed', 'never', 'undone'];
  const whole = {
    data: {},
    answers: { a: {} },
    ...attempts,
    failure: reason,
    held: [reason],
    undone: ['a'],
    cancelled: 'enough',
    narrow: ['a'],
    resolution: { as: 'FAILED', by: 'eve', reason: 'so' },
    at: 7,
    began: ['a'],
    beside: { b: attempts },
    items: { seat: phases.map((phase) => ({ ...attempts, key: 'x', value: {}, phase })) },
    chosen: { fork: true },
    inbox: [{ id: 'one', name: 'word', data: {}, refusal: 'no' }],
    eventIds: ['one'],
    uncertain: ['a'],
    pending: { a: { location: '/later', until: 7 } },
    stuck: reason,
  };
  const needed = ['data', 'answers', 'attempt', 'retryAt', 'failure', 'held', 'undone'];
  const takes = (context: unknown) => sagaContext.safeParse(context).success;

  it('is what was written, whatever of it there is', () => {
    expect(sagaContext.parse(whole)).toEqual(whole);
    expect(takes({ ...whole, resolution: { ...whole.resolution, as: 'COMPLETED' } })).toBe(true);
    const none = { retryAt: null };
    const [item] = whole.items.seat;
    const least = {
      ...none,
      failure: { step: null, reason: '' },
      beside: { b: { ...attempts, ...none } },
      items: { seat: [{ ...item, ...none, value: null }], meal: [] },
      inbox: [{ ...whole.inbox[0], refusal: null }],
      pending: { a: { location: null, until: 0 } },
    };
    expect(takes({ ...whole, ...least })).toBe(true);
    expect(takes({ ...whole, failure: null })).toBe(true);
    for (const name of Object.keys(whole)) expect(takes({ ...whole, [name]: undefined }), name).toBe(false);
    for (const name of Object.keys(whole)) {
      const left = Object.fromEntries(Object.entries(whole).filter(([one]) => one !== name));
      expect(takes(left), name).toBe(!needed.includes(name));
    }
  });

  /** The same with one value of it, at any depth, of another kind; and with one member of what is inside left out. */
  function* spoilt(value: unknown, inside = false): Generator<unknown> {
    yield typeof value === 'string' ? 7 : 'x';
    if (typeof value !== 'object' || value === null) return;
    for (const [name, own] of Object.entries(value)) {
      if (name === 'value') continue;
      for (const wrong of spoilt(own, true))
        yield Array.isArray(value) ? value.with(Number(name), wrong) : { ...value, [name]: wrong };
      const left = Object.entries(value).filter(([one]) => one !== name);
      if (inside && !Array.isArray(value) && left.length > 0) yield Object.fromEntries(left);
    }
  }

  it('is nothing else', () => {
    const all = [...spoilt(whole)];
    expect(all.length).toBeGreaterThan(100);
    for (const wrong of all) expect(takes(wrong), JSON.stringify(wrong)).toBe(false);
    for (const attempt of [-1, 0.5]) expect(takes({ ...whole, attempt })).toBe(false);
    expect(takes({ ...whole, beside: { b: { attempt: -1, retryAt: null } } })).toBe(false);
  });
});
