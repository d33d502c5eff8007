/**
 * `npm run bench:kernel`: what the parts cost that are ours alone, so that a regression of one shows where the whole
 * would hide it. Microseconds of the best of some rounds, since anything else that runs only ever adds to them. With `-- --kernel`
 * without what Redis does.
 */
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { RedisStore } from '../stores/redis/redis-store.ts';
import { Keyring } from '../stores/sealing/keyring.ts';
import { sealWrite } from '../stores/sealing/seal.ts';
import { startRedis } from '../test/redis-server.ts';
import { newSaga, write } from '../test/stores/sagas.ts';
import { runSaga } from './kernel-saga.ts';
import { table } from './report.ts';

const ROUNDS = 8;
const SAGAS = 3000;
/** About as long as an order's. */
const SNAPSHOT = JSON.stringify({ context: 'x'.repeat(1000) });

const best = new Map<string, number>();
const note = (part: string, us: number) => best.set(part, Math.min(best.get(part) ?? us, us));

/** Sagas between two looks at the clock that count: few, so that some of them meet a moment in which nothing else runs. */
const STRETCH = 200;

function kernel(): void {
  const sums = new Map<string, { ms: number; calls: number }>();
  for (let n = 0; n < STRETCH; n += 1) {
    runSaga((part, run) => {
      const sum = sums.get(part) ?? { ms: 0, calls: 0 };
      sums.set(part, sum);
      const began = performance.now();
      const result = run();
      sum.ms += performance.now() - began;
      sum.calls += 1;
      return result;
    });
  }
  for (const [part, { ms, calls }] of sums) note(`kernel: ${part}`, (ms * 1000) / calls);
}

/** What commits and looks at records cost more where they are sealed. */
function sealing(): void {
  const ring = new Keyring([{ id: 'k1', secret: randomBytes(32) }]);
  const timed = (part: string, run: (id: string) => unknown) => {
    const began = performance.now();
    for (let saga = 0; saga < STRETCH / 10; saga += 1) {
      const id = `00-${saga}`;
      // About as many as a saga of five steps makes: its own key is derived once.
      for (let n = 0; n < 6; n += 1) run(id);
    }
    note(`sealing: ${part}`, ((performance.now() - began) * 1000) / (STRETCH / 10) / 6);
  };
  const one = write({ snapshot: SNAPSHOT });
  timed('a commit, secrets', (id) => sealWrite(ring, 'secrets', id, one));
  timed('a commit, whole', (id) => sealWrite(ring, 'whole', id, one));
  const sealed = new Map<string, string>();
  timed('sealing a snapshot alone', (id) => sealed.set(id, ring.seal(id, 'snapshot', SNAPSHOT)));
  timed('opening it', (id) => ring.open(id, 'snapshot', sealed.get(id) ?? ''));
}

/** As Redis itself counts it, without the way there and back. */
async function scripts(redis: Redis, store: RedisStore): Promise<void> {
  const spent = async (part: string, work: () => Promise<unknown>) => {
    await redis.config('RESETSTAT');
    await work();
    const found = /cmdstat_evalsha:.*usec_per_call=([\d.]+)/.exec(await redis.info('commandstats'));
    note(`Redis: ${part}`, Number(found?.[1]));
  };
  const sagas = Array.from({ length: SAGAS }, () => ({
    ...newSaga(store),
    snapshot: SNAPSHOT,
    counts: { started: 1, 'total_steps.held': 5 },
  }));
  await spent('create', () => Promise.all(sagas.map((saga) => store.create(saga))));
  await spent('commit', () =>
    Promise.all(
      sagas.map(({ id, writeId }) =>
        store.commit(
          id,
          { revision: 1, writeId },
          write({ snapshot: SNAPSHOT, counts: { 'completed_steps.held': 1 } }),
        ),
      ),
    ),
  );
}

/** The scripts' part of each round, and the end of what it needs. */
async function withRedis(): Promise<{ round(): Promise<void>; end(): Promise<void> }> {
  const server = await startRedis({ appendonly: true });
  const redis = new Redis(server.socketPath);
  const store = await RedisStore.open({ redis: new Redis(server.socketPath), inFlightMax: 10_000_000 });
  // A script is known to Redis by its hash from its first run on.
  const first = newSaga(store);
  await store.create(first);
  await store.commit(first.id, { revision: 1, writeId: first.writeId }, write());
  return {
    round: () => scripts(redis, store),
    async end() {
      await store.close();
      redis.disconnect();
      await server.stop();
    },
  };
}

const inRedis = process.argv.includes('--kernel') ? null : await withRedis();
for (let round = 1; round <= ROUNDS; round += 1) {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[2Kround ${round} of ${ROUNDS}`);
  for (let n = 0; n < SAGAS; n += STRETCH) kernel();
  for (let n = 0; n < SAGAS; n += STRETCH) sealing();
  await inRedis?.round();
}
if (process.stdout.isTTY) process.stdout.write('\r\x1b[2K');
await inRedis?.end();
const rows = [...best].map(([part, us]) => [part, us.toFixed(1)]);
process.stdout.write(`${table(['', 'µs each'], rows)}\n`);
