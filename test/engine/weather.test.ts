/**
 * Random weather over several coordinators on one store: replies late, lost and refused, a store that fails in every
 * way, coordinators that die and come back. Whatever happens, the promises of the engine hold.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { onlyCall } from '../../machines/index.ts';
import type { Reply } from '../../server/engine/outcome.ts';
import { answers, stepNames } from '../machines/placed-order.ts';
import {
  type Coordinator,
  done,
  type Fate,
  LEASE_MS,
  type Made,
  notApplied,
  notSent,
  refused,
  replyLost,
  retryable,
  TIMEOUT_MS,
  titleOf,
  unknown,
  World,
} from './world.ts';

/** A call as it was made, and when its answer came. */
interface Under extends Made {
  endsMs: number;
}

class Weather {
  readonly world = new World({ policy: { attemptsMax: 3 } });
  readonly broken: string[] = [];
  readonly under: Under[] = [];
  readonly coordinators = new Map<string, Coordinator>();
  readonly #random: () => number;
  calm = false;

  constructor(random: () => number) {
    this.#random = random;
    this.world.weather = (perform, args) => this.#storm(perform, args);
    this.world.participants = (made) => this.#answer(made);
  }

  async boot(name: string): Promise<void> {
    const coordinator = await this.world.coordinator(name);
    this.coordinators.set(name, coordinator);
    coordinator.engine.open();
  }

  async crash(name: string): Promise<void> {
    this.coordinators.get(name)?.crash();
    // Its calls may still arrive, but nobody waits for their answers: they are nobody's.
    for (const call of this.under) if (call.by === name) call.endsMs = Math.min(call.endsMs, this.#now());
    await this.boot(name);
  }

  #now(): number {
    return this.world.clock.monotonic();
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.world.clock.after(ms, resolve);
    });
  }

  async #storm(perform: () => Promise<unknown>, args: readonly unknown[]): Promise<unknown> {
    if (this.calm) return perform();
    const drawn = this.#random();
    // Now and then longer than a lease: the answer comes when the right is long over.
    const ms = Math.floor(this.#random() * (this.#random() < 0.03 ? 2 * LEASE_MS : 60));
    await this.#later(ms / 2);
    const fate: Fate | null =
      drawn < 0.03 ? notSent : drawn < 0.06 ? notApplied : drawn < 0.1 ? replyLost : null;
    const result = await (fate === null ? perform() : fate(perform, args));
    await this.#later(ms / 2);
    return result;
  }

  async #answer(made: Made): Promise<Reply> {
    await this.#check(made);
    const call: Under = { ...made, endsMs: this.#now() + made.boundMs };
    this.under.push(call);
    const drawn = this.#random();
    await this.#later(Math.floor(this.#random() * (drawn < 0.05 ? 2 * TIMEOUT_MS : 200)));
    call.endsMs = Math.min(call.endsMs, this.#now());
    if (drawn < 0.06) return unknown();
    if (drawn < 0.12) return retryable();
    if (drawn < 0.16) return refused(titleOf(made));
    return done(answers[made.call.step]);
  }

  async #check(made: Made): Promise<void> {
    const record = await this.world.store.get(made.sagaId);
    const title = `${made.by}: ${titleOf(made)} of ${made.sagaId} at ${made.atMs}`;
    if (record === null) {
      this.broken.push(`${title}: nothing is stored of the saga`);
      return;
    }
    const asks = this.world.machine.asks(this.world.machine.restore(record.snapshot));
    const call = onlyCall(asks);
    const announced = call ? `${call.step} ${call.kind} ${call.attempt}` : asks.kind;
    if (announced !== `${titleOf(made)} ${made.call.attempt}`)
      this.broken.push(`${title}: stored is ${announced}`);
    const lease = (record.dueAtMs ?? 0) - this.world.clock.now();
    if (record.owner?.name !== made.by) this.broken.push(`${title}: it belongs to ${record.owner?.name}`);
    if (made.boundMs > lease) this.broken.push(`${title}: ${made.boundMs} ms under a lease of ${lease} ms`);
    for (const other of this.under) {
      if (other.sagaId !== made.sagaId || other.endsMs <= made.atMs) continue;
      this.broken.push(`${title}: while ${other.by} calls ${titleOf(other)}`);
    }
  }
}

/** Numbers from a seed (mulberry32): the same weather for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Forward to some step, then back from it or not at all; each call several times in a row at most. */
function inOrder(titles: readonly string[], status: string): boolean {
  const calls = titles.filter((title, index) => title !== titles[index - 1]);
  const forward = calls.filter((title) => title.endsWith('action')).length;
  const undone = status === 'COMPLETED' ? [] : stepNames.slice(0, forward).reverse();
  const expected = [
    ...stepNames.slice(0, forward).map((step) => `${step} action`),
    ...undone.map((step) => `${step} compensation`),
  ];
  return calls.join() === expected.join() && (status !== 'COMPLETED' || forward === stepNames.length);
}

it('every saga is carried to its end, each call is announced before it is made, and nobody calls beside another', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const random = seeded(seed);
      const weather = new Weather(random);
      const { world } = weather;
      world.random = random;
      for (const name of ['a', 'b', 'c']) await weather.boot(name);
      const results: Promise<unknown>[] = [];
      for (let n = 0; n < 12; n++) {
        const name = (['a', 'b', 'c'] as const)[n % 3] ?? 'a';
        results.push(weather.coordinators.get(name)?.engine.start(world.request()) ?? Promise.resolve());
        await world.clock.pass(Math.floor(random() * 400));
        if (random() < 0.3) await weather.crash(name);
      }
      await world.clock.pass(30_000);
      weather.calm = true;
      await world.clock.pass(120_000);

      expect(weather.broken).toEqual([]);
      const { sagas } = await world.store.list({}, null, 100);
      const { statuses } = await world.store.statistics();
      const counters = await world.counters();
      expect(statuses.STARTED).toBe(0);
      expect(counters.started ?? 0).toBe(sagas.length);
      for (const status of ['COMPLETED', 'FAILED', 'ABORTED'] as const) {
        expect(counters[`settled.${status}`] ?? 0).toBe(statuses[status]);
      }
      for (const { id, status } of sagas) {
        const log = await world.store.log(id);
        expect(log.filter(({ from, to, event }) => event !== 'takenOver' && from === to)).toEqual([]);
        expect([id, world.called(id), inOrder(world.called(id), status)]).toEqual([
          id,
          world.called(id),
          true,
        ]);
      }
    }),
    { numRuns: 40 },
  );
});
