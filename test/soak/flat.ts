/**
 * Whether a figure stays where it is, told from readings of a busy machine, of which some are far off: the median of the slopes
 * between any two of them (Theil and Sen), with the interval in which it lies with 95 % confidence.
 */
export type Reading = readonly [atHours: number, value: number];

export interface Trend {
  /** How much it changes in an hour; and what is sure of that. */
  readonly perHour: number;
  readonly least: number;
  readonly most: number;
  readonly median: number;
}

/** Of the normal distribution, both sides together. */
const Z_95 = 1.96;

/** @throws RangeError for less than four readings, of which nothing can be said */
export function trendOf(readings: readonly Reading[]): Trend {
  const n = readings.length;
  if (n < 4) throw new RangeError('a trend needs four readings');
  const slopes = readings
    .flatMap(([x, y], at) => readings.slice(at + 1).map(([later, value]) => (value - y) / (later - x)))
    .filter(Number.isFinite)
    .sort((a, b) => a - b);
  // How many of the slopes chance alone puts on one side of the true one.
  const spread = Z_95 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const at = (rank: number) => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(rank)))] ?? 0;
  const values = readings.map(([, value]) => value).sort((a, b) => a - b);
  return {
    perHour: at((slopes.length - 1) / 2),
    least: at((slopes.length - spread) / 2 - 1),
    most: at((slopes.length + spread) / 2),
    median: values[Math.floor(n / 2)] ?? 0,
  };
}

/** `grows`: more than is let pass, and not by chance. `unsure`: chance alone may be all, and might hide as much. */
export type Finding = 'flat' | 'grows' | 'unsure';

/** @param perHourMax what an hour may add */
export function findingOf({ least, most }: Trend, perHourMax: number): Finding {
  if (least > perHourMax) return 'grows';
  return most <= perHourMax ? 'flat' : 'unsure';
}
