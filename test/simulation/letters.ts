/** Whoever has something to say to a saga: it is sent to one coordinator or another until one has heard it for good. */
import type { Engine } from '../../server/engine/engine.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Deployment } from './deployment.ts';
import type { Process } from './process.ts';

export interface Letter {
  readonly sagaId: string;
  /** What the trace shows of it. */
  readonly what: string;
  readonly afterMs: number;
  readonly send: (engine: Engine) => Promise<{ readonly kind: string }>;
  /** To whom it is sent, of those that run. */
  readonly pick: (running: readonly Process[]) => Process | undefined;
}

const ATTEMPTS_MAX = 20;
/** It is sent again after these. */
const AGAIN = new Set(['busy', 'full']);
/** `impossible`: a cancel behind the pivot, or while the saga is being undone. */
const HEARD = new Set(['accepted', 'repeated', 'noted', 'ended', 'impossible']);

export async function deliver(world: Deployment, letter: Letter): Promise<void> {
  const { sagaId, what, afterMs, send, pick } = letter;
  const { timeline, processes, watch, trace } = world;
  await timeline.wait(afterMs);
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    const to = pick(processes.filter(({ state }) => state === 'running'));
    const coming = to?.engine ? send(to.engine).catch(unlessAway) : timeline.wait(200);
    // A process that dies never answers.
    const result = await Promise.race([coming, timeline.wait(3_000)]);
    const said = result?.kind ?? 'no answer';
    trace.note(`${timeline.ms} ${what} to ${to?.title ?? 'nobody'} for ${sagaId} = ${said}`);
    if (!result || AGAIN.has(said)) continue;
    if (!HEARD.has(said)) world.break(`${sagaId}: ${what} was answered ${said}`);
    const status = watch.records.get(sagaId)?.status;
    if (said === 'ended' && status !== 'COMPLETED' && status !== 'FAILED')
      world.break(`${sagaId}: ${what} was answered ended, stored is ${status}`);
    return;
  }
}

function unlessAway(error: unknown): null {
  if (error instanceof StoreUnavailableError) return null;
  throw error;
}
