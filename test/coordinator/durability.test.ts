/** What stands in Redis, when, and at what price: asked of the server itself. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { SCRIPTS } from '../../stores/redis/scripts.ts';
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

/** What clients send, one command after the other, from now on; scripts by their names, where Redis knows them. */
async function watched(): Promise<{ next(): Promise<string>; end(): void }> {
  const monitor = connect(world.redis.socketPath);
  const lines = createInterface({ input: monitor })[Symbol.asyncIterator]();
  monitor.write('MONITOR\r\n');
  expect(String((await lines.next()).value)).toBe('+OK');
  const next = async (): Promise<string> => {
    for (;;) {
      const [, source, command = '', first] =
        /^\+\S+ \[\d+ (\S+)\] "(\w+)"(?: "(\w+)")?/.exec(String((await lines.next()).value)) ?? [];
      // What a script does is shown with the source `lua`; only what a client sends is a round trip.
      if (source === 'lua') continue;
      const script = Object.entries(SCRIPTS).find(([, { sha }]) => sha === first);
      return script ? `${script[0]}.lua` : command.toLowerCase();
    }
  };
  return { next, end: () => monitor.destroy() };
}

/** Its first round is at its start, and there is no other within a test. */
const UNPOLLED = { POLL_MS: '3600000' };

it.each([
  {
    name: 'a success of five steps',
    order: ORDER,
    status: 201,
    scripts: ['begin', 'advance', 'advance', 'advance', 'advance', 'finish'],
  },
  {
    name: 'payment that is declined',
    order: { ...ORDER, payment: { method: 'card', token: 'tok_declined' } },
    status: 409,
    scripts: ['begin', 'advance', 'advance', 'advance', 'advance', 'advance', 'finish'],
  },
])(
  'spends one script a write on $name, each a lean one, and nothing else',
  async ({ order, ...expected }) => {
    const { url, stop } = await world.coordinator(UNPOLLED);
    await submit(url, order);
    const { next, end } = await watched();
    const { status } = await submit(url, order);
    // Commands are shown in the order in which they were executed, so when this one is, all before it were.
    await redis.echo('done');
    const spent: string[] = [];
    for (let command = await next(); command !== 'echo'; command = await next()) spent.push(command);
    end();
    await stop();

    expect(status).toBe(expected.status);
    expect(spent).toEqual(expected.scripts.map((script) => `${script}.lua`));
  },
);

it('sends one script a poll while it is idle, and nothing else', async () => {
  // So often that what comes every ten seconds is rare among them; nothing is in hand, so that it looks ten times as rarely.
  const { stop } = await world.coordinator({ POLL_MS: '2' });
  const { next, end } = await watched();
  const sent: string[] = [];
  while (sent.length < 250) sent.push(await next());
  end();
  await stop();
  // What a coordinator looks for once, at its start, is over by then.
  sent.splice(0, 200);

  // Whether a write is taken is tried every twenty seconds, the time is asked for every thirty; where sagas stand is counted for the
  // history first after ten.
  const others = sent.filter((command) => !/\.lua$|^evalsha$/.test(command));
  expect(others.filter((command) => !['eval', 'hset', 'hget', 'time', 'zadd'].includes(command))).toEqual([]);
  expect(sent.length - others.length).toBeGreaterThan(20);
});

it('stores no key with a time to live', async () => {
  for (const key of await redis.keys('*')) expect(await redis.pttl(key)).toBe(-1);
});
