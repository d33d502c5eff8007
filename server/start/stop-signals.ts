/** Ctrl-C, SIGTERM and a closed terminal, heard as one wish to stop, and heard a second time as impatience. */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * npm passes on a signal that the terminal has already sent to the whole group, and a service manager may signal
 * npm and us alike: what comes so soon after the first is the same wish, for nobody presses twice so fast.
 */
export const SAME_WISH_MS = 500;

export interface Wishes {
  readonly first: (signal: NodeJS.Signals) => void;
  readonly second: (signal: NodeJS.Signals) => void;
}

/** Answers how to stop listening. */
export function hearStopSignals({ first, second }: Wishes, sameWishMs = SAME_WISH_MS): () => void {
  let firstAt: number | null = null;
  const hear = (signal: NodeJS.Signals) => {
    if (firstAt === null) {
      firstAt = performance.now();
      first(signal);
    } else if (performance.now() - firstAt >= sameWishMs) {
      second(signal);
    }
  };
  for (const signal of SIGNALS) process.on(signal, hear);
  return () => {
    for (const signal of SIGNALS) process.off(signal, hear);
  };
}
