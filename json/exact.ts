/**
 * JSON that comes back as it was written. JavaScript reads every number as a double, which makes 9007199254740992 of
 * 9007199254740993, 1.1 of 1.10 and null of 1e400. What others have written and we only keep must not change on the way, so
 * a number that a double would not give back keeps its text. All other numbers stay what they are, at the cost of a look.
 */

/** Whether {@link stringify} has come across an exact number. */
let met = false;

/** A number as it was written, where a double would be written otherwise. */
export class ExactNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The nearest double: ±Infinity where there is none. */
  valueOf(): number {
    return Number(this.text);
  }

  toString(): string {
    return this.text;
  }

  /** Whoever writes JSON by other means than {@link stringify} gets a text, which loses no digit. */
  toJSON(): string {
    met = true;
    return this.text;
  }
}

/** Numbers that a double might not give back: -0, and those with a fraction, an exponent or many digits. Texts may hold the like. */
const ODD = /(?:^|[\s:,[])(-0|-?\d+(?:\.\d+)?[eE][+-]?\d+|-?\d+\.\d+|-?\d{16,})(?=[\s,}\]]|$)/g;

/** Whether there is any: asked first, because most texts have none, and to go through all that match costs several times as much. */
const ANY_ODD = new RegExp(ODD.source);

/** Whether all numbers in a JSON text are plain. It may say no where they are, because it looks into texts too. */
export function hasPlainNumbers(text: string): boolean {
  if (!ANY_ODD.test(text)) return true;
  for (const [, number = ''] of text.matchAll(ODD)) if (!isPlain(number)) return false;
  return true;
}

/** Whether JavaScript writes a number as it is written here. */
export function isPlain(number: string): boolean {
  return String(Number(number)) === number;
}

/**
 * As `JSON.parse`, but for numbers that a double would not give back: those are {@link ExactNumber}s. For texts that we have
 * written, or that are bounded in depth: functions are nested as deeply as values.
 * @throws SyntaxError where the text is no JSON
 */
export function parse(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return hasPlainNumbers(text) ? value : new Reader(text).read();
}

/** As `JSON.stringify`, with exact numbers as they were written. The costlier way is gone where there are some, and only there. */
export function stringify(value: unknown, indent = 0): string {
  met = false;
  // Without an indent by the way that V8 is quickest on.
  const text = indent === 0 ? JSON.stringify(value) : JSON.stringify(value, null, indent);
  return met ? (written(value, ' '.repeat(indent), '') ?? text) : text;
}

/** `undefined` for what JSON passes over, a function or nothing. */
function written(value: unknown, indent: string, margin: string): string | undefined {
  if (value instanceof ExactNumber) return value.text;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (typeof (value as Date).toJSON === 'function') return written((value as Date).toJSON(), indent, margin);
  const inside = margin + indent;
  const isList = Array.isArray(value);
  const parts: string[] = [];
  if (isList) for (const item of value) parts.push(written(item, indent, inside) ?? 'null');
  else {
    for (const [name, member] of Object.entries(value)) {
      const text = written(member, indent, inside);
      if (text !== undefined) parts.push(`${JSON.stringify(name)}:${indent === '' ? '' : ' '}${text}`);
    }
  }
  const [open, close] = isList ? '[]' : '{}';
  if (indent === '' || parts.length === 0) return `${open}${parts.join(',')}${close}`;
  return `${open}\n${inside}${parts.join(`,\n${inside}`)}\n${margin}${close}`;
}

/** Names and indexes from the outermost value to one within it. */
export type Path = readonly (string | number)[];

const WORD = /[\w.+-]+/y;

/** Reads a text that is known to be JSON, once more and by hand: `JSON.parse` does not say what it has read. */
export class Reader {
  /** Where the first member is whose name stands twice in its object: only one of the two would be kept. */
  twice: Path | null = null;
  /** Whether there are numbers that a double would not give back. */
  hasExact = false;
  readonly #text: string;
  readonly #path: (string | number)[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    const begins = this.#next();
    if (begins === '{') return this.#object();
    if (begins === '[') return this.#list();
    if (begins === '"') return this.#string();
    WORD.lastIndex = this.#at;
    const [word = ''] = WORD.exec(this.#text) ?? [];
    this.#at += word.length;
    if (begins === 't') return true;
    if (begins === 'f') return false;
    if (begins === 'n') return null;
    if (isPlain(word)) return Number(word);
    this.hasExact = true;
    return new ExactNumber(word);
  }

  /** The next character that means something, which is not taken. */
  #next(): string {
    while (this.#text.charCodeAt(this.#at) <= 0x20) this.#at += 1;
    return this.#text.charAt(this.#at);
  }

  /** Takes what stands between the members of an object or a list; whether there is another member. */
  #goesOn(close: string): boolean {
    const next = this.#next();
    if (next !== close && next !== ',') return true;
    this.#at += 1;
    return next === ',';
  }

  #object(): unknown {
    const object: Record<string, unknown> = {};
    this.#at += 1;
    while (this.#goesOn('}')) {
      this.#next();
      const name = this.#string();
      this.#next();
      this.#at += 1;
      if (this.twice === null && Object.hasOwn(object, name)) this.twice = [...this.#path, name];
      this.#path.push(name);
      const value = this.read();
      this.#path.pop();
      // Assigned, this one would be the object's prototype.
      if (name === '__proto__')
        Object.defineProperty(object, name, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      else object[name] = value;
    }
    return object;
  }

  #list(): unknown {
    const list: unknown[] = [];
    this.#at += 1;
    while (this.#goesOn(']')) {
      this.#path.push(list.length);
      list.push(this.read());
      this.#path.pop();
    }
    return list;
  }

  #string(): string {
    const from = this.#at;
    let to = from;
    do to = this.#text.indexOf('"', to + 1);
    while (this.#isEscaped(to));
    this.#at = to + 1;
    return JSON.parse(this.#text.slice(from, to + 1)) as string;
  }

  #isEscaped(at: number): boolean {
    let before = at;
    while (this.#text.charAt(before - 1) === '\\') before -= 1;
    return (at - before) % 2 === 1;
  }
}

/** Whether there is an exact number anywhere in a value. */
export function holdsExact(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return value instanceof ExactNumber || Object.values(value).some(holdsExact);
}

/**
 * The same value with plain numbers in the place of exact ones, as far as they are the same numbers: 1.10 is 1.1. Paths of those
 * that are not are handed to `tell`, and they stay. Itself, where nothing is to be replaced.
 */
export function withDoubles(value: unknown, tell: (path: Path) => void, path: Path = []): unknown {
  if (value instanceof ExactNumber) {
    const double = value.valueOf();
    // Not the zero that has a sign: to whoever reckons they are one.
    if (isSame(value.text, String(double))) return double === 0 ? 0 : double;
    tell(path);
    return value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const isList = Array.isArray(value);
  let isOther = false;
  const members = Object.entries(value).map(([name, member]): [string, unknown] => {
    const read = withDoubles(member, tell, [...path, isList ? Number(name) : name]);
    isOther ||= read !== member;
    return [name, read];
  });
  if (!isOther) return value;
  return isList ? members.map(([, member]) => member) : Object.fromEntries(members);
}

/** Whether two texts write the same number. */
function isSame(a: string, b: string): boolean {
  const [one, other] = [decimal(a), decimal(b)];
  return one !== null && one === other;
}

/** A number with its sign, its digits without zeros around them, and its exponent; `null` for what is none. */
function decimal(text: string): string | null {
  const [, sign, whole, fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  if (whole === undefined) return null;
  const digits = (whole + fraction).replace(/^0+/, '');
  const kept = digits.replace(/0+$/, '');
  if (kept === '') return '0';
  return `${sign}${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
