/** Waiting for a saga's end: for how long, and what is seen of it meanwhile. */
import type { Invocation, Options } from './command.ts';
import { asSaga, type Saga } from './saga.ts';
import { EXIT, type ExitCode, type Surroundings, UsageError } from './surroundings.ts';
import { painter, shown, span } from './text.ts';
import { secondsIn } from './values.ts';

const UNSET = '5m';
const MAX_SECONDS = 9_999_999;

export const WAITING = {
  wait: { says: 'until the saga has ended' },
  timeout: { value: 'SPAN', says: `how long at most: 90s, 10m, 2h (${UNSET})` },
} as const satisfies Options;

/** `null` where nothing is waited for. */
export function waitMsIn({ wait, timeout }: Invocation['values']): number | null {
  if (wait === true) return 1000 * secondsIn('--timeout', timeout ?? UNSET, MAX_SECONDS);
  if (timeout !== undefined) throw new UsageError('--timeout is for --wait');
  return null;
}

export interface Progress {
  /** @param trouble what keeps more from being known */
  readonly show: (last: unknown, trouble: string) => void;
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
    show(last, trouble) {
      const { state } = asSaga(last);
      // Cut before it is painted: half a colour would colour all that follows.
      const line = `${span(now() - beganAt)}  ${shown(state)}${trouble && `  ${shown(trouble)}`}`;
      draw(paint('blue', line.slice(0, columns - 1)));
    },
    clear: () => draw(''),
  };
}

export function exitCodeOf({ status }: Pick<Saga, 'status'>): ExitCode {
  return status === 'COMPLETED' ? EXIT.ok : EXIT.sagaFailed;
}
