/** `npm start` as a life: bring everything up, watch until asked to end, and take it down in order. */
import { bringUp, type Entries } from './bring-up.ts';
import { readyBlock } from './ready-block.ts';
import { Running } from './running.ts';
import { hearStopSignals, SAME_WISH_MS } from './stop-signals.ts';

const DAY_MS = 24 * 3600 * 1000;

/** Runs until it is asked to end. Answers the exit code. */
export async function supervise(
  env: NodeJS.ProcessEnv,
  entries: Entries,
  sameWishMs = SAME_WISH_MS,
): Promise<number> {
  // A terminal that is gone takes no more lines, and must not end us before the children have.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  const say = (line: string) => process.stdout.write(`${line}\n`);

  const running = new Running(say);
  const leaving = new AbortController();
  // Does nothing but keep us alive when every child has died.
  const staying = setInterval(() => {}, DAY_MS);
  let isClean = true;
  const stopHearing = hearStopSignals(
    {
      first: (signal) => {
        say(`\n${signal}: the coordinator drains, then the rest stops; a second signal kills at once`);
        leaving.abort();
      },
      second: (signal) => {
        say(`${signal} again: killing what is left`);
        isClean = false;
        running.kill();
      },
    },
    sameWishMs,
  );
  try {
    say(readyBlock(await bringUp(env, entries, { running, say, leaving: leaving.signal })));
    await aborted(leaving.signal);
  } catch (error) {
    if (!leaving.signal.aborted) {
      isClean = false;
      process.stderr.write(`cannot start: ${error instanceof Error ? error.message : error}\n`);
      leaving.abort();
    }
  }
  if (!(await running.stop())) isClean = false;
  stopHearing();
  clearInterval(staying);
  return isClean ? 0 : 1;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
