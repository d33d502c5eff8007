/** What the overview asks the history for: the machine that is shown, as it is or was, and how the day went. */
import { z } from 'zod';
import type { RegisteredMachine } from '../../machines/index.ts';
import { HISTORY_MINUTES, type Minute, minuteAt } from '../../stores/saga-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { pointsOf } from '../telemetry/history/points.ts';
import { movesSeries } from '../telemetry/history/series.ts';
import { lastStood, type Pile } from '../telemetry/history/stood.ts';
import type { FlowCardProps, Quarter } from './flow-card.tsx';
import type { Pulse } from './pulse.ts';
import { flowOf } from './statechart/flow.ts';
import { chartOf } from './statechart/layout.ts';

/** Minutes of which rates and edges are. */
const WINDOW = 5;
/** The whole day is some megabytes: however many look, it is read at most this often. */
const DAY_SHARED_MS = 60_000;
const QUARTER = 15;

/** What is misspelt is as though it were not there: the page shows what is now. */
export const flowQuery = z.object({
  machine: z.string().optional(),
  at: z.coerce.number().int().optional().catch(undefined),
});

type Engine = Pick<SagaEngine, 'history' | 'machines'>;

export class Days {
  readonly #engine: Engine;
  readonly #clock: Clock;
  #day: { readonly at: number; readonly quarters: Promise<readonly Quarter[]> } | null = null;

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  /**
   * @param asked id of the machine; the one that moves most where it is left out, or not known
   * @param minute that is looked at; now where it is left out, or not kept
   * @returns `null` where there is no machine
   */
  async flow(
    asked: string | undefined,
    minute: number | undefined,
    causes: Pulse['causes'],
  ): Promise<FlowCardProps | null> {
    const now = this.#clock.now();
    const newest = minuteAt(now);
    const oldest = newest - HISTORY_MINUTES + 1;
    const at = minute !== undefined && minute >= oldest && minute < newest ? minute : null;
    const to = at ?? newest;
    const [minutes, quarters] = await Promise.all([
      this.#engine.history.read(to - WINDOW + 1, to),
      this.#quarters(newest),
    ]);
    const machines = newestOf(this.#engine.machines);
    const machine = machines.find(({ id }) => id === asked) ?? busiestOf(machines, minutes);
    if (machine === undefined) return null;
    const stood = lastStood(minutes);
    const parked = at === null ? causes.map(pileOf) : (stood?.parked ?? []);
    const spanMinutes = at === null ? WINDOW - 1 + Math.max(0.1, (now % 60_000) / 60_000) : WINDOW;
    const flow = flowOf(machine, chartOf(machine), { minutes, stood, parked }, spanMinutes);
    return { machines, machine, flow, at, newest, oldest, stood, quarters };
  }

  #quarters(newest: number): Promise<readonly Quarter[]> {
    const now = this.#clock.monotonic();
    if (this.#day === null || now - this.#day.at > DAY_SHARED_MS) {
      const quarters = this.#engine.history.read(newest - HISTORY_MINUTES + 1, newest).then(quartersOf);
      this.#day = { at: now, quarters };
      // A store that was away is asked again by the next page.
      quarters.catch(() => {
        this.#day = null;
      });
    }
    return this.#day.quarters;
  }
}

function quartersOf(minutes: readonly Minute[]): Quarter[] {
  const all = new Map<number, { ended: number; troubled: number }>();
  for (const { points } of pointsOf(minutes, { every: QUARTER }).machines) {
    for (const { atMs, completed, failed, parked, retries } of points) {
      const sum = all.get(atMs) ?? { ended: 0, troubled: 0 };
      sum.ended += completed + failed;
      sum.troubled += parked + retries;
      all.set(atMs, sum);
    }
  }
  return [...all].map(([atMs, sum]) => ({ atMs, ...sum }));
}

/** Of each machine the newest version, on which new sagas begin. */
function newestOf(machines: readonly RegisteredMachine[]): RegisteredMachine[] {
  return [...new Map(machines.map((machine) => [machine.id, machine])).values()];
}

function busiestOf(
  machines: readonly RegisteredMachine[],
  minutes: readonly Minute[],
): RegisteredMachine | undefined {
  const moves = (machine: RegisteredMachine) =>
    minutes
      .flatMap(({ counts }) => Object.values(counts[movesSeries(machine)] ?? {}))
      .reduce((sum, n) => sum + n, 0);
  return machines.toSorted((a, b) => moves(b) - moves(a))[0];
}

function pileOf({ machine, step, kind, n, sums }: Pulse['causes'][number]): Pile {
  return { machine, step, kind, n, held: sums };
}
