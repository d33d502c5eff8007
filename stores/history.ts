/**
 * What happened in each minute of the last day, as those who counted it have added it up: statistics, and not the truth, which
 * is in the sagas. See docs/decisions/history.md.
 */

type Counts = Readonly<Record<string, number>>;

/** Minutes that a store keeps: the current one, and those before it. */
export const HISTORY_MINUTES = 24 * 60;

/** By series and by name. Neither may have spaces, `=`, `,` or `;` in it. */
export type SeriesCounts = Readonly<Record<string, Counts>>;

export interface Minute {
  /** Minutes since the epoch, by the store's clock. */
  readonly minute: number;
  readonly counts: SeriesCounts;
  /** Where everything stood at a moment of the minute: taken, not counted. Left out where nobody has looked. */
  readonly standing?: Standing;
}

export interface Standing {
  /** Milliseconds since the epoch, by the store's clock. */
  readonly atMs: number;
  readonly counts: SeriesCounts;
}

export interface History {
  /**
   * Adds what was counted to what there is of these minutes; a standing takes the place of the one before it. What is older than the
   * ring has room for may take the place of what is newer. Sent again, it is added again.
   * @returns when the newest standing was taken, of any of these minutes; `null` where none has one
   */
  add(minutes: readonly Minute[]): Promise<number | null>;

  /** The minutes from one to another, both included, of which anything is kept, oldest first. */
  read(from: number, to: number): Promise<readonly Minute[]>;
}

export function minuteAt(ms: number): number {
  return Math.floor(ms / 60_000);
}

/** Where a minute lies in the ring. */
export function placeOf(minute: number): number {
  return minute % HISTORY_MINUTES;
}

/** The minutes from one to another, no more than a ring has. */
export function minutesBetween(from: number, to: number): number[] {
  const first = Math.max(0, from, to - HISTORY_MINUTES + 1);
  return Array.from({ length: Math.max(0, to - first + 1) }, (_, index) => first + index);
}

const NAME = /^[^\s=,;]+$/;

/** @throws RangeError for a name that could not be read again, or a number that is no count */
export function assertMinutes(minutes: readonly Minute[]): void {
  for (const { minute, counts, standing } of minutes) {
    if (!Number.isSafeInteger(minute) || minute < 0) throw new RangeError(`no minute: ${minute}`);
    for (const [series, names] of [...Object.entries(counts), ...Object.entries(standing?.counts ?? {})]) {
      for (const [name, n] of Object.entries(names)) {
        if (!NAME.test(series) || !NAME.test(name)) throw new RangeError(`no name: ${series} ${name}`);
        if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`no count: ${series} ${name}: ${n}`);
      }
    }
  }
}
