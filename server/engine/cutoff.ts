/**
 * What ends a call before its time: its deadline, or the coordinator that stops. An AbortSignal would do the same, and
 * cost more than the rest of a call's bookkeeping together; of its listeners a call never has more than one.
 */
export class Cutoff {
  #reason: Error | null = null;
  #listener: ((reason: Error) => void) | null = null;

  /** Why the call was ended; `null` while it was not. */
  get reason(): Error | null {
    return this.#reason;
  }

  /** Ends the call, once. */
  cut(reason: Error): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#listener?.(reason);
  }

  /** Called once when the call is ended, in place of whoever listened before; `null` to listen no more. */
  listen(listener: ((reason: Error) => void) | null): void {
    this.#listener = listener;
  }
}
