/** Waiting for a condition: each question is a round trip, and the test's own time-out is the bound. */
import { setTimeout } from 'node:timers/promises';
import { StoreUnavailableError } from '../../stores/saga-store.ts';

/** Between two questions: what is waited for is mostly the work of others, who need the CPU for it. */
export const others = () => setTimeout(5);

/** Asks until the answer is true. A store or server that is away for now is asked again. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const held = await holds().catch((error: unknown) => {
      if (error instanceof StoreUnavailableError || isOutage(error)) return false;
      throw error;
    });
    if (held) return;
    await others();
  }
}

/** Until it serves; answers what it served. */
export async function served<T>(ask: () => Promise<T>): Promise<T> {
  let answer: { readonly value: T } | undefined;
  await until(async () => {
    answer = { value: await ask() };
    return true;
  });
  return (answer as { readonly value: T }).value;
}

/** Asks a coordinator until it answers otherwise than that its store is away. */
export async function answered<T extends { readonly status: number }>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503) return answer;
    await others();
  }
}

function isOutage(error: unknown): boolean {
  return (
    error instanceof Error &&
    /^(Connection is closed|Stream isn't writeable|Command timed out|LOADING|BUSY|CLUSTERDOWN|Reached the max|UNBLOCKED)/.test(
      error.message,
    )
  );
}
