/** Store, then services, then coordinator: each a process of its own, ready before the next one starts. */
import { answerCast } from '../cast.ts';
import { ORDER_OUTLINE, readSettings, type SagaOutline, type Settings } from '../config.ts';
import { type Child, type Program, startChild } from './child.ts';
import { type PrivateRedis, privateRedis } from './private-redis.ts';
import { answersOk, assertFree, COORDINATOR_READY_MS, untilReady } from './readiness.ts';
import { coordinatorAgain, coordinatorUrl, type Everything } from './ready-block.ts';
import { whenGone } from './redis-socket.ts';
import type { Running, Say } from './running.ts';
import { allRun, type Service, servicesIn, stubEnvironment, urlVariables, whoAnswers } from './services.ts';
import { AlreadyRunsError, ended, holdPort, type StartLock, waitToComeUp } from './start-lock.ts';
import { type Part, Troupe } from './troupe.ts';

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
  const sagas = await sagasFor(env);
  const services = servicesIn(env, sagas);
  const coordinatorEnv = { ...env, ...urlVariables(services) };
  const settings = readSettings(coordinatorEnv, sagas);
  // As it was given: what we set for the coordinator would hide that somebody meant to.
  const { warnings } = readSettings(env, sagas);
  if (settings.port === 0)
    throw new Error('COORDINATOR_PORT must be a fixed port here, so that it can be told');
  const lock = await holdGround(settings, supervision);
  const letNext = await waitToComeUp(
    settings.dataDir,
    (pid) => supervision.say(`another npm start (pid ${pid}) is coming up: waiting until it is`),
    supervision.leaving,
  );
  try {
    await assertFree(settings.host, settings.port);
    return await bringUpAll(
      { env, coordinatorEnv, settings, warnings, sagas, services, lock },
      entries,
      supervision,
    );
  } finally {
    letNext();
  }
}

/** The modules of others are loaded here, too: what is wrong with one is seen before anything is started. */
async function sagasFor({ SAGAS }: NodeJS.ProcessEnv): Promise<readonly SagaOutline[]> {
  if (!SAGAS) return [ORDER_OUTLINE];
  const { loadSagas } = await import('../saga-modules.ts');
  return loadSagas(SAGAS);
}

/** @throws where another start has this port, or where processes that a killed one has left do not end */
async function holdGround(settings: Settings, { running, say, leaving }: Supervision): Promise<StartLock> {
  const url = coordinatorUrl(settings);
  let lock: StartLock;
  try {
    lock = holdPort(settings.dataDir, settings.port);
  } catch (error) {
    if (!(error instanceof AlreadyRunsError)) throw error;
    const state = (await answersOk(`${url}/readyz`))
      ? 'and is ready'
      : 'but is not ready: it is coming up, draining, or cannot reach its store';
    throw new Error(
      `another npm start (pid ${error.pid}) runs here already, at ${url}, ${state}. Use it, end it, ` +
        'or set COORDINATOR_PORT to another port to run a second coordinator on the same store',
    );
  }
  running.atEnd(lock.release);
  if (lock.left.length === 0) return lock;
  const pids = (found: StartLock['left']) => found.map(({ pid }) => pid).join(', ');
  say(`the npm start before was killed: waiting until what it ran has drained (pid ${pids(lock.left)})`);
  const still = await ended(lock.left, settings.drainMs + COORDINATOR_CLOSING_MS, leaving);
  if (still.length > 0)
    throw new Error(`of an npm start that was killed still runs: kill -9 ${pids(still).replaceAll(',', '')}`);
  return lock;
}

interface Plan {
  readonly env: NodeJS.ProcessEnv;
  readonly coordinatorEnv: NodeJS.ProcessEnv;
  readonly settings: Settings;
  readonly warnings: Settings['warnings'];
  readonly sagas: readonly SagaOutline[];
  readonly services: readonly Service[];
  readonly lock: StartLock;
}

async function bringUpAll(
  { env, coordinatorEnv, settings, warnings, sagas, services, lock }: Plan,
  entries: Entries,
  supervision: Supervision,
): Promise<Everything> {
  const ours = services.filter(({ isExternal }) => !isExternal);
  const areAdopted = ours.length > 0 && (await allRun(ours));
  const { running, leaving, say } = supervision;
  const troupe = settings.faults ? new Troupe(say, leaving) : null;
  const stage = { lock, supervision, troupe };

  const redis = await bringUpStore(settings, stage);
  let servicesPid: number | null = null;
  if (areAdopted) running.adopt(`the services at ${ours.map(({ url }) => url).join(', ')}`);
  else if (ours.length > 0) servicesPid = await bringUpServices(ours, stubEnvironment(env), entries, stage);

  const carryOn = `\`${coordinatorAgain(env, services)}\``;
  const lasts = redis !== null || settings.redisUrl !== null;
  const consequence = lasts
    ? `The rest still runs, and the sagas are in Redis: in another terminal ${carryOn} carries them on.`
    : `Its sagas were in its memory and are gone; in another terminal ${carryOn} starts an empty one.`;
  const readyUrl = `${coordinatorUrl(settings)}/readyz`;
  // One that is started while Redis is down would start another by itself.
  const found = troupe !== null && redis !== null ? { REDIS_URL: `unix://${redis.socketPath}` } : {};
  const coordinator = await bringUpChild(
    {
      // One that is several processes answers for these itself.
      part: settings.processes === 1 ? { kind: 'coordinator', name: settings.coordinatorId } : null,
      program: {
        name: 'coordinator',
        entry: entries.coordinator,
        env: { ...coordinatorEnv, ...found },
        ...(troupe && { hear: (message, reply) => answerCast(troupe, message, reply) }),
      },
      stopMs: settings.drainMs + COORDINATOR_CLOSING_MS,
      untilReady: (child) => untilReady(child, () => answersOk(readyUrl), leaving, COORDINATOR_READY_MS),
      consequence,
    },
    stage,
  );
  return { settings, warnings, sagas, services, servicesPid, redis, coordinatorPid: coordinator.pid, env };
}

interface Stage {
  readonly lock: StartLock;
  readonly supervision: Supervision;
  /** `null` where nothing is killed and started again. */
  readonly troupe: Troupe | null;
}

async function bringUpStore(
  settings: Settings,
  { supervision, troupe }: Stage,
): Promise<PrivateRedis | null> {
  if (settings.redisUrl !== null) return null;
  const { running, say, leaving } = supervision;
  const begin = () => privateRedis(settings.dataDir, { signal: leaving });
  const redis = await begin();
  if (redis === null) {
    say(
      'WARNING: REDIS_URL is not set and no redis-server or valkey-server is on PATH: sagas are kept in memory, and nothing survives a restart',
    );
    return null;
  }
  let isKilled = false;
  const announceEnd = ({ pid, socketPath }: PrivateRedis) =>
    whenGone(
      socketPath,
      () => {
        if (isKilled) return;
        say(
          `Redis (pid ${pid}) is gone, and nothing can be committed without it. What it acknowledged is in ` +
            `${settings.dataDir}/redis: Ctrl-C and start again.`,
        );
      },
      leaving,
    );
  announceEnd(redis);
  if (redis.adopted) {
    running.adopt(`Redis (pid ${redis.pid})`);
    return redis;
  }
  let own = redis;
  running.add({
    get name() {
      return `Redis (pid ${own.pid})`;
    },
    isAlive: () => true,
    stop: async () => ({ isClean: true, words: (await own.stop()) ?? 'stopped' }),
    kill: () => own.stop('SIGKILL').catch(() => {}),
  });
  troupe?.add({
    kind: 'redis',
    name: 'Redis',
    pid: () => (isKilled ? null : own.pid),
    kill: async () => {
      isKilled = true;
      await own.stop('SIGKILL');
    },
    again: async () => {
      const next = await begin();
      if (next === null) throw new Error('redis-server is not on PATH any more');
      own = next;
      announceEnd(own);
      // Somebody else's is not ours to kill a second time.
      if (own.adopted) running.adopt(`Redis (pid ${own.pid})`);
      else isKilled = false;
    },
  });
  return redis;
}

async function bringUpServices(
  ours: readonly Service[],
  env: NodeJS.ProcessEnv,
  entries: Entries,
  stage: Stage,
): Promise<number> {
  const args = ours.map(({ name }) => name);
  const { leaving } = stage.supervision;
  const allAnswer = async () => (await Promise.all(ours.map(whoAnswers))).every((who) => who === 'itself');
  const services = await bringUpChild(
    {
      part: { kind: 'services', name: 'services' },
      program: { name: 'services', entry: entries.services, args, env },
      stopMs: SERVICES_STOP_MS,
      untilReady: (child) => untilReady(child, allAnswer, leaving),
      consequence:
        'Calls to them fail and are tried again; their books are gone. `npm run services` starts them empty.',
    },
    stage,
  );
  return services.pid;
}

interface Plot {
  /** `null` where it may not be killed. */
  readonly part: Pick<Part, 'kind' | 'name'> | null;
  readonly program: Program;
  readonly stopMs: number;
  readonly untilReady: (child: Child) => Promise<void>;
  /** What is said when it has died. */
  readonly consequence: string;
}

/** Starts a process and waits until it is ready. Answers its first life: another follows where the troupe has killed it. */
async function bringUpChild(
  { part, program, stopMs, untilReady, consequence }: Plot,
  { lock, supervision: { running, say, leaving }, troupe }: Stage,
): Promise<Child> {
  leaving.throwIfAborted();
  let isKilled = false;
  const begin = () => {
    const child = startChild(program);
    if (child.isAlive()) lock.note(child.pid);
    return child;
  };
  const ready = async (child: Child) => {
    await untilReady(child);
    isKilled = false;
    child.ended.then(({ words }) => {
      if (!leaving.aborted && !isKilled) say(`\n${child.name} (pid ${child.pid}) ${words}. ${consequence}\n`);
    });
  };
  const first = begin();
  let child = first;
  running.add({
    get name() {
      return `${child.name} (pid ${child.pid})`;
    },
    isAlive: () => child.isAlive(),
    stop: async () => {
      const { isClean, words } = await child.stop(stopMs);
      return { isClean, words: isClean ? 'stopped' : words };
    },
    kill: () => child.kill(),
  });
  await ready(first);
  if (part !== null)
    troupe?.add({
      ...part,
      pid: () => (child.isAlive() ? child.pid : null),
      kill: async () => {
        isKilled = true;
        child.kill();
        await child.ended;
      },
      again: async () => {
        leaving.throwIfAborted();
        child = begin();
        await ready(child);
      },
    });
  return first;
}
