/**
 * The places of sagas in hand: how many there are, who has them, and for whom they are kept. All sagas of one machine could
 * fill a coordinator, and those of every other would then wait for them to end, whatever they wait for themselves. So each
 * machine has some places that nobody else is given; the rest is for whoever comes first. A tenth is for no start: what was
 * begun, and has waited for its participant, a call-back or an operator, comes before what is to begin.
 */
export class Places {
  readonly #max: number;
  /** Kept for each machine, so long as it has fewer. */
  readonly #each: number;
  /** For what is due, and not for starts. */
  readonly #forDue: number;
  readonly #taken = new Map<string, number>();
  #free: number;
  /** Free places that are kept for somebody: what each machine lacks of its own. */
  #kept: number;

  /**
   * @param machines ids of all that are run here
   * @param keptPercent of the places that are kept for machines, in equal parts; where there is but one, none are
   */
  constructor(max: number, machines: ReadonlySet<string>, keptPercent: number) {
    this.#max = max;
    this.#free = max;
    this.#each = machines.size > 1 ? Math.floor((max * keptPercent) / 100 / machines.size) : 0;
    this.#forDue = Math.floor(max / 10);
    for (const machine of machines) this.#taken.set(machine, 0);
    this.#kept = this.#each * machines.size;
  }

  get max(): number {
    return this.#max;
  }

  /** Of all places, whoever they are kept for: for a saga that a person or a participant has just asked for. */
  get free(): number {
    return this.#free;
  }

  /** Those that are kept for nobody: for sagas of which nobody knows the machine yet. */
  get unkept(): number {
    return this.#free - this.#kept;
  }

  /** For sagas of a machine that are due. */
  room(machine: string): number {
    return this.unkept + this.#lacking(machine);
  }

  /** For sagas of a machine that are to begin. */
  roomToStart(machine: string): number {
    return this.room(machine) - this.#forDue;
  }

  /** Whoever enters must leave. @param machine `null` where nobody knows it yet */
  enter(machine: string | null, count = 1): void {
    this.#free -= count;
    const taken = machine === null ? undefined : this.#taken.get(machine);
    if (machine === null || taken === undefined) return;
    const before = this.#lacking(machine);
    this.#taken.set(machine, taken + count);
    this.#kept += this.#lacking(machine) - before;
  }

  leave(machine: string | null, count = 1): void {
    this.enter(machine, -count);
  }

  /** How many a machine has fewer than are kept for it; for one that is not run here none are. */
  #lacking(machine: string): number {
    const taken = this.#taken.get(machine);
    return taken === undefined ? 0 : Math.max(0, this.#each - taken);
  }
}
