/**
 * The chaos run: three coordinators, a real Redis, five services with faults, wires that fail, and clients that try
 * again. First the storm, then healing, then the audit.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { type Environment, openWorld, send, type World } from '../coordinator/world.ts';
import { type Audit, audit } from './audit.ts';
import { beginPlacing, type Clients, keyed, plan } from './clients.ts';
import { Clocks } from './clocks.ts';
import { Dice } from './dice.ts';
import { type Member, openFleet } from './fleet.ts';
import { type Ground, type GroundName, openGround, worldFor } from './ground.ts';
import { OF_COORDINATORS, OF_SERVICE_WIRES } from './mishaps.ts';
import { type FaultProxy, openProxy } from './proxy.ts';
import { serviceFaultHits, setServiceFaults } from './service-faults.ts';
import { beginStorm } from './storm.ts';

export interface ChaosOptions {
  /** About how many: they go on coming until each kind of mishap has hit. */
  readonly orders: number;
  /** How long the storm lasts at least. */
  readonly seconds: number;
  readonly seed: number;
  /** About how long from one mishap to the next. */
  readonly gapMs: number;
  /** The one Redis of the world unless another is named. */
  readonly ground?: GroundName;
  /** How many kinds of mishaps there are, drawn by the seed; all unless said. */
  readonly kindsMax?: number;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly phase: 'storm' | 'healing' | 'audit';
  readonly seconds: number;
  readonly acknowledged: number;
  readonly mishaps: number;
}

export interface Tally {
  readonly name: string;
  readonly hits: number;
}

export interface ChaosReport extends Audit {
  /** Each fault with how often it really hit somebody. */
  readonly faults: readonly Tally[];
  /** What came of it, as logs and clients tell. */
  readonly consequences: readonly Tally[];
  readonly acknowledged: number;
  readonly stormSeconds: number;
  readonly healingSeconds: number;
}

/** Leases of about three seconds: pauses and outages of the storm are shorter and longer than that. */
const ENVIRONMENT: Environment = {
  POLL_MS: '50',
  CONNECT_TIMEOUT_MS: '500',
  ACTION_TIMEOUT_MS: '2500',
  COMPENSATION_TIMEOUT_MS: '2500',
  LEASE_MARGIN_MS: '250',
  SAGAS_IN_HAND_MAX: '300',
  ACTION_ATTEMPTS_MAX: '4',
  COMPENSATION_ATTEMPTS_MAX: '4',
  ACTION_BACKOFF_MS: '20',
  ACTION_BACKOFF_MAX_MS: '300',
  COMPENSATION_BACKOFF_MS: '20',
  COMPENSATION_BACKOFF_MAX_MS: '300',
};
const NAMES = ['ada', 'bob', 'cyd'];
const EXTRA_SECONDS_MAX = 60;
const HEALING_MS_MAX = 120_000;

export async function runChaos({
  orders,
  seconds,
  seed,
  gapMs,
  ground: groundName = 'one',
  kindsMax = Number.POSITIVE_INFINITY,
  onProgress,
}: ChaosOptions): Promise<ChaosReport> {
  // Not the services' own clock: its sleeps all listen to one signal, of which Node warns.
  const world = await openWorld({
    clock: { now: Date.now, sleep: (ms) => pause(ms) },
    redis: await worldFor(groundName),
  });
  const clocks = new Clocks();
  const wires = new Map<string, FaultProxy>();
  const fleet: Member[] = [];
  let ground: Ground | null = null;
  try {
    ground = await openGround(groundName, world);
    for (const name of SERVICE_NAMES) wires.set(name, await openProxy(world.services[name].port));
    const environment = { ...ENVIRONMENT, ...urlsOf(wires), ...ground.environment };
    const { storeUrl } = ground;
    const pretence = { clocks: clocks.file };
    fleet.push(...(await openFleet(world, { names: NAMES, environment, storeUrl, pretence })));
    const dice = new Dice(seed);
    const kinds = dice
      .shuffled([...OF_COORDINATORS, ...OF_SERVICE_WIRES, ...ground.mishaps])
      .slice(0, kindsMax);

    setServiceFaults(world.services, seed);
    const beganAt = performance.now();
    const storm = beginStorm(kinds, { fleet, clocks, serviceWires: wires, dice }, gapMs);
    const clients = beginPlacing((ground.isKeyed ? keyed : plan)(seed), fleet, orders / seconds, seed);
    const tell = (phase: Progress['phase']) =>
      onProgress?.({
        phase,
        seconds: secondsSince(beganAt),
        acknowledged: clients.acknowledged.length,
        mishaps: [...storm.hits.values()].reduce((sum, times) => sum + times, 0),
      });
    // On a busy machine mishaps take longer; each kind has to hit once all the same.
    const haveAllHit = () => [...storm.hits.values()].every((hits) => hits > 0);
    const isOver = () =>
      secondsSince(beganAt) >= seconds &&
      (haveAllHit() || secondsSince(beganAt) >= seconds + EXTRA_SECONDS_MAX);
    while (!isOver()) {
      await pause(250);
      tell('storm');
    }
    await storm.end();
    const stormSeconds = secondsSince(beganAt);
    const gone = fleet.filter((member) => member.isGone());
    for (const member of gone) await member.restartAfterFailure();

    // The services go on failing until the last order is in, so that every one of their faults has its chance.
    await clients.end();
    await clients.close();
    const serviceHits = serviceFaultHits(world.services);
    for (const name of SERVICE_NAMES) world.services[name].faults.clear();
    const stuck = await untilSettled(anyUrl(fleet), () => tell('healing'));
    const healingSeconds = secondsSince(beganAt) - stormSeconds;

    tell('audit');
    const found = await audit(world, await ground.masters(), anyUrl(fleet), clients);
    const faults = [
      ...[...storm.hits].map(([name, hits]) => ({ name, hits })),
      ...[...serviceHits].map(([name, hits]) => ({ name: `service, ${name}`, hits })),
    ];
    const problems = [
      ...faults.filter(({ hits }) => hits === 0).map(({ name }) => `this fault never hit: ${name}`),
      ...gone.map(({ name }) => `coordinator ${name} ended by itself`),
      ...stuck,
      ...found.problems,
    ];
    const consequences = consequencesOf(fleet, found, clients);
    const acknowledged = clients.acknowledged.length;
    return { ...found, problems, faults, consequences, acknowledged, stormSeconds, healingSeconds };
  } finally {
    await closeAll(world, fleet, wires);
    await ground?.close();
    clocks.close();
  }
}

function urlsOf(wires: ReadonlyMap<string, FaultProxy>): Environment {
  return Object.fromEntries(
    [...wires].map(([name, { port }]) => [`${name.toUpperCase()}_SERVICE_URL`, `http://127.0.0.1:${port}`]),
  );
}

function anyUrl(fleet: readonly Member[]): string {
  return fleet[0]?.url ?? '';
}

function secondsSince(at: number): number {
  return (performance.now() - at) / 1000;
}

/** Resolves when nothing is STARTED; what still is after a long time is a problem. */
async function untilSettled(url: string, onRound: () => void): Promise<string[]> {
  const beganAt = performance.now();
  for (;;) {
    const { body } = await send(`${url}/api/coordinator/statistics`);
    const left: number | undefined = body.status_breakdown?.STARTED;
    if (left === 0) return [];
    if (performance.now() - beganAt > HEALING_MS_MAX)
      return [`${left} sagas have not settled ${HEALING_MS_MAX / 1000} s after all was healed`];
    onRound();
    await pause(100);
  }
}

function consequencesOf(fleet: readonly Member[], { sagas }: Audit, clients: Clients): Tally[] {
  const lines = fleet.flatMap((member) => member.log());
  const dropped = (why: string) => lines.filter((line) => line.why === why).length;
  const events = sagas.flatMap(({ execution_log }) => execution_log.map(({ event }) => event));
  return [
    {
      name: 'starts of a coordinator that met an outage and ended',
      hits: fleet.reduce((sum, { startsFailed }) => sum + startsFailed, 0),
    },
    { name: 'requests that clients repeated', hits: clients.repeated },
    {
      name: 'sagas taken over from another or an older coordinator',
      hits: events.filter((event) => event === 'takenOver').length,
    },
    { name: 'stale writers refused, saga dropped', hits: dropped('stale') },
    { name: 'calls not made because the right was over', hits: dropped('lease-over') },
    {
      name: 'times a coordinator lost sight of Redis',
      hits: lines.filter(({ msg }) => msg === 'the store failed; this is tried again').length,
    },
  ];
}

async function closeAll(world: World, fleet: readonly Member[], wires: ReadonlyMap<string, FaultProxy>) {
  // Processes first: what they still ask must not find a closed wire and be told of on our output.
  await Promise.all(fleet.map((member) => member.kill()));
  await Promise.all([...fleet.map(({ wire }) => wire), ...wires.values()].map((wire) => wire?.close()));
  await world.close();
}
