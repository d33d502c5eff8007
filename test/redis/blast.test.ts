/**
 * How far damage reaches. One thing in Redis is broken, whichever, beside healthy sagas: what is broken is shown and set
 * aside, and all else goes on. `SEED=n` replays one choice of damage, `ALL=1` leaves none out.
 */
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { Registry as Metrics } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Call, Registry } from '../../machines/index.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import { guard } from '../../server/access.ts';
import { createApp } from '../../server/app.ts';
import { Bulks } from '../../server/bulk/bulks.ts';
import { readSettings } from '../../server/config.ts';
import { dashboard } from '../../server/dashboard/routes.tsx';
import { systemClock } from '../../server/engine/clock.ts';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { Engine } from '../../server/engine/engine.ts';
import type { Participants } from '../../server/engine/participants.ts';
import { Probes } from '../../server/probes.ts';
import { engineGauges } from '../../server/telemetry/gauges.ts';
import { LastErrors } from '../../server/telemetry/history/last-errors.ts';
import { httpMetrics } from '../../server/telemetry/http.ts';
import { sagaMetrics } from '../../server/telemetry/metrics.ts';
import { partitionOf } from '../../stores/partition.ts';
import { connect } from '../../stores/redis/connect.ts';
import { declarationKeys, partitionKeys } from '../../stores/redis/keys.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { type NewSaga, StoreUnavailableError } from '../../stores/saga-store.ts';
import { RIGHTS, SETTINGS, TRACING } from '../engine/world.ts';
import { answers, everywhere, placed } from '../machines/placed-order.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { limitedBy } from '../server/fake-app.ts';
import { Chance } from '../simulation/seeded.ts';
import { entry, newSaga, summary } from '../stores/sagas.ts';
import { DAMAGES, type Damage } from './damage.ts';
import { until } from './until.ts';

const seed = process.env.SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(process.env.SEED);
const PARTITIONS = 2;

let server: RedisServer;
let redis: Redis;
beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.port);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const registry = new Registry();
const machine = registry.register(orderSaga(everywhere({ backoffMs: 1, backoffMaxMs: 1 })));
const ref = { id: machine.id, version: machine.version, structure: machine.structure };
const participants = {
  call: async (_: string, { step, kind }: Call) => ({
    outcome: 'done',
    answer: kind === 'action' ? answers[step] : {},
  }),
  abortAll: () => {},
  states: {},
} as unknown as Participants;

/** A saga as the engine would have stored it, due at once. */
function due(store: RedisStore, over: Partial<NewSaga> = {}): NewSaga {
  const snapshot = machine.begin(orderInput(placed));
  return newSaga(store, {
    machine: ref,
    snapshot: machine.persist(snapshot),
    summary: summary({ state: 'creatingOrder.calling', steps_completed: 0 }),
    entry: entry({ event: 'started', from: null, to: 'creatingOrder.calling', outcome: null }),
    counts: { started: 1, 'total_steps.held': 5 },
    next: { kind: 'wait', delayMs: 0 },
    ...over,
  });
}

/** One coordinator over a store of its own, beside which something can be broken. */
async function opened(prefix: string) {
  const events: EngineEvent[] = [];
  const client = connect(server.url);
  const store = await RedisStore.open({ redis: client, prefix, partitions: PARTITIONS });
  const metrics = new Metrics();
  const count = sagaMetrics(metrics, { version: '0', machines: registry.all(), participants: [] });
  const engine = new Engine(
    {
      store,
      participants,
      clock: systemClock,
      random: () => 0.5,
      observe: (event) => {
        events.push(event);
        count(event);
      },
      owner: { name: 'a', boot: await store.boot('a') },
      rights: RIGHTS,
      tracing: TRACING,
    },
    registry,
    { ...SETTINGS, pollMs: 1, declareEveryMs: 60_000, purgeEveryMs: 5, versionGoneAfterMs: 60_000 },
  );
  await engine.declare();
  engineGauges(metrics, engine);
  const shown = {
    engine,
    machines: registry.all(),
    probes: new Probes({}, {}, systemClock) as never,
    calls: { urls: {}, traceUrl: null },
    bulks: new Bulks({ engine, notes: store.notes, clock: systemClock }),
    lastErrors: new LastErrors(systemClock),
    limits: limitedBy({}),
    version: '0',
    clock: systemClock,
    session: null,
    users: null,
    theatre: null,
  };
  const app = createApp({
    ...shown,
    machine,
    waitMs: 10_000,
    publicPath: '',
    access: guard(readSettings({})),
    pages: dashboard(shown),
    metrics: httpMetrics(metrics),
    logger: pino({ level: 'silent' }),
  });
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await app.request(`http://127.0.0.1${path}`, { headers: { host: '127.0.0.1' }, ...init });
    const body = await answer.text();
    return { status: answer.status, body, json: () => JSON.parse(body) };
  };
  return { store, engine, events, ask };
}

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { host: '127.0.0.1', 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

const PAGES = [
  '/api/coordinator/sagas',
  '/api/coordinator/sagas?status=ABORTED',
  '/api/coordinator/sagas?status=STARTED',
  '/api/coordinator/sagas?status=COMPLETED',
  '/api/coordinator/sagas?limit=1',
  '/api/coordinator/sagas?stuck_for=0',
  '/api/coordinator/statistics',
  '/api/coordinator/health',
  '/metrics',
  '/readyz',
  '/',
  '/sagas',
  '/api/coordinator/audit',
  '/api/coordinator/audit.csv',
  '/api/coordinator/audit.ndjson',
  '/audit',
];

/** What the victim was doing when it was broken. */
const KINDS = ['due', 'parked', 'ended'] as const;

async function survives(damage: Damage, chance: Chance, prefix: string): Promise<void> {
  const { store, engine, events, ask } = await opened(prefix);
  const next = {
    due: { kind: 'wait', delayMs: 0 },
    parked: { kind: 'park', parked: { reason: 'claims-exhausted', held: [] } },
    ended: { kind: 'end', status: 'COMPLETED', keepMs: 0 },
  } as const;
  const held = async (kind: (typeof KINDS)[number], partition: number) => {
    const saga = due(store, { id: idIn(store, partition), next: next[kind] });
    expect((await store.create(saga)).kind).toBe('created');
    return saga.id;
  };
  // Some of them always while they run, so that no run goes without one that must be parked.
  const kind = /: (summary|revision|updated) /.test(damage.name) ? 'due' : chance.pick(KINDS);
  const victim = await held(kind, 0);
  const healthy = { due: [''], parked: [''], ended: [''] };
  for (const each of KINDS) healthy[each] = [await held(each, 0), await held(each, 1)];
  const keys = partitionKeys(prefix, 0);
  const declared = declarationKeys(prefix);
  await damage.break({ redis, keys, machine: 'order@1', id: victim, declared, chance });

  const isSaga = damage.radius === 'saga';
  // Before anybody has met it: all is shown, the victim too.
  const listed = (await ask('/api/coordinator/sagas?limit=50')).json();
  const ids = listed.sagas.map((saga: { saga_id: string }) => saga.saga_id);
  const row = listed.sagas.find((saga: { saga_id: string }) => saga.saga_id === victim);
  // What a claim writes anew in any case is no reason to stop.
  const isMended = /: (write_id|due|owner|seq) /.test(damage.name);
  if (isSaga) expect(new Set(ids)).toEqual(new Set([victim, ...Object.values(healthy).flat()]));
  else expect(new Set([...ids, ...listed.damage])).not.toEqual(new Set());
  for (const path of [`/api/coordinator/sagas/${victim}`, `/sagas/${victim}`]) {
    expect((await ask(path)).status).toBe(200);
  }

  // As once a minute. Where it cannot be told any more, that is said, and the rounds go on.
  await engine.declare().catch((error: unknown) => {
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(damage.radius).toBe('whole');
  });
  engine.open();
  // What is healthy is carried on, and new orders run.
  const stopped = (id: string) => damage.stopsWrites === true && partitionOf(id, PARTITIONS) === 0;
  const carried = healthy.due.filter((id) => !stopped(id));
  await until(async () => (await store.statuses(carried)).every((status) => status === 'COMPLETED'));
  for (const { status, body } of await Promise.all(
    [1, 2].map(() => ask('/api/coordinator/orders', post(placed))),
  )) {
    if (damage.stopsWrites) expect([201, 503]).toContain(status);
    else expect([status, JSON.parse(body).status]).toEqual([201, 'COMPLETED']);
  }
  // What is ended is purged.
  const purged = healthy.ended.filter(
    (id) => !/ended/.test(damage.name) || partitionOf(id, PARTITIONS) !== 0,
  );
  await until(async () => (await store.statuses(purged)).every((status) => status === null));
  // What is parked is retried, in bulk and alone.
  const dryRun = await ask(
    '/api/coordinator/sagas:retry',
    post({ dry_run: true, reason: 'r', filter: { status: 'ABORTED' } }),
  );
  expect(dryRun.status).toBe(200);
  const bulk = await ask(
    '/api/coordinator/sagas:retry',
    post({
      reason: 'r',
      sagas: healthy.parked.filter((id) => !stopped(id)).map((saga_id) => ({ saga_id, etag: '"1"' })),
    }),
  );
  expect([bulk.status, bulk.json().results.map(({ result }: { result: string }) => result)]).toEqual([
    200,
    healthy.parked.filter((id) => !stopped(id)).map(() => 'accepted'),
  ]);
  await until(async () =>
    (await store.statuses(healthy.parked.filter((id) => !stopped(id)))).every(
      (status) => status === 'COMPLETED',
    ),
  );
  // Everything answers, whatever it has to say.
  const answered = await Promise.all(PAGES.map(async (path) => ({ path, ...(await ask(path)) })));
  for (const { path, status, body } of answered) {
    expect([path, status]).toEqual([path, 200]);
    expect(body).not.toMatch(/\bNaN\b|undefined/);
  }
  if (!isSaga && !/declar/.test(damage.name)) {
    expect((await ask('/api/coordinator/health')).json().store.damage).not.toEqual([]);
  }
  // The victim is no trouble to anybody any more: it went on, was set aside once, or had ended.
  if (!stopped(victim)) {
    await until(async () => !(await store.due([ref], 50)).includes(victim));
    expect(await store.statuses([victim])).not.toEqual(['STARTED']);
    const told = events.filter((event) => event.type === 'unreadable').map(({ id }) => id);
    expect(told.length).toBeLessThanOrEqual(1);
    if (kind === 'due' && row?.unreadable && !isMended) {
      expect([told, await store.statuses([victim])]).toEqual([[victim], ['ABORTED']]);
    }
  }
  await engine.drain(1_000);
  await store.close();
}

function idIn(store: RedisStore, partition: number): string {
  for (;;) {
    const id = store.newId(null);
    if (partitionOf(id, PARTITIONS) === partition) return id;
  }
}

/** All, or by chance one of those that are much alike. */
function chosen(): readonly Damage[] {
  if (process.env.ALL !== undefined) return DAMAGES;
  const chance = new Chance(seed);
  const picked = new Map(DAMAGES.map(({ instead }) => [instead, chance.hits(0.5)]));
  const tried = new Set<string>();
  return DAMAGES.filter(({ instead }) => {
    if (instead === undefined) return true;
    const isFirst = !tried.has(instead);
    tried.add(instead);
    return isFirst === picked.get(instead);
  });
}

it.each(chosen().map((damage, n) => [damage.name, damage, n] as const))('%s', async (_, damage, n) => {
  try {
    await survives(damage, new Chance(seed + n), `b${n}:`);
  } catch (error) {
    throw new Error(`SEED=${seed}: ${damage.name}`, { cause: error });
  }
});
