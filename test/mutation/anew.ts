/**
 * Loads code and tests anew for each mutant, in one process: so what runs only as modules are loaded can be tried, too. What stands in
 * node_modules is loaded once.
 */
import { vi } from 'vitest';
import { startTests } from 'vitest/internal/browser';
import { VitestTestRunner } from 'vitest/runners';
import type { VitestRunner } from 'vitest/suite';
import { ANEW, append, type Entry, progress, read, type Task } from './journal.ts';
import { patience } from './patience.ts';
import { firstLine, HITS_OVER, mutants } from './switch.ts';

type Test = Parameters<NonNullable<VitestRunner['onBeforeRunTask']>>[0];

/** After so many that were noticed the tests must pass without a mutant. */
const CONTROLLED_EVERY = 10;

export async function tryAnew(outer: VitestTestRunner, task: Task): Promise<void> {
  const { journal, tests, limits } = task;
  const log = (entry: Entry) => append(journal, entry);
  const { noticed, tried } = progress(read(journal));
  const runner = new Anew(outer, tests);
  await runner.failure();
  runner.leaveOut((ms) => ms > limits.testMs);
  if (mutants.mutantCoverage) mutants.mutantCoverage.static = {};
  const cpu = process.cpuUsage();
  const failure = await runner.failure();
  const { user, system } = process.cpuUsage(cpu);
  if (failure !== null) {
    log({ is: 'left out', test: ANEW, why: `does not pass: ${failure}` });
    log({ is: 'done', test: ANEW });
    return;
  }
  const hits = { ...mutants.mutantCoverage?.static };
  const own = task.mutants.filter((mutant) => hits[mutant] !== undefined);
  log({ is: 'covers', test: ANEW, ms: (user + system) / 1_000, mutants: own });
  const doubtful: string[] = [];
  const control = async () => {
    if (doubtful.length === 0 || (await runner.failure()) === null) return doubtful.splice(0).length > 0;
    for (const mutant of doubtful) log({ is: 'doubted', test: ANEW, mutant });
    return await giveUp();
  };
  const giveUp = async () => {
    log({ is: 'spoilt', test: ANEW });
    return await new Promise<never>(() => {});
  };
  for (const mutant of own) {
    if (noticed.has(mutant) || tried.get(ANEW)?.has(mutant)) continue;
    log({ is: 'tries', test: ANEW, mutant });
    mutants.hitCount = 0;
    mutants.hitLimit = 100 * (hits[mutant] ?? 0) + HITS_OVER;
    mutants.activeMutant = mutant;
    const how = await inTime(runner.failure(), limits.hangsMs + 10 * runner.tookMs);
    mutants.activeMutant = undefined;
    mutants.hitCount = undefined;
    if (how === null) continue;
    log({ is: 'noticed', test: ANEW, mutant, how });
    if (how === HANGS) await giveUp();
    if (doubtful.push(mutant) === CONTROLLED_EVERY) await control();
  }
  await control();
  log({ is: 'done', test: ANEW });
}

const HANGS = 'goes on for too long';

async function inTime(run: Promise<string | null>, ms: number): Promise<string | null> {
  let calm = () => {};
  const hangs = new Promise<string>((tell) => {
    calm = patience(ms, () => tell(HANGS));
  });
  try {
    return await Promise.race([run, hangs]);
  } finally {
    calm();
  }
}

/** Tells nobody what the tests come to but whoever asks it. */
class Anew extends VitestTestRunner {
  /** How long the tests took without a mutant. */
  tookMs = 0;
  readonly #tests: readonly string[];
  readonly #cpuMs = new Map<string, number>();
  readonly #leftOut = new Set<string>();
  #failure: string | null = null;
  #cpu = process.cpuUsage();

  constructor(outer: VitestTestRunner, tests: readonly string[]) {
    super(outer.config);
    this.#tests = tests.map((test) => `${outer.config.root}/${test}`);
    // Vitest gives both to the runner that it makes.
    Object.assign(this, {
      moduleRunner: Reflect.get(outer, 'moduleRunner'),
      _otel: Reflect.get(outer, '_otel'),
    });
  }

  leaveOut(isTooSlow: (cpuMs: number) => boolean): void {
    for (const [id, ms] of this.#cpuMs) if (isTooSlow(ms)) this.#leftOut.add(id);
  }

  /** The first error of a file or a test, or null where all pass. */
  async failure(): Promise<string | null> {
    const startedAt = performance.now();
    vi.resetModules();
    this.#failure = null;
    for (const path of this.#tests) {
      const [file] = await startTests([path], this);
      if (file?.result?.state === 'fail') this.#failure ??= firstLine(file.result.errors?.[0] ?? 'fails');
      if (this.#failure !== null) break;
    }
    if (mutants.activeMutant === undefined) this.tookMs = performance.now() - startedAt;
    return this.#failure;
  }

  override async onBeforeRunTask(test: Test): Promise<void> {
    if (this.#failure !== null || this.#leftOut.has(test.id)) test.mode = 'skip';
    await super.onBeforeRunTask(test);
    this.#cpu = process.cpuUsage();
  }

  override onAfterRunTask(test: Test): void {
    super.onAfterRunTask(test);
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#cpuMs.set(test.id, (user + system) / 1_000);
    if (test.result?.state === 'fail') this.#failure ??= firstLine(test.result.errors?.[0] ?? 'fails');
  }

  // The process that started this one is told nothing of these runs.
  override async onAfterRunSuite(): Promise<void> {}
}
