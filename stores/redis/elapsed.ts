/**
 * How much time has passed, as this machine knows it by two clocks of which either may be wrong. The wall clock is set by people and
 * by NTP; a monotonic one must gain nothing, but one that leapt, as after a move between hosts, would carry the time of every
 * saga with it. So what the monotonic clock says counts as far as the wall clock bears it out.
 */

/** By less than this clocks differ because they are read one after the other, or corrected by NTP. */
const DIFFER_LEAST_MS = 1_000;

export class Elapsed {
  readonly #monotonicMs: () => number;
  readonly #wallMs: () => number;
  #monotonicAtMs: number;
  #wallAtMs: number;
  #passedMs: number;
  #withheldMs = 0;

  constructor(monotonicMs: () => number, wallMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#wallMs = wallMs;
    this.#monotonicAtMs = monotonicMs();
    this.#passedMs = this.#monotonicAtMs;
    this.#wallAtMs = wallMs();
  }

  /** In milliseconds since some start; never goes back. */
  get ms(): number {
    // Asked a hundred times for a saga: no lists are made for it.
    const monotonicMs = this.#monotonicMs();
    const wallMs = this.#wallMs();
    const by = monotonicMs - this.#monotonicAtMs;
    const byWall = wallMs - this.#wallAtMs;
    this.#monotonicAtMs = monotonicMs;
    this.#wallAtMs = wallMs;
    // A wall clock that went back was set; one that went further tells of sleep, of which the next answer of Redis tells too.
    const isBorneOut = byWall < 0 || by - byWall <= DIFFER_LEAST_MS;
    if (!isBorneOut) this.#withheldMs += by - byWall;
    this.#passedMs += isBorneOut ? by : byWall;
    return this.#passedMs;
  }

  /** How much the monotonic clock has gone further since this was asked last, which may have been true after all. */
  takeWithheld(): number {
    const withheldMs = this.#withheldMs;
    this.#withheldMs = 0;
    return withheldMs;
  }
}
