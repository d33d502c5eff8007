/** Waiting for an end, of a saga or of an act on many: for how long, and what is seen of it meanwhile. */
import { isPassing } from '../client/errors.ts';
import type { Invocation, Options } from './command.ts';
import type { Saga } from './saga.ts';
import { EXIT, type ExitCode, type Surroundings, UsageError } from './surroundings.ts';
import { painter, shown, span } from './text.ts';
import { secondsIn } from './values.ts';

const UNSET = '5m';
const MAX_SECONDS = 9_999_999;
/** Between two looks: the first come quickly, for most need no longer. */
const LOOK_MS = { first: 100, most: 2000 } as const;

export const WAITING = {
  wait: { says: 'until the saga has ended' },
  timeout: { value: 'SPAN', says: `how long at most: 90s, 10m, 2h (${UNSET})` },
} as const satisfies Options;

/** `null` where nothing is waited for. */
export function waitMsIn({ wait, timeout }: Invocation['values']): number | null {
  if (wait === true) return timeoutMsIn(timeout);
  if (timeout !== undefined) throw new UsageError('--timeout is for --wait');
  return null;
}

export function timeoutMsIn(timeout: Invocation['values'][string]): number {
  return 1000 * secondsIn('--timeout', timeout ?? UNSET, MAX_SECONDS);
}

interface Progress {
  /**
   * @param doing how far it is
   * @param trouble what keeps more from being known
   */
  readonly show: (doing: string, trouble: string) => void;
  readonly clear: () => void;
}

/** One line at a terminal that is drawn over; elsewhere nothing. */
export function progressOn({ now, err, columns, env }: Surroundings): Progress {
  const beganAt = now();
  const paint = painter(err.isTerminal, env);
  const draw = (line: string) => {
    if (err.isTerminal) err.write(`\r\x1b[2K${line}`);
  };
  return {
    show(doing, trouble) {
      // Cut before it is painted: half a colour would colour all that follows.
      const line = `${span(now() - beganAt)}  ${shown(doing)}${trouble && `  ${shown(trouble)}`}`;
      draw(paint('blue', line.slice(0, columns - 1)));
    },
    clear: () => draw(''),
  };
}

export function exitCodeOf({ status }: Pick<Saga, 'status'>): ExitCode {
  return status === 'COMPLETED' ? EXIT.ok : EXIT.sagaFailed;
}

/** What is waited for, and how it is told. */
interface Awaited {
  readonly path: string;
  readonly waitMs: number;
  readonly isOver: (body: unknown) => boolean;
  /** How far it is, in a few words. */
  readonly doing: (body: unknown) => string;
}

/** Looks until it is over or the time is, whatever becomes of a coordinator in between. */
export async function untilOver(
  { transport, around }: Invocation,
  { path, waitMs, isOver, doing }: Awaited,
): Promise<{ readonly body: unknown; readonly isOver: boolean }> {
  const endsAt = around.now() + waitMs;
  const progress = progressOn(around);
  let body: unknown = null;
  let trouble: Error | null = null;
  try {
    for (let pauseMs: number = LOOK_MS.first; ; pauseMs = Math.min(2 * pauseMs, LOOK_MS.most)) {
      try {
        ({ body } = await transport.ask(path));
        trouble = null;
      } catch (error) {
        if (!isPassing(error)) throw error;
        trouble = error;
      }
      if (trouble === null && isOver(body)) return { body, isOver: true };
      if (around.now() >= endsAt) {
        if (body === null && trouble !== null) throw trouble;
        return { body, isOver: false };
      }
      progress.show(body === null ? '' : doing(body), trouble?.message ?? '');
      await around.pause(pauseMs);
    }
  } finally {
    progress.clear();
  }
}
