/** Waiting for a child to be ready, and telling before anything starts that it could never be. */
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { STORE_PATIENCE_MS } from '../config.ts';
import type { Child } from './child.ts';
import { portHolder } from './port-holder.ts';

const READY_MS = 30_000;
/** It waits for its store, and has then as long as any other to be ready. */
export const COORDINATOR_READY_MS = STORE_PATIENCE_MS + READY_MS;
const ASK_AGAIN_MS = 100;
const ANSWER_MS = 2_000;
const HINT = 'its own lines above may say why';

/** @throws where the child dies or stays unready, with what to look at */
export async function untilReady(
  child: Child,
  isReady: () => Promise<boolean>,
  signal: AbortSignal,
  readyMs = READY_MS,
): Promise<void> {
  const until = performance.now() + readyMs;
  while (!(child.saidReady() && (await isReady()))) {
    signal.throwIfAborted();
    if (!child.isAlive()) {
      const { words } = await child.ended;
      throw new Error(`the ${child.name} ${words} before being ready; ${HINT}`);
    }
    if (performance.now() > until) {
      throw new Error(
        `the ${child.name} (pid ${child.pid}) did not get ready within ${readyMs / 1000} s; ${HINT}`,
      );
    }
    // The end of the child ends the wait as well, so its death is told at once.
    await Promise.race([delay(ASK_AGAIN_MS, undefined, { signal }), child.ended]);
  }
}

export async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    await answer.text();
    return answer.ok;
  } catch {
    return false;
  }
}

/** Listens for a moment, because only that shows that a port can be had. */
export async function assertFree(host: string, port: number): Promise<void> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen(port, host, resolve);
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const by = portHolder(port) ?? 'another process, perhaps a coordinator that runs already';
    throw new Error(
      `port ${port} on ${host} is in use by ${by}; end it, or set COORDINATOR_PORT to another port`,
    );
  }
  await new Promise((resolve) => probe.close(resolve));
}
