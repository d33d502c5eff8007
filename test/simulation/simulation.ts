/**
 * One random run: a few sagas, two or three coordinators, and weather that the seed alone decides. The same seed
 * gives the same trace, to the letter.
 */
import type { Call } from '../../machines/index.ts';
import type { Reported, StartResult } from '../../server/engine/contract.ts';
import { StoreUnavailableError } from '../../stores/saga-store.ts';
import { Deployment, LEASE_MS } from './deployment.ts';
import { deliver, type Letter } from './letters.ts';
import type { Fate, Message } from './network.ts';
import type { Mood } from './participants.ts';
import type { Process } from './process.ts';
import { recount } from './recount.ts';
import { SAGAS, type SagaName, turnOf, WITHIN_MS } from './sagas.ts';
import { Chance } from './seeded.ts';

/** How likely is what; drawn anew for every seed, so that some runs have much of one thing and nothing of another. */
interface Climate {
  readonly lost: number;
  readonly doubled: number;
  readonly late: number;
  readonly notSent: number;
  readonly struckInMidst: number;
  readonly sick: number;
  readonly refusing: number;
  readonly cursed: number;
  /** Actions whose attempts are all spent, as far as they may be given up. */
  readonly spent: number;
  /** Sagas that somebody wants undone. */
  readonly cancelled: number;
  /** Asynchronous calls that are not answered at once, and call-backs that nobody makes. */
  readonly later: number;
  readonly silent: number;
  /** Mean time between two events that befall a process. */
  readonly everyMs: number;
}

export interface Run {
  readonly seed: number;
  readonly saga: SagaName;
  readonly hash: number;
  readonly steps: number;
  readonly broken: readonly string[];
  readonly trace: readonly string[];
  readonly statuses: Readonly<Record<string, number>>;
  /** Transitions that were committed, as the machine's graph has them. */
  readonly transitions: ReadonlySet<string>;
}

/** Each seed has one of the sagas, in turn. */
export function sagaOf(seed: number, of: readonly SagaName[] = SAGAS): SagaName {
  return of[(seed - 1) % of.length] ?? 'order';
}

const STORM_MS = 8_000;
const LIMIT_MS = 600_000;

export class Simulation {
  readonly #chance: Chance;
  readonly #climate: Climate;
  readonly #world: Deployment;
  readonly #curses = new Map<string, 'refuses' | 'busy' | 'mute' | null>();
  readonly #spent = new Map<string, 'busy' | 'mute' | null>();
  readonly #refusedForGood = new Set<string>();
  readonly #started = new Map<string, string | null>();
  #unsure = 0;
  /** Letters that are still to be sent. */
  #writing = 0;
  #calm = false;

  constructor(seed: number, saga: SagaName, isSealed: boolean) {
    const chance = new Chance(seed);
    this.#chance = chance;
    this.#climate = {
      lost: chance.pick([0, 0.02, 0.08]),
      doubled: chance.pick([0, 0.05, 0.2]),
      late: chance.pick([0, 0.03, 0.1]),
      notSent: chance.pick([0, 0.02, 0.05]),
      struckInMidst: chance.pick([0, 0.01, 0.03]),
      sick: chance.pick([0, 0.1, 0.3]),
      refusing: chance.pick([0, 0.05, 0.15]),
      cursed: chance.pick([0, 0.05, 0.3]),
      spent: chance.pick([0, 0.05, 0.3]),
      cancelled: chance.pick([0, 0.1, 0.3]),
      later: chance.pick([0, 0.6, 1]),
      silent: chance.pick([0, 0.1, 0.5]),
      everyMs: chance.pick([600, 1_500, 5_000, 1_000_000]),
    };
    this.#world = new Deployment({
      saga,
      chance,
      fateOf: (message) => this.#fateOf(message),
      moodOf: (sagaId, call) => this.#moodOf(sagaId, call),
      tell: (sagaId, reported) => void this.#tell(sagaId, reported),
      inHandMax: chance.pick([2, 100]),
      isSealed,
    });
  }

  async run(): Promise<Omit<Run, 'seed' | 'saga'>> {
    const world = this.#world;
    const names = this.#chance.pick([
      ['a', 'b'],
      ['a', 'b', 'c'],
    ]);
    for (const name of names) await world.boot(name);
    const sagas = 3 + this.#chance.below(4);
    for (let n = 0; n < sagas; n += 1) void this.#client(n);
    void this.#fateOfProcesses();
    await this.#until(() => world.timeline.ms >= STORM_MS);

    this.#calm = true;
    world.trace.note(`${world.timeline.ms} calm`);
    for (const process of world.processes) world.resume(process);
    if (!world.processes.some(({ state }) => state === 'running')) await world.boot('a');
    const isOver = () => world.settled && this.#writing === 0;
    await this.#until(() => isOver() || world.timeline.ms > LIMIT_MS);
    // Whoever still repeats an old write, or wakes from a wait, finds that all is over.
    const afterwards = world.timeline.ms + 4 * LEASE_MS;
    await this.#until(() => world.timeline.ms > afterwards && isOver());

    await recount(world, (id, address) => this.#refusedForGood.has(`${id} ${address}`));
    this.#checkStarts();
    const { timeline, trace, broken } = world;
    const { statuses } = await world.store.statistics();
    const { transitions } = world.watch;
    return { hash: trace.hash, steps: timeline.steps, broken, trace: trace.lines, statuses, transitions };
  }

  async #until(over: () => boolean): Promise<void> {
    const { timeline, broken } = this.#world;
    while (!over() && broken.length === 0 && timeline.ms <= 2 * LIMIT_MS) {
      if (!(await timeline.step())) this.#world.break('nothing will ever happen again');
    }
  }

  /** What was acknowledged is stored, and what was refused is not. */
  #checkStarts(): void {
    const ids = new Set([...this.#started.keys()]);
    const { records } = this.#world.watch;
    for (const id of ids)
      if (!records.has(id)) this.#world.break(`${id} was acknowledged, and is not stored`);
    const others = [...records.keys()].filter((id) => !ids.has(id)).length;
    if (others > this.#unsure) this.#world.break(`${others} sagas that were refused are stored`);
  }

  async #client(n: number): Promise<void> {
    const { timeline, processes } = this.#world;
    await timeline.wait(this.#chance.below(STORM_MS / 2));
    const key = this.#chance.hits(0.5) ? { key: `key-${n}`, digest: 'd' } : null;
    const answered = new Set<string>();
    for (let attempt = 0; attempt < (key === null ? 1 : 3); attempt += 1) {
      const at = processes.filter(({ state }) => state === 'running');
      if (at.length === 0) return;
      const process = this.#chance.pick(at);
      // A process that dies never answers, and its client cannot know what it did.
      this.#unsure += 1;
      const coming = process.engine?.start(this.#world.request(key));
      const result = await Promise.race([coming, timeline.wait(20_000)]);
      if (result && result.kind !== 'unknown') this.#unsure -= 1;
      if (result && result.kind !== 'unknown' && result.kind !== 'refused') {
        this.#answered(result, n);
        answered.add(result.id);
        if (result.kind === 'started') {
          void this.#waits(process, result.id);
          this.#write(result.id);
        }
      }
      if (answered.size > 1) this.#world.break(`key ${key?.key} has started ${[...answered].join(' and ')}`);
    }
  }

  #answered(result: Exclude<StartResult, { kind: 'refused' | 'unknown' }>, n: number): void {
    if (result.kind === 'key-reused') this.#world.break(`key-${n} was used by nobody else`);
    this.#started.set(result.id, null);
    this.#world.trace.note(`${this.#world.timeline.ms} client ${n}: ${result.kind} ${result.id}`);
  }

  async #waits(process: Process, id: string): Promise<void> {
    try {
      const settled = await process.engine?.settled(id, 5_000);
      if (!settled) return;
      const { status } = settled.saga;
      const stored = this.#world.watch.records.get(id)?.status;
      if (status !== stored) this.#world.break(`${id}: who waited was told ${status}, stored is ${stored}`);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
    }
  }

  /** What comes to a saga from outside: never, early, late, twice, one thing and its opposite; or that it is to be undone. */
  #write(id: string): void {
    const chance = this.#chance;
    const { event } = this.#world.saga;
    const soon = () => chance.below(200);
    const anyTime = () => chance.below(3 * WITHIN_MS);
    const afterwards = () => STORM_MS + chance.below(2 * WITHIN_MS);
    if (event !== null) {
      const { name } = event;
      const letters = chance.pick([
        [],
        [soon],
        [anyTime],
        [anyTime],
        [afterwards],
        [soon, anyTime],
        [anyTime, anyTime],
      ]);
      const isTwice = chance.hits(0.5);
      for (const [n, when] of letters.entries()) {
        const data = chance.hits(0.75) ? event.goesOn : event.refuses;
        // The same letter twice has the same id, and says the same.
        const letter = { id: isTwice ? 'e' : `e-${n}`, name, data: isTwice ? event.goesOn : data };
        void this.#send(id, when(), `event ${letter.id}`, (engine) => engine.send(id, letter));
      }
    }
    if (!chance.hits(this.#climate.cancelled)) return;
    const asked = { kind: 'cancel', by: 'eve', reason: 'rain', ifSeq: null } as const;
    void this.#send(id, anyTime(), 'cancel', (engine) => engine.operate(id, asked));
  }

  /** An asynchronous participant says what came of its call: perhaps to nobody, perhaps twice. */
  async #tell(id: string, reported: Reported): Promise<void> {
    const chance = this.#chance;
    if (chance.hits(this.#climate.silent)) return;
    const times = chance.hits(this.#climate.doubled) ? 2 : 1;
    for (let n = 0; n < times; n += 1) {
      const afterMs = n === 0 ? chance.pick([0, 30]) : chance.below(2 * WITHIN_MS);
      void this.#send(id, afterMs, `outcome of ${reported.step}`, (engine) => engine.report(id, reported));
    }
  }

  async #send(sagaId: string, afterMs: number, what: string, send: Letter['send']): Promise<void> {
    this.#writing += 1;
    const pick = (running: readonly Process[]) =>
      running.length === 0 ? undefined : this.#chance.pick(running);
    await deliver(this.#world, { sagaId, what, afterMs, send, pick });
    this.#writing -= 1;
  }

  async #fateOfProcesses(): Promise<void> {
    const { timeline, processes } = this.#world;
    while (!this.#calm) {
      await timeline.wait(1 + Math.floor(2 * this.#chance.next() * this.#climate.everyMs));
      const running = processes.filter(({ state }) => state === 'running');
      if (this.#calm || running.length === 0) continue;
      const process = this.#chance.pick(running);
      const drawn = this.#chance.next();
      if (drawn < 0.35) this.#crash(process);
      else if (drawn < 0.7) this.#pause(process);
      else if (drawn < 0.85) void this.#drain(process);
      else process.cutOffUntilMs = timeline.ms + this.#chance.below(2 * LEASE_MS);
    }
  }

  #crash(process: Process): void {
    this.#world.crash(process);
    void this.#follow(process);
  }

  /** Sooner or later somebody takes the place of a process that has gone: under its name, or under another. */
  async #follow({ owner }: Process): Promise<void> {
    await this.#world.timeline.wait(this.#chance.below(3_000));
    await this.#world.boot(this.#chance.hits(0.7) ? owner.name : `${owner.name}${owner.boot}`);
  }

  #pause(process: Process): void {
    this.#world.pause(process);
    const long = this.#chance.hits(0.6);
    const ms = this.#chance.below(long ? 3 * LEASE_MS : 300);
    // Now and then it is taken for dead, and started anew while it only sleeps.
    if (long && this.#chance.hits(0.3)) void this.#follow(process);
    this.#world.timeline.after(ms, () => this.#world.resume(process));
  }

  async #drain(process: Process): Promise<void> {
    await this.#world.drain(process, this.#chance.pick([0, 300, 3_000]));
    await this.#follow(process);
  }

  #fateOf({ from, to }: Message): Fate {
    const chance = this.#chance;
    const { lost, doubled, late, notSent, struckInMidst } = this.#climate;
    if (this.#calm) return { requestMs: chance.below(5), replyMs: chance.below(5) };
    const travels = () => (chance.hits(late) ? chance.below(3 * LEASE_MS) : chance.below(15));
    if (to === 'store' && from.cutOffUntilMs > this.#world.timeline.ms)
      return { requestMs: null, replyMs: null };
    if (chance.hits(notSent)) return { notSent: true, requestMs: null, replyMs: null };
    const strike = (): { before?: () => void; after?: () => void } => {
      if (!chance.hits(struckInMidst)) return {};
      const fall = chance.hits(0.5) ? () => this.#crash(from) : () => this.#pause(from);
      return chance.hits(0.5) ? { before: fall } : { after: () => from.state === 'running' && fall() };
    };
    return {
      ...strike(),
      requestMs: chance.hits(lost) ? null : travels(),
      doubleMs: chance.hits(doubled) ? chance.below(2 * LEASE_MS) : null,
      replyMs: chance.hits(lost) ? null : travels(),
    };
  }

  /** Drawn once for each action that is given up when its attempts are spent: the pivot and what is behind it must end some day. */
  #spentBy(key: string, address: string): 'busy' | 'mute' | null {
    const { saga } = this.#world;
    const pivot = saga.pivot === null ? Number.POSITIVE_INFINITY : turnOf(saga, saga.pivot);
    if (turnOf(saga, address) >= pivot) return null;
    const drawn = this.#spent.get(key);
    if (drawn !== undefined) return drawn;
    const chance = this.#chance;
    const spent = chance.hits(this.#climate.spent) ? chance.pick(['busy', 'mute'] as const) : null;
    this.#spent.set(key, spent);
    return spent;
  }

  #moodOf(sagaId: string, { address, kind, isAsynchronous, isFetch }: Call): Mood {
    const chance = this.#chance;
    const key = `${sagaId} ${address}`;
    const serviceMs = chance.below(20);
    if (kind === 'compensation') {
      let curse = this.#curses.get(key);
      if (curse === undefined) {
        curse = chance.hits(this.#climate.cursed) ? chance.pick(['refuses', 'busy', 'mute'] as const) : null;
        this.#curses.set(key, curse);
      }
      if (curse === 'refuses') {
        this.#refusedForGood.add(key);
        return { serviceMs, instead: { status: 422, body: '{"detail":"never"}' } };
      }
      if (curse === 'busy') return { serviceMs, instead: { status: 503, body: '' } };
      if (curse === 'mute') return { serviceMs, garbled: { status: 500, body: '' } };
    }
    const spent = kind === 'action' && !isFetch ? this.#spentBy(key, address) : null;
    if (spent === 'busy') return { serviceMs, instead: { status: 503, body: '' } };
    if (spent === 'mute') return { serviceMs, garbled: { status: 500, body: '' } };
    const refuses = kind === 'action' && !isFetch && chance.hits(this.#climate.refusing);
    if (isAsynchronous && !isFetch && chance.hits(this.#climate.later)) {
      const later = { ms: chance.pick([0, 20, 500, 2 * WITHIN_MS]), tells: chance.hits(0.5) };
      const garbled = { status: 500, body: '' };
      return chance.hits(0.2) ? { serviceMs, refuses, later, garbled } : { serviceMs, refuses, later };
    }
    if (this.#calm || !chance.hits(this.#climate.sick)) return { serviceMs, refuses };
    const drawn = chance.next();
    if (drawn < 0.25) return { serviceMs, instead: { status: 503, retryAfter: '1', body: '' } };
    if (drawn < 0.45) return { serviceMs, instead: { status: 500, body: '' } };
    if (drawn < 0.65) return { serviceMs, refuses, garbled: { status: 500, body: '' } };
    if (drawn < 0.75) return { serviceMs, refuses, garbled: { status: 200, body: '<html>' } };
    return { serviceMs: chance.below(2 * LEASE_MS), refuses };
  }
}

/** Runs one seed. A bug that throws in a coordinator is told with its trace, like a broken promise. */
/** @param isSealed whether whole records are kept sealed */
export async function simulate(seed: number, saga: SagaName = sagaOf(seed), isSealed = false): Promise<Run> {
  const simulation = new Simulation(seed, saga, isSealed);
  const bugs: string[] = [];
  const note = (bug: unknown) => bugs.push(`a coordinator threw ${bug instanceof Error ? bug.stack : bug}`);
  process.on('unhandledRejection', note);
  try {
    const run = await simulation.run();
    return { seed, saga, ...run, broken: [...run.broken, ...bugs] };
  } finally {
    process.off('unhandledRejection', note);
  }
}

/** What a person needs to see of a run that went wrong. */
export function told({ seed, saga, broken, trace }: Run, linesMax = 150): string {
  const shown = trace.slice(-linesMax);
  return [
    `seed ${seed} of the saga ${saga} breaks a promise; replay it with ` +
      `SAGA=${saga} SEED=${seed} npx vitest run test/simulation/simulation.test.ts`,
    ...broken,
    `the last ${shown.length} of ${trace.length} lines of its trace:`,
    ...shown,
  ].join('\n');
}
