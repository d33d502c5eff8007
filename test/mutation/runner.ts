/**
 * Runs each test twice as it is, then once for every mutant it comes by that no test has noticed yet, all in one process and with
 * the modules loaded once: the mutants stand side by side in the code, and a global says which of them is switched on.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { VitestTestRunner } from 'vitest/runners';
import { getFn, type VitestRunner } from 'vitest/suite';
import { tryAnew } from './anew.ts';
import { append, type Entry, progress, read, TASK, type Task } from './journal.ts';
import { patience } from './patience.ts';
import { firstLine, HITS_OVER, mutants } from './switch.ts';

type Test = Parameters<NonNullable<VitestRunner['onBeforeRunTask']>>[0];
type Suite = Parameters<NonNullable<VitestRunner['onAfterRunSuite']>>[0];
type File = Parameters<NonNullable<VitestRunner['onCollected']>>[0][number];

/** What a try is for: to see the test pass, and what it comes by; to judge a mutant; to see that nothing of it stayed. */
type Try = { readonly is: 'first' } | { readonly is: 'second' } | Attempt;
interface Attempt {
  readonly is: 'mutant' | 'control';
  readonly mutant: string;
}

// Tests set false clocks, and some leave them until their hooks have run.
const { setImmediate } = globalThis;

export default class MutantRunner extends VitestTestRunner {
  readonly #task = JSON.parse(readFileSync(process.env[TASK] ?? '', 'utf8')) as Task;
  readonly #before = progress(read(this.#task.journal));
  readonly #alive = new Set(this.#task.mutants.filter((mutant) => !this.#before.noticed.has(mutant)));
  readonly #spentMs = new Map(this.#before.spentMs);
  /** No mutant was switched on yet in this process, so that nothing of an earlier one can be in the way. */
  #isFresh = true;
  #stray: unknown;
  #try: Try = { is: 'first' };
  #name = '';
  #startedAt = 0;
  #cpu = process.cpuUsage();
  #tookMs = 0;
  #cpuMs = 0;
  #hits: Record<string, number> = {};
  #waiting: string[] = [];
  #hasMore = false;
  #hung = false;

  constructor(...given: ConstructorParameters<typeof VitestTestRunner>) {
    super(...given);
    const stray = (error: unknown) => {
      this.#stray = error;
    };
    process.on('unhandledRejection', stray);
    process.on('uncaughtException', stray);
  }

  onCollected(files: File[]): void {
    for (const file of files) this.#sayBroken(file);
  }

  override async onBeforeRunTask(test: Test): Promise<void> {
    await super.onBeforeRunTask(test);
    this.#name = nameOf(test);
    if (this.#task.isAnew || this.#before.done.has(this.#name)) test.mode = 'skip';
    this.#try = { is: 'first' };
    this.#hasMore = true;
    // The runner reads it anew before each repetition, and only the last one shows whether there is another.
    test.repeats = { valueOf: () => (this.#hasMore ? Number.POSITIVE_INFINITY : 0) } as unknown as number;
  }

  override onBeforeTryTask(test: Test): void {
    super.onBeforeTryTask(test);
    if (test.result) test.result.state = 'run';
    if (test.result) delete test.result.errors;
    this.#stray = undefined;
    mutants.currentTestId = 'test';
    mutants.hitCount = undefined;
    if (this.#try.is === 'mutant') {
      const { mutant } = this.#try;
      this.#log({ is: 'tries', test: this.#name, mutant });
      mutants.hitCount = 0;
      mutants.hitLimit = 100 * (this.#hits[mutant] ?? 0) + HITS_OVER;
      mutants.activeMutant = mutant;
    }
    if (mutants.mutantCoverage) mutants.mutantCoverage.perTest = {};
    this.#startedAt = performance.now();
    this.#cpu = process.cpuUsage();
  }

  async runTask(test: Test): Promise<void> {
    const fn = getFn(test) as (() => unknown) | undefined;
    if (!fn) throw new Error('This test has no function');
    if (this.#try.is !== 'mutant') {
      await fn();
      return;
    }
    let calm = () => {};
    const hung = new Promise<never>((_, reject) => {
      calm = patience(this.#task.limits.hangsMs + 10 * this.#tookMs, () => {
        this.#hung = true;
        reject(new Error('goes on for too long'));
      });
    });
    try {
      await Promise.race([fn(), hung]);
    } finally {
      calm();
    }
  }

  async onAfterRetryTask(test: Test): Promise<void> {
    // What was rejected and not heard is told to the process after the test's last promise.
    await new Promise((resolve) => setImmediate(resolve));
    mutants.activeMutant = undefined;
    mutants.currentTestId = undefined;
    const { result } = test;
    const next = result && result.state !== 'skip' ? await this.#judge(this.#failureOf(test)) : null;
    if (result) result.state = test.fails ? 'fail' : 'pass';
    if (result) delete result.errors;
    this.#hasMore = next !== null;
    if (next) this.#try = next;
    else this.#log({ is: 'done', test: this.#name });
  }

  #failureOf({ result, fails = false }: Test): string | null {
    if (this.#stray !== undefined) return firstLine(this.#stray);
    if ((result?.state === 'fail') === fails) return null;
    return firstLine(result?.errors?.[0] ?? 'passes');
  }

  override async onAfterRunSuite(suite: Suite): Promise<void> {
    this.#sayBroken(suite);
    await super.onAfterRunSuite(suite);
    if (this.#task.isAnew || !('filepath' in suite)) return;
    this.#log({ is: 'loading', mutants: this.#own(Object.keys(mutants.mutantCoverage?.static ?? {})) });
    this.#log({ is: 'file done', file: relative(this.config.root, suite.file.filepath) });
  }

  override async onAfterRunFiles(): Promise<void> {
    super.onAfterRunFiles();
    if (this.#task.isAnew) await tryAnew(this, this.#task);
  }

  /** What is to be tried next, or null where nothing is. */
  async #judge(failure: string | null): Promise<Try | null> {
    const last = this.#try;
    if (last.is === 'first')
      return failure === null ? this.#seen() : this.#leftOut(`does not pass: ${failure}`);
    if (last.is === 'second') {
      if (failure !== null) return this.#leftOut(`does not pass twice in one process: ${failure}`);
      // The first time is the one that loads and compiles what it needs.
      this.#measure();
      const isSlow = this.#cpuMs > this.#task.limits.testMs;
      return isSlow ? this.#leftOut(`takes ${Math.round(this.#cpuMs)} ms`, true) : this.#next();
    }
    if (failure === null) {
      this.#isFresh = false;
      return this.#next();
    }
    if (last.is === 'control') {
      if (!this.#isFresh) this.#log({ is: 'doubted', test: this.#name, mutant: last.mutant });
      return await this.#giveUp();
    }
    this.#alive.delete(last.mutant);
    this.#log({ is: 'noticed', test: this.#name, mutant: last.mutant, how: failure });
    return this.#hung ? await this.#giveUp() : { is: 'control', mutant: last.mutant };
  }

  /** After a first time without a mutant. */
  #seen(): Try | null {
    this.#measure();
    const hits = mutants.mutantCoverage?.perTest.test ?? {};
    const own = this.#own(Object.keys(hits));
    this.#hits = Object.fromEntries(own.map((mutant) => [mutant, hits[mutant] ?? 0]));
    this.#log({ is: 'covers', test: this.#name, ms: this.#cpuMs, mutants: own });
    const tried = this.#before.tried.get(this.#name);
    this.#waiting = own.filter(
      (mutant) => this.#alive.has(mutant) && !tried?.has(mutant) && this.#isAsked(mutant),
    );
    return this.#waiting.length === 0 ? null : { is: 'second' };
  }

  #next(): Try | null {
    const mutant = this.#waiting.shift();
    if (mutant === undefined) return null;
    const spentMs = (this.#spentMs.get(mutant) ?? 0) + this.#cpuMs;
    this.#spentMs.set(mutant, spentMs);
    return { is: 'mutant', mutant };
  }

  #leftOut(why: string, isSlow = false): null {
    this.#log({ is: 'left out', test: this.#name, why, isSlow });
    return null;
  }

  #measure(): void {
    this.#tookMs = performance.now() - this.#startedAt;
    const { user, system } = process.cpuUsage(this.#cpu);
    this.#cpuMs = (user + system) / 1_000;
  }

  /** Whoever reads the journal kills this process. */
  async #giveUp(): Promise<never> {
    this.#log({ is: 'spoilt', test: this.#name });
    return await new Promise<never>(() => {});
  }

  #sayBroken(suite: Suite | File): void {
    const error = suite.result?.errors?.[0];
    if (error) this.#log({ is: 'left out', test: nameOf(suite), why: firstLine(error) });
  }

  /** What has taken too long already is asked of those tests alone that are named as its file is. */
  #isAsked(mutant: string): boolean {
    if ((this.#spentMs.get(mutant) ?? 0) <= this.#task.limits.mutantMs) return true;
    return this.#name.includes(`/${this.#task.named[mutant]}.test.ts `);
  }

  #own(ids: readonly string[]): string[] {
    const own = new Set(this.#task.mutants);
    return ids.filter((id) => own.has(id));
  }

  #log(entry: Entry): void {
    append(this.#task.journal, entry);
  }
}

/** Its place in the file belongs to it: tests of a table have the same name. */
function nameOf(task: Test | Suite): string {
  const names: string[] = [];
  for (let at: Test | Suite | undefined = task; at && at !== at.file; at = at.suite) names.unshift(at.name);
  return [`${task.file.name} [${task.id.split('_').slice(1).join('.')}]`, ...names].join(' > ');
}
