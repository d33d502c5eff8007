/**
 * What this process has counted of each minute, by the events and in the words of its metrics, until it is added to the history of
 * all. Of an order it makes some twenty steps through maps: no text is put together twice.
 */

import type { Kind, RegisteredMachine } from '../../../machines/index.ts';
import { stepIn } from '../../../machines/parts.ts';
import { leavesIn } from '../../../machines/structure.ts';
import { type Minute, minuteAt } from '../../../stores/saga-store.ts';
import type { Clock } from '../../engine/clock.ts';
import { DURATION_BUCKETS_MS, type EngineEvent } from '../../engine/contract.ts';
import { callsSeries, machineSeries, movesSeries, nameOfMove, OTHER_MOVES } from './series.ts';

/** Of one machine version; parts that are beside each other may lead to very many. */
const MOVES_MAX = 500;
/** Minutes that are kept while the store is away. */
const MINUTES_MAX = 60;

type Sums = Map<string, Map<string, number>>;

/** The names under which a machine counts, made once. */
interface Names {
  readonly machine: string;
  readonly moves: string;
  readonly calls: Map<string, Readonly<Record<Kind, string>>>;
  /** By where a saga was and where it is; `null` where that is the same. */
  readonly moved: Map<string | null, Map<string, string | null>>;
  /** Different moves so far. */
  count: number;
}

export class Counting {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #minutes = new Map<number, Sums>();
  readonly #names = new WeakMap<RegisteredMachine, Names>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  observe(event: EngineEvent): void {
    switch (event.type) {
      case 'started':
        add(this.#current(), this.#namesOf(event.machine).machine, 'started', 1);
        break;
      case 'settled': {
        const { machine } = this.#namesOf(event.machine);
        const sums = this.#current();
        add(sums, machine, event.status, 1);
        add(sums, machine, `${event.status}.${bucketOf(event.ms)}`, 1);
        break;
      }
      case 'called': {
        const series = callsIn(this.#namesOf(event.machine), event.machine, event.call);
        const sums = this.#current();
        add(sums, series, event.outcome, 1);
        add(sums, series, bucketOf(event.ms), 1);
        break;
      }
      case 'transition': {
        const names = this.#namesOf(event.machine);
        const { from, to, step, kind, outcome } = event.entry;
        const move = moveIn(names, from, to);
        if (move !== null) add(this.#current(), names.moves, move, 1);
        if (step === null || kind === null || outcome === null || !to.endsWith('.waiting')) break;
        const own = event.machine.steps.find(({ name }) => name === stepIn(step));
        if (own === undefined) break;
        const { name, participant } = own;
        add(this.#current(), callsIn(names, event.machine, { step: name, kind, participant }), 'retries', 1);
        break;
      }
    }
  }

  /** What was counted since this was asked last, oldest first, the current minute always among it. */
  take(): Minute[] {
    this.#current();
    const taken = [...this.#minutes].map(([minute, sums]) => ({ minute, counts: plain(sums) }));
    this.#minutes.clear();
    return taken.sort((a, b) => a.minute - b.minute);
  }

  /** What was taken and reached nobody. */
  giveBack(minutes: readonly Minute[]): void {
    for (const { minute, counts } of minutes) {
      for (const [series, names] of Object.entries(counts))
        for (const [name, n] of Object.entries(names)) add(this.#of(minute), series, name, n);
    }
    const oldest = [...this.#minutes.keys()].sort((a, b) => b - a).slice(MINUTES_MAX);
    for (const minute of oldest) this.#minutes.delete(minute);
  }

  /** What is counted of the current minute. */
  #current(): Sums {
    return this.#of(minuteAt(this.#clock.now()));
  }

  #of(minute: number): Sums {
    const found = this.#minutes.get(minute);
    if (found !== undefined) return found;
    const made: Sums = new Map();
    this.#minutes.set(minute, made);
    return made;
  }

  #namesOf(machine: RegisteredMachine): Names {
    const found = this.#names.get(machine);
    if (found !== undefined) return found;
    const made: Names = {
      machine: machineSeries(machine.id),
      moves: movesSeries(machine),
      calls: new Map(),
      moved: new Map(),
      count: 0,
    };
    this.#names.set(machine, made);
    return made;
  }
}

function add(all: Sums, series: string, name: string, n: number): void {
  let sums = all.get(series);
  if (sums === undefined) {
    sums = new Map();
    all.set(series, sums);
  }
  sums.set(name, (sums.get(name) ?? 0) + n);
}

interface Called {
  readonly step: string;
  readonly kind: Kind;
  readonly participant: string;
}

function callsIn({ calls }: Names, { id }: RegisteredMachine, { step, kind, participant }: Called): string {
  let series = calls.get(step);
  if (series === undefined) {
    const of = (kind: Kind) => callsSeries({ machine: id, step, kind, participant });
    series = { action: of('action'), compensation: of('compensation') };
    calls.set(step, series);
  }
  return series[kind];
}

function moveIn(names: Names, from: string | null, to: string): string | null {
  let byTo = names.moved.get(from);
  if (byTo === undefined) {
    byTo = new Map();
    names.moved.set(from, byTo);
  }
  const known = byTo.get(to);
  if (known !== undefined) return known;
  if (names.count >= MOVES_MAX) return OTHER_MOVES;
  const before = from === null ? [] : leavesIn(from);
  const after = leavesIn(to);
  const left = before.filter((leaf) => !after.includes(leaf));
  const entered = after.filter((leaf) => !before.includes(leaf));
  const move = left.length + entered.length === 0 ? null : nameOfMove(left, entered);
  byTo.set(to, move);
  names.count += 1;
  return move;
}

const BUCKETS = DURATION_BUCKETS_MS.map(String);

function bucketOf(ms: number): string {
  let at = 0;
  while (at < BUCKETS.length && ms > (DURATION_BUCKETS_MS[at] as number)) at += 1;
  return BUCKETS[at] ?? 'inf';
}

function plain(sums: Sums): Minute['counts'] {
  return Object.fromEntries([...sums].map(([series, names]) => [series, Object.fromEntries(names)]));
}
