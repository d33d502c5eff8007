/**
 * Acts on many sagas, kept in the store as they go: whoever has the address sees how far one is, at any coordinator. The coordinator that
 * was asked asks the sagas. Where it ends in the middle nobody goes on by itself, since a person is looking: any coordinator is told to.
 */
import { randomBytes } from 'node:crypto';
import { DefinitionError } from '../../machines/index.ts';
import { type Notes, type SagaListing, StoreUnavailableError } from '../../stores/saga-store.ts';
import { atOnce } from '../at-once.ts';
import { type Clock, wait } from '../engine/clock.ts';
import type { Operation, SagaEngine } from '../engine/contract.ts';
import { prove } from '../proven.ts';
import {
  type AskedResult,
  type Bulk,
  type BulkAct,
  type BulkItem,
  bulkIn,
  type Counts,
  countsOf,
  type ItemState,
  nextOf,
  resultOf,
  stateOf,
  textOf,
  unproven,
} from './bulk.ts';

/** Between two looks at canaries. */
const LOOK_EVERY_MS = 250;
/** What asks is believed to go on for so long after it was heard of. */
const RUNNER_MS = 15_000;
/** Sagas that are asked before it is looked whether somebody has stopped it. */
const CHUNK = 50;
/** Acts that are kept. */
const KEPT_MAX = 100;
const WRITES_MAX = 20;
const RECENT = 'bulks';

export interface BulkAsked extends Pick<Bulk, 'act' | 'reason' | 'by' | 'actor' | 'isCanary'> {
  readonly sagas: readonly Pick<BulkItem, 'id' | 'seq'>[];
}

export interface SeenBulk {
  readonly bulk: Bulk;
  readonly items: readonly (BulkItem & { readonly state: ItemState; readonly saga: SagaListing | null })[];
  readonly counts: Counts;
  /** Sagas are being asked, or canaries waited for. */
  readonly isRunning: boolean;
  /** Some were not asked, and nobody is about to. */
  readonly canContinue: boolean;
}

export interface BulkTitle {
  readonly id: string;
  readonly act: BulkAct;
  readonly by: string;
  readonly n: number;
  readonly createdAtMs: number;
}

interface Parts {
  readonly engine: Pick<SagaEngine, 'operate' | 'inquire' | 'glance' | 'draining'>;
  readonly notes: Notes;
  readonly clock: Clock;
}

export class Bulks {
  readonly #in: Parts;

  constructor(parts: Parts) {
    this.#in = parts;
  }

  /** Begins to ask; answers at once. Throws StoreUnavailableError, and then nobody is asked. */
  async begin({ sagas, ...asked }: BulkAsked): Promise<string> {
    const { clock, notes } = this.#in;
    const id = randomBytes(8).toString('hex');
    const runner = this.#newRunner();
    const items = sagas.map(({ id: saga, seq }) => ({ id: saga, seq, result: null }));
    const bulk: Bulk = {
      id,
      ...asked,
      createdAtMs: clock.now(),
      items,
      stage: 'asking',
      forgiven: 0,
      runner,
    };
    await notes.write(nameOf(id), null, { mark: newMark(), text: textOf(bulk) });
    await this.#remember({
      id,
      act: asked.act,
      by: asked.by,
      n: items.length,
      createdAtMs: bulk.createdAtMs,
    });
    void this.#run(id, runner.id);
    return id;
  }

  /** `null` where there is none. Throws StoreUnavailableError. */
  async look(id: string): Promise<SeenBulk | null> {
    const bulk = await this.#read(id);
    if (bulk === null) return null;
    const ids = bulk.items.map((item) => item.id);
    const found = await this.#in.engine.glance(ids);
    const items = bulk.items.map((item, index) => {
      const saga = found[index] ?? null;
      return { ...item, saga, state: stateOf(item, bulk.act, saga) };
    });
    const counts = countsOf(items.map(({ state }) => state));
    const isRunning = counts.unasked > 0 && this.#isRunning(bulk);
    return { bulk, items, counts, isRunning, canContinue: counts.unasked > 0 && !isRunning };
  }

  /** Those that began last, newest first. Throws StoreUnavailableError. */
  async recent(): Promise<readonly BulkTitle[]> {
    return titlesIn((await this.#in.notes.read(RECENT))?.text);
  }

  /** Goes on with those that were not asked, in the name of whoever says so. Answers whether there is such an act. */
  async continue(id: string, { by, actor }: Pick<Bulk, 'by' | 'actor'>): Promise<boolean> {
    const seen = await this.look(id);
    if (seen === null) return false;
    if (!seen.canContinue) return true;
    const runner = this.#newRunner();
    const forgiven = seen.counts.again + seen.counts.parked;
    const changed = await this.#change(id, (bulk) =>
      this.#isRunning(bulk) ? null : { ...bulk, by, actor, forgiven, stage: 'asking', runner },
    );
    if (changed !== null) void this.#run(id, runner.id);
    return true;
  }

  /** Nobody more is asked. Answers whether there is such an act. */
  async halt(id: string): Promise<boolean> {
    const bulk = await this.#read(id);
    if (bulk === null) return false;
    await this.#change(id, (now) =>
      now.stage === 'asking' ? { ...now, stage: 'halted', runner: null } : null,
    );
    return true;
  }

  /** Asks as long as this is who does. */
  async #run(id: string, runner: string): Promise<void> {
    const { engine, clock } = this.#in;
    for (;;) {
      try {
        const bulk = await this.#read(id);
        if (bulk?.runner?.id !== runner) return;
        if (engine.draining) return void (await this.#change(id, (now) => given(now, runner, null)));
        const next = nextOf(bulk, await this.#countsOf(bulk));
        if (next === 'stopped' || next === 'asked') {
          await this.#change(id, (now) => given(now, runner, next));
          return;
        }
        if (next !== 'wait') await this.#ask(bulk, runner, Math.min(next.ask, CHUNK));
        else await this.#stay(bulk, runner);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        if (engine.draining) return;
      }
      await wait(clock, LOOK_EVERY_MS);
    }
  }

  async #ask({ id, act, reason, by, actor, items }: Bulk, runner: string, many: number): Promise<void> {
    const some = items.filter(({ result }) => result === null).slice(0, many);
    const results = new Map<string, AskedResult>();
    await atOnce(some, async ({ id: saga, seq }) => {
      const result = await this.#askOne(saga, act, { reason, by, actor, ifSeq: seq });
      if (result !== null) results.set(saga, result);
    });
    const untilMs = this.#in.clock.now() + RUNNER_MS;
    // What came of asking is kept also where somebody has stopped it meanwhile.
    await this.#change(id, (now) => ({
      ...now,
      items: now.items.map((item) => ({ ...item, result: item.result ?? results.get(item.id) ?? null })),
      runner: now.runner?.id === runner ? { id: runner, untilMs } : now.runner,
    }));
  }

  /** `null` where the store was away: it is asked once more, and a saga that has heard it already has moved on. */
  async #askOne(
    saga: string,
    { isProven, ...act }: BulkAct,
    asked: Omit<Operation, keyof BulkAct>,
  ): Promise<AskedResult | null> {
    const { engine } = this.#in;
    try {
      if (!isProven) return resultOf(await engine.operate(saga, { ...act, ...asked }));
      const { step = '' } = act;
      const proven = await prove(engine, saga, { step, reason: asked.reason });
      if (proven.kind !== 'proven') return unproven(proven);
      return resultOf(await engine.operate(saga, { ...act, ...asked, reason: proven.reason }));
    } catch (error) {
      if (error instanceof DefinitionError) return 'definition-error';
      if (!(error instanceof StoreUnavailableError)) throw error;
      return null;
    }
  }

  /** Says in time that it still waits. */
  async #stay({ id, runner: known }: Bulk, runner: string): Promise<void> {
    const nowMs = this.#in.clock.now();
    if (known === null || known.untilMs - nowMs > RUNNER_MS / 2) return;
    const untilMs = nowMs + RUNNER_MS;
    await this.#change(id, (now) =>
      now.runner?.id === runner ? { ...now, runner: { id: runner, untilMs } } : null,
    );
  }

  async #countsOf(bulk: Bulk): Promise<Counts> {
    const asked = bulk.items.filter(({ result }) => result === 'accepted').map(({ id }) => id);
    const found = await this.#in.engine.glance(asked);
    const sagas = new Map(asked.map((id, index) => [id, found[index] ?? null]));
    return countsOf(bulk.items.map((item) => stateOf(item, bulk.act, sagas.get(item.id) ?? null)));
  }

  #isRunning({ stage, runner }: Bulk): boolean {
    return stage === 'asking' && runner !== null && runner.untilMs > this.#in.clock.now();
  }

  #newRunner() {
    return { id: randomBytes(8).toString('hex'), untilMs: this.#in.clock.now() + RUNNER_MS };
  }

  async #read(id: string): Promise<Bulk | null> {
    const note = /^[\da-f]{16}$/.test(id) ? await this.#in.notes.read(nameOf(id)) : null;
    return note && bulkIn(note.text);
  }

  /** @param change answers `null` where nothing is to be changed; it may be asked several times */
  async #change(id: string, change: (bulk: Bulk) => Bulk | null): Promise<Bulk | null> {
    const { notes } = this.#in;
    for (let write = 0; write < WRITES_MAX; write += 1) {
      const note = await notes.read(nameOf(id));
      const bulk = note && bulkIn(note.text);
      const changed = bulk && change(bulk);
      if (note === null || changed === null) return null;
      if (await notes.write(nameOf(id), note.mark, { mark: newMark(), text: textOf(changed) }))
        return changed;
    }
    return null;
  }

  /** The oldest goes where there are too many. */
  async #remember(title: BulkTitle): Promise<void> {
    const { notes } = this.#in;
    for (let write = 0; write < WRITES_MAX; write += 1) {
      const note = await notes.read(RECENT);
      const titles = [title, ...titlesIn(note?.text)];
      const text = JSON.stringify(titles.slice(0, KEPT_MAX));
      if (!(await notes.write(RECENT, note?.mark ?? null, { mark: newMark(), text }))) continue;
      for (const { id } of titles.slice(KEPT_MAX)) {
        const old = await notes.read(nameOf(id));
        if (old !== null) await notes.write(nameOf(id), old.mark, null);
      }
      return;
    }
  }
}

/** Nobody asks any more; `null` where that is so already. */
function given(bulk: Bulk, runner: string, stage: Bulk['stage'] | null): Bulk | null {
  return bulk.runner?.id === runner ? { ...bulk, stage: stage ?? bulk.stage, runner: null } : null;
}

function nameOf(id: string): string {
  return `bulk:${id}`;
}

function newMark(): string {
  return randomBytes(12).toString('hex');
}

function titlesIn(text: string | undefined): readonly BulkTitle[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
