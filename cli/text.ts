/** Text for people: what the coordinator says is shown and never obeyed. */
import { stringify } from '../json/exact.ts';

/**
 * Controls (C0, DEL, C1), what reverses the direction of text, what breaks lines unseen, what is invisible, and halves of
 * characters: a saga's reason comes from a participant, and must not move the cursor, retitle the window or look like another text.
 */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

function escapedAs(width: number, found: string): string {
  return [...Array(found.length).keys()]
    .map((index) => `\\u${found.charCodeAt(index).toString(16).padStart(width, '0')}`)
    .join('');
}

/** The text with everything that a terminal might obey written out. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : value === null || value === undefined ? '' : asJson(value);
  return text.replace(UNSEEN, (found) => escapedAs(4, found));
}

/** JSON on one line or several, which is JSON still and as harmless as {@link shown}. */
export function asJson(value: unknown, indent?: number): string {
  const text = stringify(value, indent) ?? 'null';
  return text.replace(UNSEEN, (found) => (found === '\n' ? found : escapedAs(4, found)));
}

const COLOURS = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 } as const;
export type Colour = keyof typeof COLOURS;
export type Paint = (colour: Colour, text: string) => string;

/** Paints where somebody sees it: a terminal, and not against their wish (https://no-color.org). */
export function painter(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): Paint {
  if (!isTerminal || env.NO_COLOR || env.TERM === 'dumb') return (_, text) => text;
  return (colour, text) => (text === '' ? '' : `\x1b[${COLOURS[colour]}m${text}\x1b[0m`);
}

export function statusColour(status: string): Colour {
  if (status === 'COMPLETED') return 'green';
  if (status === 'FAILED') return 'yellow';
  return status === 'ABORTED' ? 'red' : 'blue';
}

/** A span as people say it: `12 ms`, `3.4 s`, `5 min`, `2 h`, `3 d`. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 48 * 3_600_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} d`;
}
