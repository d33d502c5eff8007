/** How long what is left open may finish by itself, once all that is ours has ended. */
const GRACE_MS = 1_000;

/**
 * For the last line of a program that loads other people's modules: a timer or a pool that one of them has left open would
 * hold the process for ever, and with it whoever waits for its end. Does nothing where nothing is left.
 */
export function outliveNobody(): void {
  setTimeout(() => process.exit(), GRACE_MS).unref();
}
