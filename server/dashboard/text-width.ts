/**
 * How wide a text is in the pages' font, for pictures that are laid out here, where no browser can be asked. Measured
 * are its printable Latin characters; any other counts as a square, which hardly a glyph of any font exceeds.
 */
import { ADVANCES, MEASURED } from './advances.ts';

export interface Lettering {
  /** In pixels, as in the style sheet. */
  readonly size: number;
  readonly weight: keyof typeof ADVANCES;
}

const PLACE = new Map([...MEASURED].map((char, index) => [char, index]));
const EM = 1000;

/** In pixels. */
export function widthOf(text: string, { size, weight }: Lettering): number {
  const advances = ADVANCES[weight];
  let sum = 0;
  for (const char of text) sum += advances[PLACE.get(char) ?? -1] ?? EM;
  return (sum * size) / EM;
}

/** Whether the width is what a browser with the font will find, and not just a bound. */
export function isMeasured(text: string): boolean {
  return [...text].every((char) => PLACE.has(char));
}

/** The text, or as much of its beginning as there is room for. */
export function fitted(text: string, widthMax: number, lettering: Lettering): string {
  if (widthOf(text, lettering) <= widthMax) return text;
  const chars = [...text];
  while (chars.length > 0 && widthOf(`${chars.join('').trimEnd()}…`, lettering) > widthMax) chars.pop();
  return `${chars.join('').trimEnd()}…`;
}

/** The text on one line, or on two that break between words; what has no room on the second is cut off. */
export function twoLines(text: string, widthMax: number, lettering: Lettering): readonly string[] {
  if (widthOf(text, lettering) <= widthMax) return [text];
  const words = text.split(' ');
  let taken = words.length - 1;
  while (taken > 0 && widthOf(words.slice(0, taken).join(' '), lettering) > widthMax) taken -= 1;
  if (taken === 0) return [fitted(text, widthMax, lettering)];
  const rest = words.slice(taken).join(' ');
  return [words.slice(0, taken).join(' '), fitted(rest, widthMax, lettering)];
}
