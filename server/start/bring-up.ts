/** Store, then services, then coordinator: each a process of its own, ready before the next one starts. */
import { readSettings, type Settings } from '../config.ts';
import { type Child, type Program, startChild } from './child.ts';
import { type PrivateRedis, privateRedis } from './private-redis.ts';
import { answersOk, assertFree, untilReady } from './readiness.ts';
import { coordinatorAgain, coordinatorUrl, type Everything } from './ready-block.ts';
import { whenGone } from './redis-socket.ts';
import type { Running, Say } from './running.ts';
import { allRun, type Service, servicesIn, stubEnvironment, urlVariables, whoAnswers } from './services.ts';

/** The modules that are run. */
export interface Entries {
  readonly services: string;
  readonly coordinator: string;
}

export interface Supervision {
  readonly running: Running;
  readonly say: Say;
  /** Aborts when we are about to end: what is not up yet is given up, and no death is news any more. */
  readonly leaving: AbortSignal;
}

/** The services cut what is still under way after five seconds. */
const SERVICES_STOP_MS = 10_000;
/** Beyond its drain the coordinator has its connections to close. */
const COORDINATOR_CLOSING_MS = 10_000;

/** @throws with what to mend, having started nothing where that could be seen before */
export async function bringUp(
  env: NodeJS.ProcessEnv,
  entries: Entries,
  supervision: Supervision,
): Promise<Everything> {
  const services = servicesIn(env);
  const coordinatorEnv = { ...env, ...urlVariables(services) };
  const settings = readSettings(coordinatorEnv);
  if (settings.port === 0)
    throw new Error('COORDINATOR_PORT must be a fixed port here, so that it can be told');
  await assertFree(settings.host, settings.port);
  const ours = services.filter(({ isExternal }) => !isExternal);
  const areAdopted = ours.length > 0 && (await allRun(ours));

  const redis = await bringUpStore(settings, supervision);
  let servicesPid: number | null = null;
  if (areAdopted) supervision.running.adopt(`the services at ${ours.map(({ url }) => url).join(', ')}`);
  else if (ours.length > 0) {
    servicesPid = await bringUpServices(ours, stubEnvironment(env), entries, supervision);
  }

  const carryOn = `\`${coordinatorAgain(env, services)}\``;
  const coordinator = begin(
    { name: 'coordinator', entry: entries.coordinator, env: coordinatorEnv },
    settings.drainMs + COORDINATOR_CLOSING_MS,
    supervision,
  );
  const readyUrl = `${coordinatorUrl(settings)}/readyz`;
  await untilReady(coordinator, () => answersOk(readyUrl), supervision.leaving);
  const lasts = redis !== null || settings.redisUrl !== null;
  announceDeath(
    coordinator,
    lasts
      ? `The rest still runs, and the sagas are in Redis: in another terminal ${carryOn} carries them on.`
      : `Its sagas were in its memory and are gone; in another terminal ${carryOn} starts an empty one.`,
    supervision,
  );
  return { settings, services, servicesPid, redis, coordinatorPid: coordinator.pid, env };
}

async function bringUpStore(settings: Settings, supervision: Supervision): Promise<PrivateRedis | null> {
  if (settings.redisUrl !== null) return null;
  const { running, say, leaving } = supervision;
  const redis = await privateRedis(settings.dataDir, { signal: leaving });
  if (redis === null) {
    say(
      'WARNING: REDIS_URL is not set and no redis-server is on PATH: sagas are kept in memory, and nothing survives a restart',
    );
    return null;
  }
  const name = `Redis (pid ${redis.pid})`;
  if (redis.adopted) running.adopt(name);
  else {
    running.add({
      name,
      isAlive: () => true,
      stop: async () => {
        await redis.stop();
        return null;
      },
      kill: () => redis.stop('SIGKILL').catch(() => {}),
    });
  }
  const gone = () =>
    say(
      `${name} is gone, and nothing can be committed without it. What it acknowledged is in ` +
        `${settings.dataDir}/redis: Ctrl-C and start again.`,
    );
  whenGone(redis.socketPath, gone, leaving);
  return redis;
}

async function bringUpServices(
  ours: readonly Service[],
  env: NodeJS.ProcessEnv,
  entries: Entries,
  supervision: Supervision,
): Promise<number> {
  const args = ours.map(({ name }) => name);
  const services = begin(
    { name: 'services', entry: entries.services, args, env },
    SERVICES_STOP_MS,
    supervision,
  );
  const allAnswer = async () => (await Promise.all(ours.map(whoAnswers))).every((who) => who === 'itself');
  await untilReady(services, allAnswer, supervision.leaving);
  const consequence =
    'Calls to them fail and are tried again; their books are gone. `npm run services` starts them empty.';
  announceDeath(services, consequence, supervision);
  return services.pid;
}

function begin(program: Program, stopMs: number, { running, leaving }: Supervision): Child {
  leaving.throwIfAborted();
  const child = startChild(program);
  running.add({
    name: `${child.name} (pid ${child.pid})`,
    isAlive: child.isAlive,
    stop: async () => {
      const { isClean, words } = await child.stop(stopMs);
      return isClean ? null : words;
    },
    kill: child.kill,
  });
  return child;
}

function announceDeath(
  { name, pid, ended }: Child,
  consequence: string,
  { say, leaving }: Supervision,
): void {
  ended.then(({ words }) => {
    if (!leaving.aborted) say(`\n${name} (pid ${pid}) ${words}. ${consequence}\n`);
  });
}
