/** What the instrumented code looks at, and what it leaves. */
export interface Switch {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number | undefined;
  hitLimit?: number | undefined;
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> };
}

const scope = globalThis as unknown as { __stryker__?: Switch };
scope.__stryker__ ??= {};
export const mutants: Switch = scope.__stryker__;

/** A mutant has made an endless loop where it is come by so much more often than a hundred times what is usual. */
export const HITS_OVER = 1_000;

export function firstLine(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return String(message ?? error).split('\n')[0] ?? '';
}
