/**
 * A real SIGKILL right before and right after every write to a real Redis, on the way forward and on the way back. What
 * there is to be hit is counted by a run without any blow. `npm run kills` plays every point; by itself the suite plays the
 * first, the last, and one in between. (Calls in flight are struck in crash.test.ts, every message on virtual time in
 * test/simulation.)
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { openWire, type Wire } from '../redis/proxy.ts';
import { type CoordinatorProcess, ORDER, openWorld, submit, type World } from './world.ts';

const PATHS = {
  forward: { order: ORDER, status: 201, undone: 0 },
  back: { order: { ...ORDER, customer_id: 'cust_unreachable' }, status: 409, undone: 4 },
} as const;
const ALL = process.env.KILLS === 'all';

let world: World;
let wire: Wire;
let alive: CoordinatorProcess;
let orders = 0;

const boot = () => world.process({ COORDINATOR_ID: 'killed', REDIS_URL: wire.url });

beforeAll(async () => {
  world = await openWorld();
  wire = await openWire(world.redis.port);
  alive = await boot();
});
afterAll(async () => {
  await world.close();
  await wire.close();
});

function placed(path: keyof typeof PATHS, key: string) {
  return submit(alive.url, PATHS[path].order, { 'idempotency-key': `"${key}"` });
}

/** How many writes a saga makes that nothing befalls. */
async function writesOf(path: keyof typeof PATHS): Promise<number> {
  orders += 1;
  const before = wire.scripts;
  expect(await placed(path, `whole-${orders}`)).toMatchObject({ status: PATHS[path].status });
  return wire.scripts - before;
}

async function strike(path: keyof typeof PATHS, write: number, fate: 'hold-request' | 'hold-reply') {
  orders += 1;
  const key = `struck-${orders}`;
  const struck = wire.strike(fate, write - 1);
  const unanswered = placed(path, key).catch(() => 'the connection was lost');
  await struck;
  await alive.end('SIGKILL');
  expect(await unanswered).toBe('the connection was lost');
  alive = await boot();

  // The client repeats its order, as it should: it joins the saga, or starts it where it was never stored.
  const { status, body } = await placed(path, key);
  const { undone } = PATHS[path];
  expect(status, `${fate} at write ${write}`).toBe(PATHS[path].status);
  const effects = world.calls(body.saga_id).filter((call) => call.endsWith('performed'));
  const forward = undone === 0 ? SERVICE_NAMES : SERVICE_NAMES.slice(0, undone);
  expect(effects, `${fate} at write ${write}`).toEqual([
    ...forward.map((service) => `${service} action performed`),
    ...SERVICE_NAMES.slice(0, undone)
      .toReversed()
      .map((service) => `${service} compensation performed`),
  ]);
}

it.each([
  ['forward', 6],
  ['back', 11],
] as const)(
  'killed before and after each write on the way %s, nothing is lost or done twice',
  {
    timeout: 300_000,
  },
  async (path, writes) => {
    // One write at the start and one for each call that has settled. More or fewer means that there is a point to look at.
    expect(await writesOf(path)).toBe(writes);
    const every = Array.from({ length: writes }, (_, index) => index + 1);
    const points = ALL ? every : every.filter((n) => n === 1 || n === writes || n === Math.ceil(writes / 2));
    for (const write of points) {
      await strike(path, write, 'hold-request');
      await strike(path, write, 'hold-reply');
    }
  },
);
