/**
 * The soak: orders for an hour, while services fail, coordinators die, stand and are replaced by the next release, Redis and the
 * wires to it fail, what has ended is purged after minutes, and people look on. One coordinator is left to live through it all: what
 * it holds must not grow.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { clockKey } from '../../stores/redis/keys.ts';
import { beginPlacing, keyed } from '../chaos/clients.ts';
import { Clocks } from '../chaos/clocks.ts';
import { Dice } from '../chaos/dice.ts';
import { type Member, openFleet } from '../chaos/fleet.ts';
import { type Ground, openGround, worldFor } from '../chaos/ground.ts';
import { KILLED, OF_COORDINATORS, OF_SERVICE_WIRES } from '../chaos/mishaps.ts';
import { type FaultProxy, openProxy } from '../chaos/proxy.ts';
import { setServiceFaults } from '../chaos/service-faults.ts';
import { beginStorm, type Mishap } from '../chaos/storm.ts';
import { type Environment, openWorld, send } from '../coordinator/world.ts';
import { beginLooking } from './onlookers.ts';
import { type Reading, Readings } from './readings.ts';
import { Witness } from './witness.ts';

export interface SoakOptions {
  readonly minutes: number;
  readonly ordersASecond: number;
  readonly seed: number;
  /** About how long from one mishap to the next; a deployment is one of them. */
  readonly gapMs: number;
  readonly retentionMs: number;
  /** From one reading to the next. */
  readonly everyMs: number;
  /** Whether it waits at the end until all is purged. */
  readonly untilPurged: boolean;
  /** The kinds of mishaps; all unless said. */
  readonly only?: RegExp;
  readonly onRow?: (row: Row) => void;
}

/** What an interval has come to. */
export interface Row extends Reading {
  readonly started: number;
  readonly ended: number;
  readonly running: number;
  readonly parked: number;
  readonly mishaps: number;
  readonly release: number;
}

export interface SoakReport {
  readonly problems: readonly string[];
  readonly rows: readonly Row[];
  readonly hits: ReadonlyMap<string, number>;
  readonly tallies: Readonly<Record<string, number>>;
}

const ENVIRONMENT: Environment = {
  POLL_MS: '100',
  CONNECT_TIMEOUT_MS: '500',
  ACTION_TIMEOUT_MS: '2500',
  COMPENSATION_TIMEOUT_MS: '2500',
  LEASE_MARGIN_MS: '250',
  ACTION_ATTEMPTS_MAX: '4',
  COMPENSATION_ATTEMPTS_MAX: '4',
  ACTION_BACKOFF_MS: '20',
  ACTION_BACKOFF_MAX_MS: '300',
  COMPENSATION_BACKOFF_MS: '20',
  COMPENSATION_BACKOFF_MAX_MS: '300',
  DRAIN_MS: '5000',
};
/** The first lives through all, on the first release; the others are killed, and replaced by release after release. */
const NAMES = ['old', 'bob', 'cyd'] as const;
/** Redis's clock would purge what nobody has looked at yet; a slow load would be most of the hour. */
const NOT_HERE = /Redis's clock|loading its data/;
const ROUND_MS = 2_000;
const SETTLING_MS_MAX = 300_000;
/** Coordinators look once a minute for what is to be purged. */
const PURGE_MS_MAX = 180_000;

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { minutes, ordersASecond, seed, gapMs, retentionMs, everyMs, only = /./, onRow } = options;
  const world = await openWorld({
    clock: { now: Date.now, sleep: (ms) => pause(ms) },
    redis: await worldFor('one'),
  });
  const clocks = new Clocks();
  const wires = new Map<string, FaultProxy>();
  const fleet: Member[] = [];
  let ground: Ground | null = null;
  try {
    ground = await openGround('one', world);
    for (const name of SERVICE_NAMES) wires.set(name, await openProxy(world.services[name].port));
    const urls = [...wires].map(([name, { port }]) => [
      `${name.toUpperCase()}_SERVICE_URL`,
      `http://127.0.0.1:${port}`,
    ]);
    const environment = { ...ENVIRONMENT, ...Object.fromEntries(urls) };
    const pretence = { clocks: clocks.file, retentionMs, release: 1 };
    const [old] = NAMES;
    fleet.push(...(await openFleet(world, { names: NAMES, environment, pretence, inspected: [old] })));
    const [steady, ...replaced] = fleet as [Member, ...Member[]];
    const readings = await Readings.begin(steady, world.redis.url);

    let release = 1;
    const deployment: Mishap = {
      name: 'next release deployed, one coordinator after the other',
      victims: () => [
        {
          names: replaced.map(({ name }) => name),
          strike: async () => {
            release += 1;
            for (const member of replaced) await member.replace({ ...pretence, release });
            return 1;
          },
        },
      ],
    };
    const killed: Mishap = { ...KILLED, victims: (scene) => KILLED.victims({ ...scene, fleet: replaced }) };
    const kinds = [
      deployment,
      ...[killed, ...OF_COORDINATORS.filter((kind) => kind !== KILLED)],
      ...OF_SERVICE_WIRES,
      ...ground.mishaps,
    ].filter(({ name }) => only.test(name) && !NOT_HERE.test(name));

    const beganAt = performance.now();
    const passedMs = () => performance.now() - beganAt;
    setServiceFaults(world.services, seed);
    const dice = new Dice(seed);
    const storm = beginStorm(kinds, { fleet, clocks, serviceWires: wires, dice }, gapMs);
    const clients = beginPlacing(keyed(seed), fleet, ordersASecond, seed);
    const ids = () => clients.acknowledged.map(({ sagaId }) => sagaId);
    const onlookers = beginLooking(fleet, ids, new Dice(seed), { watchers: 4, browsers: 3 });
    const witness = new Witness(world, clients);
    const problems: string[] = [];
    const rows: Row[] = [];
    const anybody = () => new Dice(Math.round(passedMs())).pick(fleet).url;
    let isWatched = true;
    // What has ended is looked at before it is purged, so it never rests for long.
    const watching = (async () => {
      while (isWatched) {
        await witness.round(anybody()).catch((error: Error) => excused(error, problems));
        await pause(ROUND_MS);
      }
    })();

    const row = async (): Promise<void> => {
      const reading = await readings.take(passedMs());
      const counts = await balanced(fleet, problems);
      if (reading === null || counts === null) return;
      const mishaps = [...storm.hits.values()].reduce((sum, times) => sum + times, 0);
      rows.push({ ...reading, ...counts, mishaps, release });
      onRow?.(rows.at(-1) as Row);
    };
    let rowAt = everyMs;
    while (passedMs() < minutes * 60_000) {
      await pause(Math.min(rowAt, minutes * 60_000) - passedMs());
      rowAt += everyMs;
      await row();
    }

    const placed = clients.end();
    await storm.end();
    for (const member of fleet.filter((one) => one.isGone())) {
      problems.push(`coordinator ${member.name} ended by itself`);
      await member.restartAfterFailure();
    }
    await placed;
    await clients.close();
    for (const name of SERVICE_NAMES) world.services[name].faults.clear();
    const until = async (holds: () => boolean | Promise<boolean>, msMax: number) => {
      const from = performance.now();
      while (!(await holds()) && performance.now() - from < msMax) await pause(200);
      return holds();
    };
    const allEnded = () => witness.open === 0 && witness.ended >= clients.acknowledged.length;
    if (!(await until(allEnded, SETTLING_MS_MAX)))
      problems.push(`${witness.open} sagas have not ended, although all was mended`);
    isWatched = false;
    await watching;
    const missed = () => ids().filter((id) => witness.has(id) && !onlookers.ended.has(id)).length;
    if (!(await until(() => onlookers.tally.gaps > 0 || missed() === 0, 10_000)))
      problems.push(`the events have not told of the end of ${missed()} sagas, and of no gap`);
    await onlookers.end();
    await row();

    const acknowledged = clients.acknowledged.length;
    const counted = { started: acknowledged, ended: witness.ended, running: 0, parked: 0 };
    const said = await balanced(fleet, problems);
    if (JSON.stringify(said) !== JSON.stringify(counted))
      problems.push(`the statistics say ${JSON.stringify(said)}, and it was ${JSON.stringify(counted)}`);
    if (options.untilPurged) {
      const held = async () => (await readings.take(passedMs()))?.held;
      if (!(await until(async () => (await held()) === 0, retentionMs + PURGE_MS_MAX)))
        problems.push(`${await held()} sagas were not purged`);
      const after = await balanced(fleet, problems);
      if (JSON.stringify(after) !== JSON.stringify(counted))
        problems.push(`once all was purged the statistics say ${JSON.stringify(after)}`);
    }
    readings.close();
    const [clockHolder] = await ground.masters();
    const moved = await clockHolder?.hget(clockKey(''), 'shift');
    if (moved) problems.push(`Redis's clock was never set, and the store's time is ${moved} ms ahead of it`);
    const log = fleet.flatMap((member) => member.log());
    const told = (msg: RegExp) => log.filter((line) => msg.test(String(line.msg))).length;
    return {
      problems: [
        ...problems,
        ...clients.givenUp,
        ...clients.unexpected,
        ...onlookers.unexpected,
        ...witness.verdict(),
        ...log
          .filter(({ level }) => Number(level) >= 60)
          .map(({ msg, err }) => `${msg}: ${JSON.stringify(err)}`),
      ],
      rows,
      hits: storm.hits,
      tallies: {
        'orders acknowledged': acknowledged,
        'requests that clients repeated': clients.repeated,
        COMPLETED: witness.count('COMPLETED'),
        FAILED: witness.count('FAILED'),
        'parked, and retried by the operator': witness.parkings,
        'migrated to a later release': witness.migrated,
        'events heard': onlookers.tally.events,
        'streams that were followed on': onlookers.tally.resumed,
        gaps: onlookers.tally.gaps,
        'pages looked at': onlookers.tally.pages,
        'errors in the logs': log.filter(({ level }) => Number(level) === 50).length,
        'times a coordinator lost sight of Redis': told(/^the store failed/),
      },
    };
  } finally {
    await Promise.all(fleet.map((member) => member.kill()));
    await Promise.all([...fleet.map(({ wire }) => wire), ...wires.values()].map((wire) => wire?.close()));
    await ground?.close();
    await world.close();
    clocks.close();
  }
}

type Counts = Pick<Row, 'started' | 'ended' | 'running' | 'parked'>;

/** Partitions are read one after the other, and sagas go on meanwhile: what is asked often enough is seen in one moment. */
const ASKED_MAX = 200;

/** `null` where nobody has an answer. */
async function balanced(fleet: readonly Member[], problems: string[]): Promise<Counts | null> {
  let said: Counts | null = null;
  for (let asked = 0; asked < ASKED_MAX; asked += 1) {
    const url = fleet[asked % fleet.length]?.url;
    const answer = await send(`${url}/api/coordinator/statistics`).catch(() => null);
    if (answer === null || answer.status !== 200) {
      await pause(50);
      continue;
    }
    const { started = 0, completed = 0, failed = 0 } = answer.body.machines.order ?? {};
    const { in_flight: running, parked } = answer.body;
    said = { started, ended: completed + failed, running, parked };
    if (started === said.ended + running + parked) return said;
  }
  if (said !== null)
    problems.push(`started is not ended, running and parked together: ${JSON.stringify(said)}`);
  return null;
}

/** A coordinator that was asked may be killed at any time. */
function excused(error: Error, problems: string[]): void {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (!/^(ECONN|UND_ERR|EPIPE)/.test(code)) problems.push(`looking at the sagas: ${error.message}`);
}
