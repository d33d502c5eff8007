/** What a saga costs in things that can be counted, so that a regression shows on any machine. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../redis/until.ts';
import { openWorld, submit, type World } from './world.ts';

const SAGAS = 40;
/**
 * Of one write: the snapshot is half of it. Measured 1,950, and 2,260 where sagas come to rest before all have been answered: then their
 * lines are sent, twice at first, since Redis does not know the script.
 */
const BYTES_SENT_MAX = 2_350;
/** Of a saga that has ended, with its log in it. Measured 872, and 1000 where its calls took long: the allocator has nothing between. */
const BYTES_KEPT_MAX = 1_010;
/** Measured 52,000, where XState alone made the transitions 153,000; code that is not compiled yet allocates more. */
const ALLOCATED_MAX = 85_000;

let world: World;
let redis: Redis;
beforeAll(async () => {
  world = await openWorld();
  redis = new Redis(world.redis.url);
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
});

/** Bytes that Redis has read, and scripts that it has run. */
async function received(): Promise<{ bytes: number; scripts: number }> {
  const info = await redis.info('everything');
  const number = (pattern: RegExp) => Number(pattern.exec(info)?.[1]);
  return {
    bytes: number(/total_net_input_bytes:(\d+)/),
    scripts: number(/cmdstat_evalsha:calls=(\d+)/),
  };
}

it('is bounded in bytes sent to Redis, and in bytes kept there', async () => {
  // Polls would be counted along.
  const { url, stop } = await world.coordinator({ POLL_MS: '60000' });
  const first = await submit(url);
  const before = await received();
  const answers = await Promise.all(Array.from({ length: SAGAS }, () => submit(url)));
  const after = await received();
  const keysOfFirst = () => redis.keys(`*${first.body.saga_id}`);
  // Whole as it was written, and its log; then it rests.
  await until(async () => (await keysOfFirst()).length === 1);
  await stop();
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: SAGAS }, () => 201));

  // A call that was slow on a busy machine is repeated, and written of.
  const ids = answers.map(({ body }) => body.saga_id);
  const seqs = await Promise.all(ids.map((id) => redis.hget(`{p${id.slice(0, 2)}}:saga:${id}`, 'seq')));
  const writes = seqs.reduce((sum, seq) => sum + Number(seq), 0);
  expect(writes).toBeGreaterThanOrEqual(6 * SAGAS);
  expect((after.bytes - before.bytes) / writes).toBeLessThan(BYTES_SENT_MAX);
  // Those of one turn are one call.
  expect(after.scripts - before.scripts).toBeLessThan(writes);

  const [key = ''] = await keysOfFirst();
  expect(await redis.memory('USAGE', key, 'SAMPLES', 0)).toBeLessThan(BYTES_KEPT_MAX);
});

it('is bounded in bytes that the kernel allocates', async () => {
  // Room for all of it, so that nothing is collected meanwhile.
  const execArgv = ['--import', 'tsx', '--max-semi-space-size=512', '--min-semi-space-size=512'];
  const child = fork(fileURLToPath(new URL('./allocating.ts', import.meta.url)), { execArgv });
  const [perSaga] = (await once(child, 'message')) as [number];
  expect(perSaga).toBeGreaterThan(10_000);
  expect(perSaga).toBeLessThan(ALLOCATED_MAX);
});
