/**
 * The memory store and Redis, side by side, under random sequences of operations: whatever the one answers the
 * other must answer too. fast-check prints the seed and the shortest sequence that tells them apart.
 */
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, expect, it } from 'vitest';
import { MemoryStore } from '../../stores/memory-store.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { Changes, Fence, NewSaga, Next, SagaStore, Write } from '../../stores/saga-store.ts';
import { startRedis } from '../redis-server.ts';
import { A1, A2, B1, entry, MINUTE, ORDER, ORDER_2, park, summary } from './sagas.ts';

const server = await startRedis();
const redis = new Redis(server.socketPath);
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/**
 * Real time passes on the one side only. So spans are odd multiples of this, and leaps even ones, and each operation
 * takes a virtual minute: no two moments come so near that the milliseconds of a run could change their order.
 */
const SPAN = 100 * MINUTE;
const LIMIT = 1_000;
/** Three in each partition: often reached, and often left. */
const IN_FLIGHT_MAX = 9;

const owners = fc.constantFrom(A1, A2, B1);
const spans = fc.constantFrom(0, SPAN, 3 * SPAN, 5 * SPAN);
const nexts: fc.Arbitrary<Next> = fc.oneof(
  spans.map((leaseMs) => ({ kind: 'act', leaseMs }) as const),
  spans.map((delayMs) => ({ kind: 'wait', delayMs }) as const),
  fc.constant(park),
  fc.record({
    kind: fc.constant('end' as const),
    status: fc.constantFrom('COMPLETED' as const, 'FAILED' as const),
    keepMs: spans,
  }),
);
const counts = fc.dictionary(fc.constantFrom('steps', 'steps.held', 'ms'), fc.integer({ min: -3, max: 9 }));
const states = fc.constantFrom('reserving', 'a "quoted" \\ state\n');
/** Entries before the last one: now and then so many that the log is cut. */
const earlier = fc.constantFrom(0, 0, 0, 0, 1, 2, 700);
const bodies = fc.record({
  owner: owners,
  next: nexts,
  counts,
  state: states,
  snapshot: fc.string(),
  earlier,
});
/** Now and then a version with another structure. */
const declared = fc.constantFrom(ORDER, ORDER, ORDER_2, { ...ORDER, structure: 'changed' });
const index = fc.nat(30);
const fences = fc.constantFrom('current', 'current', 'current', 'older', 'forged');

const operations = fc.oneof(
  fc.record({
    do: fc.constant('create' as const),
    body: bodies,
    key: fc.constantFrom(null, null, 'k1', 'k2'),
    digest: fc.constantFrom('d1', 'd1', 'd2'),
    machine: fc.constantFrom(ORDER, ORDER_2),
  }),
  fc.record({ do: fc.constant('commit' as const), saga: index, fence: fences, body: bodies }),
  fc.record({
    do: fc.constant('migrate' as const),
    saga: index,
    fence: fences,
    body: bodies,
    machine: fc.constantFrom(ORDER, ORDER_2),
  }),
  fc.record({ do: fc.constant('repeat' as const), write: index }),
  fc.record({
    do: fc.constant('claim' as const),
    sagas: fc.array(index, { minLength: 1, maxLength: 4 }),
    owner: owners,
    leaseMs: spans,
    again: fc.boolean(),
  }),
  fc.record({ do: fc.constant('release' as const), sagas: fc.array(index, { maxLength: 4 }), fence: fences }),
  fc.record({
    do: fc.constant('renew' as const),
    sagas: fc.array(index, { maxLength: 4 }),
    fence: fences,
    leaseMs: spans,
  }),
  fc.record({ do: fc.constant('leap' as const), ms: fc.constantFrom(2 * SPAN, 4 * SPAN) }),
  fc.record({ do: fc.constant('purge' as const) }),
  fc.record({
    do: fc.constant('declare' as const),
    machines: fc.uniqueArray(declared, { maxLength: 3, selector: ({ version }) => version }),
    owner: owners,
    leaseMs: spans,
  }),
  fc.record({ do: fc.constant('gone' as const), afterMs: spans }),
);
type Operation = typeof operations extends fc.Arbitrary<infer T> ? T : never;

/** A call that both stores get, with the same arguments. */
type Call = (store: SagaStore) => Promise<unknown>;

/** Turns operations into calls: it knows which sagas there are, and which writes were sent. */
class Script {
  readonly ids: string[] = [];
  readonly #memory: MemoryStore;
  readonly #sent: Call[] = [];
  readonly #older = new Map<string, Fence>();
  #writes = 0;
  #claim = 'claim-0';

  constructor(memory: MemoryStore) {
    this.#memory = memory;
  }

  async call(operation: Operation): Promise<Call> {
    switch (operation.do) {
      case 'create': {
        const { key, digest, machine, body } = operation;
        const id = this.#memory.newId(key);
        const saga: NewSaga = {
          ...this.#write(body),
          id,
          machine,
          trace: key && `trace of ${key}`,
          idempotency: key ? { key, digest } : null,
        };
        this.ids.push(id);
        return this.#send((store) => store.create(saga));
      }
      case 'commit': {
        const id = this.#id(operation.saga);
        const fence = await this.#fence(id, operation.fence);
        const write = this.#write(operation.body);
        return this.#send((store) => store.commit(id, fence, write));
      }
      case 'migrate': {
        const id = this.#id(operation.saga);
        const fence = await this.#fence(id, operation.fence);
        const { owner: _owner, next: _next, ...migration } = this.#write(operation.body);
        const { machine } = operation;
        return this.#send((store) => store.migrate(id, fence, { ...migration, machine }));
      }
      case 'repeat':
        return this.#sent[operation.write % this.#sent.length] ?? (() => Promise.resolve());
      case 'claim': {
        const { sagas, owner, leaseMs, again } = operation;
        if (!again) this.#claim = `claim-${this.#next()}`;
        const [ids, writeId] = [sagas.map((saga) => this.#id(saga)), this.#claim];
        return (store) => store.claim(ids, owner, leaseMs, writeId, '2026-01-01T00:00:00.000Z');
      }
      case 'renew': {
        const held = await this.#held(operation);
        return async (store) =>
          (await store.renew(held, operation.leaseMs)).map((remainingMs) => ({ remainingMs }));
      }
      case 'release': {
        const held = await this.#held(operation);
        return (store) => store.release(held);
      }
      case 'declare': {
        const { machines, owner, leaseMs } = operation;
        return (store) => store.declare(machines, owner, leaseMs);
      }
      case 'gone':
        return async (store) => {
          const versions = await store.gone(operation.afterMs);
          return [...versions].sort((a, b) => (a.version < b.version ? -1 : 1));
        };
      case 'purge':
        return (store) => store.purge(LIMIT);
      case 'leap':
        return () => Promise.resolve();
    }
  }

  #send(call: Call): Call {
    this.#sent.push(call);
    return call;
  }

  #held({ sagas, fence }: { sagas: readonly number[]; fence: 'current' | 'older' | 'forged' }) {
    // A saga is in hand once.
    const ids = [...new Set(sagas.map((saga) => this.#id(saga)))];
    return Promise.all(ids.map(async (id) => ({ id, fence: await this.#fence(id, fence) })));
  }

  #id(saga: number): string {
    return this.ids[saga % this.ids.length] ?? this.#memory.newId(null);
  }

  async #fence(id: string, which: 'current' | 'older' | 'forged'): Promise<Fence> {
    const current = (await this.#memory.get(id))?.fence ?? { revision: 1, writeId: 'none' };
    const older = this.#older.get(id) ?? current;
    this.#older.set(id, current);
    return which === 'older' ? older : which === 'forged' ? { ...current, writeId: 'forged' } : current;
  }

  #write({
    state,
    earlier,
    ...body
  }: Pick<Write, 'owner' | 'next' | 'counts' | 'snapshot'> & { state: string; earlier: number }): Write {
    return {
      ...body,
      earlier: Array.from({ length: earlier }, (_, n) => entry({ event: `earlier ${n}` })),
      writeId: `write-${this.#next()}`,
      summary: summary({ state }),
      entry: entry({ to: state }),
    };
  }

  #next(): number {
    this.#writes += 1;
    return this.#writes;
  }
}

/** Times as whole minutes since the run began, which is all that two stores can agree on. */
function inMinutes(value: unknown, beganMs: number): unknown {
  return JSON.parse(
    JSON.stringify(value, (name, found) => {
      if (typeof found !== 'number') return found;
      if (name.endsWith('AtMs')) return Math.round((found - beganMs) / MINUTE);
      return /^(remaining|overdue|oldest)Ms$/.test(name) ? Math.round(found / MINUTE) : found;
    }) ?? 'null',
  );
}

/** Everything that a store shows. */
async function everything(store: SagaStore, ids: readonly string[]): Promise<unknown> {
  const lists: unknown[] = [];
  for (const filter of [{}, { status: 'STARTED' }, { stuckForMs: SPAN }, { state: 'reserving' }] as const) {
    const records: unknown[] = [];
    let cursor: string | null = null;
    do {
      // Where a filter lets little pass, pages may break differently; what stands on them may not.
      const page: Awaited<ReturnType<SagaStore['list']>> = await store.list(filter, cursor, 3);
      records.push(...page.sagas);
      cursor = page.cursor;
    } while (cursor !== null);
    lists.push(records);
  }
  return {
    lists,
    logs: await Promise.all(ids.map((id) => store.log(id))),
    statuses: await store.statuses(ids),
    running: [...(await store.running([ORDER], null, LIMIT)).ids].sort(),
    // Throughput is of each store's own last minute.
    statistics: { ...(await store.statistics()), settledPerMinute: null },
  };
}

/** What was announced since a position, a partition's changes in their order; positions are each store's own. */
async function announced(store: SagaStore, since: string): Promise<unknown> {
  const found: Record<string, unknown[]> = {};
  let page: Changes | null = null;
  do {
    page = await store.changes(page?.position ?? since, null, 7);
    for (const { position: _, id, ...change } of page.changes) {
      const partition = id.slice(0, 2);
      found[partition] = [...(found[partition] ?? []), { id, ...change }];
    }
    expect(page.gap).toBe(false);
  } while (page.more);
  return found;
}

/** Other sequences in every run; a failure prints its seed, and `SEED=n` plays those again. */
const seeded = process.env.SEED ? { seed: Number(process.env.SEED) } : {};
/** `RUNS=n` plays more. */
const RUNS = Number(process.env.RUNS ?? 120);
/** After this long the shortest failure so far is shown. */
const SHRINK_MS = 240_000;

let runs = 0;

it('answers as the memory store does, whatever is asked', {
  timeout: 2 * (RUNS * 2_000 + SHRINK_MS),
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(operations, { minLength: 5, maxLength: 60, size: 'max' }), async (sequence) => {
      runs += 1;
      const beganMs = Date.now();
      let elapsedMs = 0;
      const memory = new MemoryStore({
        now: () => beganMs + elapsedMs,
        partitions: 3,
        inFlightMax: IN_FLIGHT_MAX,
      });
      // Two in turn, as of two processes: what the one has moved, the other may remember where it was.
      const open = () =>
        RedisStore.open({
          redis,
          prefix: `${runs}.`,
          partitions: 3,
          inFlightMax: IN_FLIGHT_MAX,
          clockOffsetMs: () => elapsedMs,
        });
      let [real, other] = [await open(), await open()];
      const first = real;
      const script = new Script(memory);
      const [fromMemory, fromReal] = await Promise.all(
        [memory, real].map(async (store) => (await store.changes(null, null, 1)).position),
      );
      const agree = async (call: Call, what: unknown) => {
        const [expected, found] = [await call(memory), await call(real)];
        expect(inMinutes(found, beganMs), JSON.stringify(what)).toEqual(inMinutes(expected, beganMs));
      };
      for (const operation of sequence) {
        // A boot is one process, which declares at its own store, and never two structures of one version at two.
        if (operation.do !== 'declare' || real !== first) [real, other] = [other, real];
        // A fence comes with a record or a claim, and so does the machine.
        if (operation.do !== 'claim') await Promise.all(script.ids.map((id) => real.get(id)));
        await agree(await script.call(operation), operation);
        elapsedMs += MINUTE + (operation.do === 'leap' ? operation.ms : 0);
        await agree(async (store) => (await store.due([ORDER, ORDER_2], LIMIT)).sort(), 'due');
        await agree((store) => store.backlog([ORDER]), 'backlog');
      }
      await agree((store) => everything(store, script.ids), 'everything');
      expect(await announced(real, fromReal ?? '')).toEqual(await announced(memory, fromMemory ?? ''));
    }),
    {
      numRuns: RUNS,
      interruptAfterTimeLimit: RUNS * 2_000 + SHRINK_MS,
      markInterruptAsFailure: true,
      ...seeded,
    },
  );
});
