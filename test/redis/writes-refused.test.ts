/** A Redis that answers what is asked and refuses what is written: nobody sends orders to its coordinators, until it takes them. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWorld, send, submit, type World } from '../coordinator/world.ts';
import { type Observed, startObserved } from '../server/observed.ts';
import { until } from './until.ts';

let world: World;
let admin: Redis;
let coordinator: Observed;

beforeAll(async () => {
  world = await openWorld();
  admin = new Redis(world.redis.port);
  coordinator = await startObserved(world, 'info', { COORDINATOR_ID: 'writer' });
});
afterAll(async () => {
  await coordinator.stop();
  admin.disconnect();
  await world.close();
});

const ready = async () => (await send(`${coordinator.url}/readyz`)).status;
const health = async () => (await send(`${coordinator.url}/api/coordinator/health`)).body;
/** Each round tries a write while the store is away. */
const tried = async () =>
  Number(/cmdstat_hset:calls=\d+.*rejected_calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);

describe.each<[string, RegExp, () => Promise<unknown>, () => Promise<unknown>]>([
  [
    'is full',
    /it is full, and refuses writes$/,
    () => admin.config('SET', 'maxmemory', '1'),
    () => admin.config('SET', 'maxmemory', '0'),
  ],
  [
    'has too few replicas',
    /fewer replicas than its min-replicas-to-write, and refuses writes$/,
    () => admin.config('SET', 'min-replicas-to-write', '1'),
    () => admin.config('SET', 'min-replicas-to-write', '0'),
  ],
  [
    'has taken a command away',
    /commands that are missing: hset, xadd$/,
    () => admin.acl('SETUSER', 'default', '-xadd', '-hset'),
    () => admin.acl('SETUSER', 'default', '+xadd', '+hset'),
  ],
  [
    'has taken away one by which nothing is tried',
    /commands that are missing: xadd$/,
    () => admin.acl('SETUSER', 'default', '-xadd'),
    () => admin.acl('SETUSER', 'default', '+xadd'),
  ],
])('a Redis that %s', (_, words, begin, end) => {
  it('makes its coordinator unready and degraded, says why once, and all is well when it takes writes', async () => {
    await until(async () => (await ready()) === 200);
    const from = coordinator.lines.length;
    await begin();
    try {
      const { status } = await submit(coordinator.url, undefined, { prefer: 'wait=0' });
      expect(status).toBe(503);
      await until(async () => (await ready()) === 503);
      const { coordinator_status, store } = await health();
      expect([coordinator_status, store.reachable]).toEqual(['degraded', true]);
      expect(store.writes_refused).toMatch(words);
      // A few rounds more, in none of which it may seem to be well.
      const before = await tried();
      for (let asked = 0; asked < 20; asked += 1) expect(await ready()).toBe(503);
      expect(await tried()).toBeGreaterThanOrEqual(before);
    } finally {
      await end();
    }
    await until(async () => (await ready()) === 200);
    expect((await health()).store.writes_refused).toBeNull();
    await until(async () => coordinator.lines.slice(from).some((line) => line.includes('the store is back')));
    const said = coordinator.lines.slice(from).map((line) => JSON.parse(line).msg);
    expect(said.filter((line) => line === 'the store failed; this is tried again')).toHaveLength(1);
    expect(said.filter((line) => line === 'the store is back')).toHaveLength(1);
    expect((await submit(coordinator.url)).status).toBe(201);
  });
});

describe('a start', () => {
  const booted = async () => Number((await admin.hget('{boots}', 'starting')) ?? 0);

  it('waits until a Redis has the replicas that it wants before it takes a write, and says so', async () => {
    await admin.config('SET', 'min-replicas-to-write', '1');
    const lines: string[] = [];
    const starting = startObserved(world, 'info', { COORDINATOR_ID: 'starting' }, lines);
    await until(async () => lines.some((line) => line.includes('waiting for Redis')));
    expect(await booted()).toBe(0);
    await admin.config('SET', 'min-replicas-to-write', '0');
    const started = await starting;
    expect(await booted()).toBe(1);
    const waited = started.entries().filter(({ msg }) => /^waiting for Redis/.test(String(msg)));
    expect(waited).toHaveLength(1);
    expect(waited[0]?.error).toMatch(/fewer replicas than its min-replicas-to-write/);
    expect((await submit(started.url)).status).toBe(201);
    await started.stop();
  });

  it('waits for nothing where a Redis is full, which only purging can mend', async () => {
    await admin.config('SET', 'maxmemory', '1');
    const started = await startObserved(world, 'info', { COORDINATOR_ID: 'starting' });
    expect(await booted()).toBe(2);
    expect(started.lines.some((line) => line.includes('waiting for Redis'))).toBe(false);
    await admin.config('SET', 'maxmemory', '0');
    await started.stop();
  });
});

it('says in log and health that a Redis without AOF forgets', async () => {
  expect((await health()).store.durability_degraded).toBe(false);
  await admin.config('SET', 'appendonly', 'no');
  const other = await startObserved(world, 'info', { COORDINATOR_ID: 'other' });
  const { store } = (await send(`${other.url}/api/coordinator/health`)).body;
  expect(store).toMatchObject({ durability_degraded: true, durability: expect.stringMatching(/^no AOF/) });
  expect(other.entries()).toContainEqual(
    expect.objectContaining({
      level: 40,
      msg: expect.stringMatching(/^store open: durability is degraded: no AOF/),
    }),
  );
  const { body } = await send(`${other.url}/`);
  expect(String(body)).toContain('durability is degraded: no AOF');
  await other.stop();
});

it('keeps stores with different REDIS_PREFIX apart', async () => {
  const other = await startObserved(world, 'silent', { REDIS_PREFIX: 'test-', COORDINATOR_ID: 'prefixed' });
  expect((await submit(other.url)).status).toBe(201);
  expect((await send(`${other.url}/api/coordinator/statistics`)).body.total_active_sagas).toBe(1);
  expect((await admin.keys('{test-p*:saga:*')).length).toBe(1);
  await other.stop();
});
