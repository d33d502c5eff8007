/** JSON that others have written, read so that nothing of it is lost unseen. */
import { hasPlainNumbers, type Path, Reader } from './exact.ts';

export type Foreign =
  /** `hasExact` says whether there are numbers in it that a double would not give back. */
  | { readonly value: unknown; readonly hasExact: boolean }
  | { readonly fault: 'no-json' | 'too-deep' }
  /** A name stands twice in one object. Which of the two is meant nobody can tell, and one would be lost. */
  | { readonly fault: 'twice'; readonly path: Path };

/** @param depthMax objects and lists that may lie within each other */
export function readForeign(text: string, depthMax: number): Foreign {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { fault: 'no-json' };
  }
  const names = namesIn(value, depthMax);
  if (names === null) return { fault: 'too-deep' };
  if (names === namesAtMostIn(text) && hasPlainNumbers(text)) return { value, hasExact: false };
  const reader = new Reader(text);
  value = reader.read();
  return reader.twice === null
    ? { value, hasExact: reader.hasExact }
    : { fault: 'twice', path: reader.twice };
}

/** How many members all objects have together; `null` where they are nested too deeply. */
function namesIn(value: unknown, levels: number): number | null {
  if (typeof value !== 'object' || value === null) return 0;
  if (levels === 0) return null;
  const members = Object.values(value);
  let names = Array.isArray(value) ? 0 : members.length;
  for (const member of members) {
    const inside = namesIn(member, levels - 1);
    if (inside === null) return null;
    names += inside;
  }
  return names;
}

/** How many names a text has at most: all that there are, and what looks like one inside a text. `null` for one that is spaced. */
function namesAtMostIn(text: string): number | null {
  if (SPACED.test(text)) return null;
  let found = 0;
  for (let at = text.indexOf('":'); at >= 0; at = text.indexOf('":', at + 2)) found += 1;
  return found;
}

/** A name with white space before its colon, as hardly anybody writes it. */
const SPACED = /"[ \t\n\r]+:/;
