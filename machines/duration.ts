/** Spans of time as people write them: a number, a blank, a unit. */
const UNITS_MS = {
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
} as const;

/** `'90 s'`, `'3 days'`. */
export type Duration = `${number} ${keyof typeof UNITS_MS}`;

/** @throws RangeError for what is no span, or none that a saga can wait */
export function durationMs(text: Duration): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?) (ms|s|min|h|day|days)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS]);
  if (!Number.isSafeInteger(ms) || ms < 1 || ms > DURATION_MAX_MS)
    throw new RangeError(
      `${JSON.stringify(text)} is no span: write a number, a blank and one of ${Object.keys(UNITS_MS).join(', ')}, ten years at most`,
    );
  return ms;
}

export const DURATION_MAX_MS = 3653 * 86_400_000;
