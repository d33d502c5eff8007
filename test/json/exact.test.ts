/** JSON that comes back as it was written, beside JSON.parse and JSON.stringify, which are the oracle for all the rest. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExactNumber, holdsExact, parse, stringify, withDoubles } from '../../json/exact.ts';
import { readForeign } from '../../json/foreign.ts';

/** Numbers that JavaScript would write otherwise than they are written here. */
const EXACT = [
  '9007199254740993',
  '-9007199254740993',
  '123456789012345678901234567890',
  '1e400',
  '-1e400',
  '1e-400',
  '1E2',
  '1e2',
  '1.0',
  '1.10',
  '0.00',
  '-0',
  '-0.0',
  '0.1000000000000000055511151231257827',
  '1999.0000000000000001',
  `1e${'9'.repeat(40)}`,
  `0.${'1'.repeat(5000)}`,
];
const PLAIN = ['0', '7', '-7', '0.1', '19.99', '1e+21', '1e-7', '9007199254740991', '1234567890123456'];

describe('a number', () => {
  it.each(EXACT)('%s comes back as it was written, wherever it stands', (number) => {
    for (const text of [number, `[${number}]`, `{"a":${number}}`, `[1,{"b":[${number},2]},"${number}"]`]) {
      const value = parse(text);
      expect(holdsExact(value)).toBe(true);
      expect(stringify(value)).toBe(text);
    }
    expect(stringify(parse(` \n[ ${number} ,\t${number}\n]\r`))).toBe(`[${number},${number}]`);
  });

  it.each(PLAIN)('%s is a number like any other', (number) => {
    expect(parse(`[${number}]`)).toEqual([Number(number)]);
    expect(stringify(parse(`{"a":[${number}]}`))).toBe(`{"a":[${number}]}`);
  });

  it('in a text is a text', () => {
    const text = '{"at":"2026-11-29T17:00:00.000Z","more":"[1.10, 9007199254740993]","e":"\\": -0"}';
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it('that is exact reckons as the nearest double, and loses no digit where others write it', () => {
    const exact = parse('9007199254740993') as ExactNumber;
    expect([Number(exact), `${exact}`, JSON.stringify([exact])]).toEqual([
      9007199254740992,
      '9007199254740993',
      '["9007199254740993"]',
    ]);
  });
});

/** A JSON text from the dice: any white space, any spelling of texts and numbers, no name twice in an object. */
const space = fc.stringMatching(/^[ \t\n\r]{0,2}$/);
const number = fc.oneof(
  fc.constantFrom(...EXACT, ...PLAIN),
  fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/),
);
const text = fc.oneof(
  fc.string({ unit: 'binary' }).map((found) => JSON.stringify(found)),
  fc.constantFrom('"\\ud800"', '"\\u0041\\\\\\""', '"1.10"', '":"', '"{\\"a\\":1.0}"', '"__proto__"'),
);
const { value: anyJson } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.oneof(number, text, fc.constantFrom('true', 'false', 'null')),
    fc.array(tie('value'), { maxLength: 4 }).chain((items) => around('[', items, ']')),
    fc
      .uniqueArray(fc.tuple(text, tie('value')), { maxLength: 4, selector: ([name]) => JSON.parse(name) })
      .chain((members) =>
        around(
          '{',
          members.map(([name, value]) => `${name}:${value}`),
          '}',
        ),
      ),
  ),
}));
function around(open: string, parts: readonly string[], close: string): fc.Arbitrary<string> {
  return fc.tuple(space, space).map(([a, b]) => `${open}${a}${parts.join(`${b},${a}`)}${b}${close}`);
}

/** The numbers of a JSON text as they are written, in their order, and what is between them as JavaScript has it. */
function spelled(json: string): { numbers: string[]; rest: unknown } {
  const numbers: string[] = [];
  const marked = json.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (found) => {
    if (found.startsWith('"')) return found;
    numbers.push(found);
    return '0';
  });
  return { numbers: numbers.sort(), rest: JSON.parse(marked) };
}

describe('any JSON', () => {
  it('comes back with each number as it was written, and all else as JSON.parse reads it', () => {
    fc.assert(
      fc.property(anyJson, (json) => {
        expect(spelled(stringify(parse(json)))).toEqual(spelled(json));
        expect(parse(stringify(parse(json), 2))).toEqual(parse(json));
      }),
    );
  });

  it('without exact numbers is written as JSON.stringify writes it, on one line and on many', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (json, indent) => {
        const value: unknown = JSON.parse(json);
        expect(stringify(value, indent)).toBe(JSON.stringify(value, null, indent));
        // The same by the way that is taken where there is one.
        const lines = stringify([new ExactNumber('1.0'), value], indent);
        expect(lines).toBe(JSON.stringify(['number', value], null, indent).replace('"number"', '1.0'));
      }),
    );
  });

  it('is written as JSON.stringify does it where there are things that are no JSON', () => {
    const odd = { a: undefined, b: [undefined, () => 1], c: new Date(0), d: Number.NaN, e: -0 };
    expect(stringify({ n: new ExactNumber('1.0'), odd })).toBe(`{"n":1.0,"odd":${JSON.stringify(odd)}}`);
    expect(stringify([new ExactNumber('1.0')])).toBe('[1.0]');
    expect(stringify([1])).toBe('[1]');
  });

  it('keeps __proto__ a field', () => {
    for (const json of ['{"__proto__":{"a":1.0},"b":2}', '{"__proto__":{"a":1},"b":2.0}']) {
      expect(stringify(parse(json))).toBe(json);
      expect(Object.getPrototypeOf(parse(json))).toBe(Object.prototype);
    }
  });

  it('that is none throws as JSON.parse does', () => {
    for (const wrong of ['', '01', '1.', '{"a":1.0', '[1.10}', '+1', '.5', '1.0 1.0', 'NaN'])
      expect(() => parse(wrong), wrong).toThrow(SyntaxError);
  });
});

describe('foreign JSON', () => {
  const read = (json: string) => readForeign(json, 4);

  it.each([
    ['{"a":1,"a":1}', ['a']],
    ['{"a":1, "b":{"c":[0,{"d":1 ,"d"\t:2}]}}', ['b', 'c', 1, 'd']],
    ['{"a":1,"\\u0061":2}', ['a']],
    ['{"__proto__":1,"__proto__":2}', ['__proto__']],
    ['{"a":1.0,"b":":\\"a\\":","a":2}', ['a']],
  ])('%s has a name twice, which one of the two would not survive', (json, path) => {
    expect(read(json)).toEqual({ fault: 'twice', path });
  });

  it('may have the same name in different objects, and what looks like names in texts', () => {
    for (const json of ['{"a":{"a":1},"b":[{"a":1},{"a":2}]}', '{"a":"\\"a\\":1,\\"a\\":2","b":":"}'])
      expect(read(json)).toEqual({ value: JSON.parse(json), hasExact: false });
  });

  it('says whether there is a number in it that is kept as it was written', () => {
    expect(read('{"a":[19.99]}')).toEqual({ value: { a: [19.99] }, hasExact: false });
    expect(read('{"a":[1.10]}')).toEqual({ value: { a: [new ExactNumber('1.10')] }, hasExact: true });
  });

  it('is refused where it is none, or too deep', () => {
    expect(read('{"a":')).toEqual({ fault: 'no-json' });
    expect(read('[[[[1]]]]')).toHaveProperty('value');
    for (const deep of ['[[[[[]]]]]', `${'['.repeat(300_000)}1.10${']'.repeat(300_000)}`])
      expect(read(deep)).toEqual({ fault: 'too-deep' });
  });
});

describe('plain numbers for exact ones', () => {
  const plain = (json: string) => {
    const told: string[] = [];
    return { value: withDoubles(parse(json), (path) => told.push(path.join('.'))), told };
  };

  it('are the same numbers', () => {
    const { value, told } = plain('{"a":1.0,"b":[1.10,1e2,-0,0.00,-5e-1],"c":{"d":100e-2}}');
    expect(value).toStrictEqual({ a: 1, b: [1.1, 100, 0, 0, -0.5], c: { d: 1 } });
    expect(told).toEqual([]);
  });

  it.each(['9007199254740993', '1e400', '-1e400', '1e-400', '1999.0000000000000001', `0.${'1'.repeat(40)}`])(
    'are not put in the place of %s, which is none of them',
    (number) => {
      const { value, told } = plain(`{"a":[0,${number}],"b":1.0}`);
      expect(stringify(value)).toBe(`{"a":[0,${number}],"b":1}`);
      expect(told).toEqual(['a.1']);
    },
  );

  it('leave alone what has none to replace', () => {
    for (const json of ['{"a":[1]}', '{"a":[1e400]}']) {
      const value = parse(json);
      expect(withDoubles(value, () => {})).toBe(value);
    }
  });
});
