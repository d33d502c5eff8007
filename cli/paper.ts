/** What people read is written on: how wide it is, whether it is coloured, and whether times are told from now. */
import type { Surroundings } from './surroundings.ts';
import { type Colour, type Paint, painter, shown, span } from './text.ts';

/** What stands in a table, and how it is painted once it is padded: colours have no width. */
export type Cell =
  | string
  | {
      readonly text: string;
      readonly colour?: Colour;
      /** How narrow its column may become, in columns of the terminal; `whole` never becomes narrower than it is. */
      readonly least?: number | 'whole';
    };

const LEAST = 6;
const GAP = 2;

export class Paper {
  readonly paint: Paint;
  /** Beyond it is cut: infinite where a program reads, or somebody wants all. */
  readonly columns: number;
  /** Whether something was. */
  wasCut = false;
  readonly #now: number | null;

  constructor({ out, env, columns, now }: Surroundings, isWide: boolean) {
    this.paint = painter(out.isTerminal, env);
    this.columns = out.isTerminal && !isWide ? columns : Number.POSITIVE_INFINITY;
    this.#now = out.isTerminal ? now() : null;
  }

  /** Columns as wide as their widest cell, the widest ones narrower where the line would be too long. The last one has no end. */
  table(rows: readonly (readonly Cell[])[]): string {
    const widths: number[] = [];
    const leasts: number[] = [];
    for (const row of rows) {
      for (const [column, cell] of row.entries()) {
        const width = widthOf(textIn(cell));
        widths[column] = Math.max(widths[column] ?? 0, width);
        const least = (typeof cell === 'string' ? undefined : cell.least) ?? LEAST;
        leasts[column] = Math.max(leasts[column] ?? 0, least === 'whole' ? width : least);
      }
    }
    narrow(widths, leasts, this.columns - GAP * (widths.length - 1));
    return rows.map((row) => `${this.#line(row, widths)}\n`).join('');
  }

  #line(row: readonly Cell[], widths: readonly number[]): string {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      const text = cut(textIn(cell), width);
      if (text !== textIn(cell)) this.wasCut = true;
      const padding = column === row.length - 1 ? '' : ' '.repeat(Math.max(0, width - widthOf(text)));
      const colour = typeof cell === 'string' ? undefined : cell.colour;
      return (colour === undefined ? text : this.paint(colour, text)) + padding;
    });
    return cells.join(' '.repeat(GAP)).trimEnd();
  }

  /** A time of the coordinator's: `3 min ago` at a terminal, and else as it was written. */
  time(written: unknown): string {
    const at = typeof written === 'string' ? Date.parse(written) : Number.NaN;
    if (this.#now === null || Number.isNaN(at)) return shown(written);
    const ms = this.#now - at;
    return ms < 0 ? `in ${span(-ms)}` : `${span(ms)} ago`;
  }
}

function textIn(cell: Cell): string {
  return typeof cell === 'string' ? cell : cell.text;
}

/** Takes from the widest column that may give, until all of them fit or none may. */
function narrow(widths: number[], leasts: readonly number[], columns: number): void {
  let over = widths.reduce((sum, width) => sum + width, 0) - columns;
  while (over > 0) {
    const giving = widths
      .map((width, column) => ({ width, column }))
      .filter(({ width, column }) => width > (leasts[column] ?? 0))
      .sort((a, b) => b.width - a.width)[0];
    if (giving === undefined) return;
    widths[giving.column] = giving.width - 1;
    over -= 1;
  }
}

/** Letters of East Asia and pictures take two columns, marks on a letter none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NARROW = /\p{M}/u;

function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII ends there
  if (/^[\u0000-\u007f]*$/.test(text)) return text.length;
  return [...text].reduce((sum, letter) => sum + (WIDE.test(letter) ? 2 : NARROW.test(letter) ? 0 : 1), 0);
}

/** What is too long, with `…` for its middle: ids and names differ at both ends. */
function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  const letters = [...text];
  const head = within(letters, Math.ceil((columns - 1) / 2));
  const tail = within(letters.reverse(), columns - 1 - widthOf(head.join('')));
  return `${head.join('')}…${tail.reverse().join('')}`;
}

/** As many of the first letters as fit. */
function within(letters: readonly string[], columns: number): string[] {
  let left = columns;
  const fitting: string[] = [];
  for (const letter of letters) {
    left -= widthOf(letter);
    if (left < 0) break;
    fitting.push(letter);
  }
  return fitting;
}
