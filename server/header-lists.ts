/** Headers that hold a list of elements, each with parameters: `Prefer` (RFC 7240), `Forwarded` (RFC 7239). */

export interface Pair {
  /** In lower case. */
  readonly name: string;
  /** Without its quotes; empty where there is none. */
  readonly value: string;
}

/** A text in quotes, in which commas and semicolons mean nothing, up to the end where they are not closed; or one character. */
const PIECE = /"(?:[^"\\]|\\.)*"?|./gs;

/** `a=1;b="2;3", c` is [[a=1, b=2;3], [c]]. An empty element has one pair without a name. */
export function elementsIn(header: string): Pair[][] {
  const elements: string[][] = [['']];
  let pairs = elements[0] ?? [];
  for (const piece of header.match(PIECE) ?? []) {
    if (piece === ',') {
      pairs = [''];
      elements.push(pairs);
    } else if (piece === ';') pairs.push('');
    else pairs[pairs.length - 1] += piece;
  }
  return elements.map((texts) => texts.map(pairIn));
}

function pairIn(text: string): Pair {
  const equals = text.indexOf('=');
  const [name, value] = equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
  return { name: name.trim().toLowerCase(), value: unquoted(value.trim()) };
}

function unquoted(value: string): string {
  return /^"(.*)"$/s.exec(value)?.[1]?.replace(/\\(.)/gs, '$1') ?? value;
}
