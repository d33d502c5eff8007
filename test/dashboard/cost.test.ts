/** What a page costs Redis: the same, however many sagas there are. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { openWorld, send, type World } from '../coordinator/world.ts';
import { begin, end, park, summary } from '../stores/sagas.ts';

/** Every page is full with these. */
const SOME = 600;
const MANY = 10_000;
const BATCH = 400;

let world: World;
let url: string;
let store: RedisStore;
let redis: ReturnType<typeof connect>;

beforeAll(async () => {
  world = await openWorld();
  // What it does by itself would be counted, too.
  url = (await world.coordinator({ POLL_MS: '3600000', FAULTS: '1' })).url;
  redis = connect(world.redis.url);
  store = await RedisStore.open({ redis });
});
afterAll(async () => {
  await store?.close();
  await world?.close();
});

interface Filled {
  readonly id: string;
  readonly label: string;
}

/** Every fourth is parked. */
async function fill(from: number, to: number): Promise<Filled[]> {
  const all: Filled[] = [];
  for (let at = from; at < to; at += BATCH) {
    const some = Array.from({ length: Math.min(BATCH, to - at) }, async (_, index) => {
      const label = `o-${at + index}`;
      const { id } = await begin(store, {
        next: (at + index) % 4 === 0 ? park : end(),
        summary: summary({ label }),
        terms: [{ name: 'label', value: label }],
      });
      return { id, label };
    });
    all.push(...(await Promise.all(some)));
  }
  return all;
}

/** Whoever began in the same millisecond, in the same partition, is looked at beside what is sought. */
function aloneIn(sagas: readonly Filled[]): Filled {
  const began = ({ id }: Filled) => id.slice(0, '00-01a230d1-b0d0'.length);
  const counts = new Map<string, number>();
  for (const saga of sagas) counts.set(began(saga), (counts.get(began(saga)) ?? 0) + 1);
  const alone = sagas.find((saga) => counts.get(began(saga)) === 1);
  if (alone === undefined) throw new Error('no saga began in a millisecond of its own');
  return alone;
}

/** Reads, by name. */
async function reads(): Promise<number> {
  const stats = await redis.info('commandstats');
  const names = [
    'hgetall',
    'hget',
    'hmget',
    'mget',
    'zrangebylex',
    'zrevrangebylex',
    'zcard',
    'lrange',
    'zrange',
    'xrevrange',
    'xread',
    'evalsha',
  ];
  return names.reduce(
    (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  );
}

/** The least of a few: what the coordinator does by itself meanwhile can only add to it. */
async function costOf(path: string): Promise<number> {
  const counted: number[] = [];
  for (let at = 0; at < 5; at++) {
    const before = await reads();
    const { status } = await send(url + path, { headers: { accept: 'text/html' } });
    expect(status, path).toBe(200);
    counted.push((await reads()) - before);
  }
  return Math.min(...counted);
}

it('10,000 sagas cost a page as many commands as a few hundred', async () => {
  const { id, label } = aloneIn(await fill(0, SOME));
  const q = `q=${label}`;
  const hits = [`/sagas?${q}`, `/sagas?${q}&by=label`, `/sagas?q=${id}`, `/api/coordinator/sagas?${q}`];
  const paths = ['/', '/sagas', '/sagas?status=ABORTED', `/sagas/${id}`, '/machines', '/theatre', ...hits];
  const costs = async () => {
    const found: Record<string, number> = {};
    for (const path of paths) found[path] = await costOf(path);
    return found;
  };
  const few = await costs();
  await fill(SOME, MANY);
  const { body } = await send(`${url}/api/coordinator/statistics`);
  expect(body.total_active_sagas).toBe(MANY);
  expect(await costs()).toEqual(few);
  expect(Math.max(...Object.values(few))).toBeLessThan(400);
  // With nobody there who follows what happens: the end of the feed has to be asked for.
  expect(few['/']).toBeLessThanOrEqual(60);
  // What somebody types is found at once.
  for (const path of hits) expect(few[path], path).toBeLessThanOrEqual(10);
});
