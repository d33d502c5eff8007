/**
 * `npm run bench:recovery -- --sagas 10000`: a coordinator is ended by SIGKILL with so many sagas in flight, and started
 * again: how soon all of them move, and how fast they end. `--in-hand 20000` lets it hold that many at once, and queue as many
 * calls. `--write` puts the figures into docs/performance.md. Exit code 1 where a saga or a call was lost.
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { connect } from '../stores/redis/connect.ts';
import { RedisStore } from '../stores/redis/redis-store.ts';
import type { Page } from '../stores/saga-store.ts';
import { hold, letGo, noteSagas, sagasSeen } from './held-back.ts';
import { drive } from './load.ts';
import { endAll, keptRedis, startCoordinator, startStub } from './processes.ts';
import { type Recovered, recoveredOf, type Tale } from './recovered.ts';
import { table } from './report.ts';
import { printed, progress, refuse, runBounded, surroundings, whole, writeDown } from './script.ts';

const RUN_MAX_MS = 3600_000;
const CLIENTS = 64;
const WAIT_MAX_MS = 300_000;
const LOOK_EVERY_MS = 100;
const HELD = '/api/payments/process';
const DONE_BEFORE = ['/api/orders', '/api/inventory/reserve'];
const LEFT = [HELD, '/api/shipping/schedule', '/api/notifications/send'];

const { values } = parseArgs({
  options: {
    sagas: { type: 'string' },
    'in-hand': { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const { quick, write } = values;
if (quick && write) refuse('--quick measures too little to be written down');
const sagas = whole('sagas', values.sagas, quick ? 1000 : 10_000, 100, 50_000);
const inHand = values['in-hand'];
if (inHand !== undefined) whole('in-hand', inHand, 0, 100, 100_000);
const ordersNormally = quick ? 500 : 10_000;
const ordersWarm = quick ? 500 : 5000;

/** Steps that running sagas have done: while they run, these stand in their records alone. */
async function stepsDone(store: RedisStore): Promise<number> {
  let steps = 0;
  let cursor: string | null = null;
  do {
    const page: Page = await store.list({ status: 'STARTED' }, cursor, 500);
    for (const { summary } of page.sagas) steps += summary.steps_completed;
    cursor = page.cursor;
  } while (cursor !== null);
  return steps;
}

async function run(): Promise<void> {
  progress('starting');
  const stub = await startStub();
  const redis = await keptRedis({
    appendonly: true,
    appendfsync: 'everysec',
    settings: { 'auto-aof-rewrite-percentage': '0' },
  });
  const settings = {
    // Held back for longer than it takes to start all of them: nobody is to give up meanwhile.
    PAYMENT_ACTION_TIMEOUT_MS: String(WAIT_MAX_MS),
    ...(inHand !== undefined && { SAGAS_IN_HAND_MAX: inHand, PARTICIPANT_QUEUE_MAX: inHand }),
  };
  const start = () => startCoordinator({ stubUrl: stub.url, redis, settings });
  const first = await start();
  const store = await RedisStore.open({ redis: connect(`unix://${redis.socketPath}`) });
  const order = (orders: number, async = false) =>
    drive({ url: first.url, clients: CLIENTS, orders, declined: false, async });

  progress('warming up');
  await order(ordersWarm);
  progress(`${ordersNormally} orders as usual`);
  const normal = await order(ordersNormally);

  progress(`${sagas} orders whose payment is held back`);
  await hold(stub.url, HELD);
  await noteSagas(stub.url);
  const { statuses } = await order(sagas, true);
  if (statuses[202] !== sagas) throw new Error(`Not all were begun: ${JSON.stringify(statuses)}`);
  const ids = await eventually(`${sagas} sagas before payment`, async () => {
    const seen = [...(await sagasSeen(stub.url))];
    const isStanding = seen.length === sagas && (await stepsDone(store)) === sagas * DONE_BEFORE.length;
    return isStanding ? seen.map(([id]) => id) : null;
  });

  await first.kill();
  const killedAtMs = Date.now();
  await letGo(stub.url);
  await noteSagas(stub.url);
  const commandsBefore = await commandsOf(redis.socketPath);
  progress(`restarted with ${sagas} sagas in flight`);
  await start();
  const readyAtMs = Date.now();
  await eventually('the end of all sagas', async () => {
    const { statuses: held } = await store.statistics();
    progress(
      `${((Date.now() - readyAtMs) / 1000).toFixed(1)} s after the restart: ${held.STARTED} in flight`,
    );
    return held.STARTED === 0 ? true : null;
  });

  const commandsAfter = await commandsOf(redis.socketPath);
  const perSaga = (of: 'scripts' | 'looks') => (commandsAfter[of] - commandsBefore[of]) / sagas;

  const seen = await sagasSeen(stub.url);
  const tales: Tale[] = [];
  for (let from = 0; from < ids.length; from += 500) {
    const some = ids.slice(from, from + 500).map(async (id) => {
      const called = seen.get(id);
      return {
        id,
        log: await store.log(id),
        calls: called?.calls ?? {},
        firstCallAtMs: called?.firstCallAtMs ?? null,
      };
    });
    tales.push(...(await Promise.all(some)));
  }
  await store.close();
  await endAll();
  const recovered = recoveredOf(tales, { killedAtMs, readyAtMs, left: LEFT });
  const report = reportOf(recovered, {
    normalPerSecond: ordersNormally / normal.seconds,
    restartMs: readyAtMs - killedAtMs,
    scripts: perSaga('scripts'),
    looks: perSaga('looks'),
  });
  printed(report);
  if (recovered.wrong.length > 0) {
    throw new Error(
      `${recovered.wrong.length} sagas were not carried on well: ${recovered.wrong.slice(0, 5).join('; ')}`,
    );
  }
  if (write) writeDown('npm run bench:recovery -- --write', report);
}

/** How many scripts Redis ever ran, and how often it was asked for a range of an index, which no script does. */
async function commandsOf(socketPath: string): Promise<{ readonly scripts: number; readonly looks: number }> {
  const redis = new Redis(socketPath);
  const info = await redis.info('commandstats');
  redis.disconnect();
  const calls = (name: string) =>
    Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { scripts: calls('evalsha'), looks: calls('zrangebyscore') + calls('zrangebylex') };
}

/** Asks until there is an answer other than null. */
async function eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  const until = performance.now() + WAIT_MAX_MS;
  while (performance.now() < until) {
    const answer = await ask();
    if (answer !== null) return answer;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new Error(`Waited in vain for ${what}`);
}

interface Around {
  readonly normalPerSecond: number;
  readonly restartMs: number;
  /** Of Redis, per saga. */
  readonly scripts: number;
  readonly looks: number;
}

function reportOf(recovered: Recovered, { normalPerSecond, restartMs, scripts, looks }: Around): string {
  const at = surroundings();
  const { movingMs, takenOverMs, endedPerSecond, calls } = recovered;
  const stepsNormally = normalPerSecond * (DONE_BEFORE.length + LEFT.length);
  const steps = endedPerSecond * LEFT.length;
  const against = (a: number, b: number) => `${a.toFixed(0)} / ${b.toFixed(0)} = ${(a / b).toFixed(2)}`;
  return [
    `${at.date}, Node ${at.node}, Redis ${at.redis} with \`appendfsync everysec\`, ${at.machine}. ${sagas} sagas, each with ` +
      `payment announced, ${inHand === undefined ? 'default settings' : `\`SAGAS_IN_HAND_MAX\` and \`PARTICIPANT_QUEUE_MAX\` ${inHand}`}. ` +
      `Ready ${(restartMs / 1000).toFixed(1)} s after the kill.`,
    table(
      ['since the coordinator was ready', ''],
      [
        ['what the killed one held is taken over, s', (takenOverMs / 1000).toFixed(2)],
        ['half of the sagas have moved, s', (movingMs.half / 1000).toFixed(2)],
        ['all of them have moved, s', (movingMs.all / 1000).toFixed(2)],
        ['sagas ended per second, to before', against(endedPerSecond, normalPerSecond)],
        ['steps done per second, to before', against(steps, stepsNormally)],
        ['calls put off, per saga', recovered.deferrals.toFixed(2)],
        ['taken over from the killed one, per saga', recovered.takeovers.toFixed(2)],
        ['scripts run in Redis, per saga', scripts.toFixed(1)],
        ['looks at its indexes, per saga', looks.toFixed(1)],
        ['calls repeated within a saga', String(calls.repeated)],
        ['calls or sagas lost', String(recovered.wrong.length)],
      ],
    ),
  ].join('\n\n');
}

runBounded(run, RUN_MAX_MS);
