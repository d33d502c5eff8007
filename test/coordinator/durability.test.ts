/** What stands in Redis, when, and at what price: asked of the server itself. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, submit, type World } from './world.ts';

/** What is asked of Redis from inside a service, while it has the call and has not answered it. */
let inside: () => Promise<void> = async () => {};
let world: World;
let redis: Redis;

beforeAll(async () => {
  world = await openWorld({
    clock: { now: Date.now, sleep: () => inside() },
  });
  redis = new Redis(world.redis.url);
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

/** How often Redis was asked for each command, by name. */
async function commands(): Promise<Record<string, number>> {
  const info = await redis.info('commandstats');
  return Object.fromEntries(
    [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [name, Number(calls)]),
  );
}

async function statesInRedis(): Promise<string[]> {
  const keys = await redis.keys('*:saga:*');
  const snapshots = await Promise.all(keys.map((key) => redis.hget(key, 'snapshot')));
  return snapshots.map((text) => JSON.stringify(JSON.parse(text ?? '').value));
}

it('has the state that announces a call in Redis before the call arrives, at each of the ten endpoints', async () => {
  const { url, stop } = await world.coordinator();
  const seen: string[][] = [];
  inside = async () => {
    seen.push(await statesInRedis());
  };
  for (const name of SERVICE_NAMES) {
    // A latency is slept on the service's clock, which is the way in.
    world.services[name].faults.set([
      { endpoint: 'action', kind: 'latency', latency_ms: 1 },
      { endpoint: 'compensation', kind: 'latency', latency_ms: 1 },
    ]);
  }
  const { status } = await submit(url, { ...ORDER, customer_id: 'cust_unreachable' });
  inside = async () => {};
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
  await stop();

  expect(status).toBe(409);
  expect(seen).toEqual(
    [
      'creatingOrder',
      'reservingInventory',
      'processingPayment',
      'schedulingShipping',
      'sendingNotification',
      'cancellingNotification',
      'cancellingShipping',
      'refundingPayment',
      'releasingInventory',
      'cancellingOrder',
    ].map((state) => [JSON.stringify({ [state]: 'calling' })]),
  );
});

it('spends six EVALSHA on a success of five steps, and nothing else but the polls', async () => {
  const { url, stop } = await world.coordinator();
  await submit(url);
  const monitor = connect(world.redis.socketPath);
  const lines = createInterface({ input: monitor })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  monitor.write('MONITOR\r\n');
  expect(await next()).toBe('+OK');

  const { status } = await submit(url);
  // Commands are shown in the order in which they were executed, so when this one is, all before it were.
  await redis.echo('done');
  const spent: string[] = [];
  for (let line = await next(); !line.includes('"echo"'); line = await next()) {
    const [, source = '', command = ''] = /^\+\S+ \[\d+ (\S+)\] "(\w+)"/.exec(line) ?? [];
    // What a script does is shown with the source `lua`; only what a client sends is a round trip.
    if (source !== 'lua') spent.push(command.toLowerCase());
  }
  monitor.destroy();
  await stop();

  expect(status).toBe(201);
  const ofThePoll = new Set(['zrangebyscore', 'time']);
  expect(spent.filter((command) => !ofThePoll.has(command))).toEqual(
    Array.from({ length: 6 }, () => 'evalsha'),
  );
});

it('runs no script while it is idle, however often it polls', async () => {
  const { stop } = await world.coordinator();
  const before = await commands();
  let polled = before;
  while ((polled.zrangebyscore ?? 0) < (before.zrangebyscore ?? 0) + 200) polled = await commands();
  await stop();

  expect(polled.evalsha).toBe(before.evalsha);
});

it('stores no key with a time to live', async () => {
  for (const key of await redis.keys('*')) expect(await redis.pttl(key)).toBe(-1);
});
