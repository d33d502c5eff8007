/**
 * The composition root: the only place where clock, randomness, stores and sockets are real, and where the parts of a
 * coordinator meet.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import type { Logger } from 'pino';
import { type RegisteredMachine, Registry, type SagaDefinition } from '../machines/index.ts';
import { orderSaga } from '../machines/order.ts';
import { MemoryStore } from '../stores/memory-store.ts';
import { connect } from '../stores/redis/connect.ts';
import { RedisStore } from '../stores/redis/redis-store.ts';
import { type SagaStore, StoreUnavailableError } from '../stores/saga-store.ts';
import { guard, isAccessOff } from './access.ts';
import { createApp } from './app.ts';
import { ConfigError, type Settings, shownSettings } from './config.ts';
import { Session } from './dashboard/session.ts';
import { systemClock, wait } from './engine/clock.ts';
import type { Observe } from './engine/contract.ts';
import { Engine } from './engine/engine.ts';
import { Participants } from './engine/participants.ts';
import { leaseMsOf } from './engine/write.ts';
import { Probes } from './probes.ts';
import type { Siblings } from './processes/worker.ts';
import { privateRedis } from './start/private-redis.ts';
import { httpMetrics } from './telemetry/http.ts';
import { startInspector } from './telemetry/inspector.ts';
import { logEvents } from './telemetry/logs.ts';
import { createRegistry, engineGauges, sagaMetrics } from './telemetry/metrics.ts';
import { timedStore } from './telemetry/timed-store.ts';
import type { Instance, Traces } from './telemetry/traces.ts';

export interface Coordinator {
  readonly url: string;
  /** Of the inspector, or `null` where it is off. */
  readonly inspectorUrl: string | null;
  /** Takes nothing new, lets calls settle, releases what is left, and closes everything. */
  stop(): Promise<void>;
}

/** How often ended sagas whose time has come are looked for. */
const PURGE_EVERY_MS = 60_000;
/** How often the store is told which machines run here. */
const DECLARE_EVERY_MS = 60_000;
/** Sagas claimed in one go: some milliseconds of Redis's time. */
const CLAIM_BATCH = 500;
/** Sagas that are looked at the moment their wait is over, each with a timer; the rounds find the others. */
const ALARMS_MAX = 10_000;
/** How often the store is asked for changes while somebody watches: soon enough for an eye. */
const WATCH_POLL_MS = 200;
const WATCHERS_MAX = 1_000;

/** A Redis that was started beside us, or reads a long append-only file, takes its time. */
const STORE_PATIENCE_MS = 60_000;
const STORE_RETRY_MS = 500;
/** How long the last answers may take to leave once the engine has let go. */
const CLOSE_MS = 1000;

/** The versions of the order saga that a release knows, oldest first: new orders go to the last. */
export type OrderSagas = (settings: Settings) => readonly [SagaDefinition, ...SagaDefinition[]];

const orderSagas: OrderSagas = ({ policies, sagaDeadlineMs }) => [
  orderSaga(policies, sagaDeadlineMs ?? undefined),
];

/** @throws StoreRefusedError, StoreUnavailableError, MachineError, MachineChangedError, or the socket's error: each says what to mend */
export async function startCoordinator(
  settings: Settings,
  logger: Logger,
  /** Ends the wait for a store that is away. */
  interruption = new AbortController().signal,
  sagas = orderSagas,
  /** The other processes of this coordinator, or `null` where it is one alone. */
  siblings: Siblings | null = null,
): Promise<Coordinator> {
  const closing: Closing = [];
  try {
    return await open(settings, logger, closing, interruption, sagas, siblings);
  } catch (error) {
    await closeAll(closing);
    throw error;
  }
}

async function open(
  settings: Settings,
  logger: Logger,
  closing: Closing,
  interruption: AbortSignal,
  sagas: OrderSagas,
  siblings: Siblings | null,
): Promise<Coordinator> {
  const version = versionInPackage();
  logger.info({ version, settings: shownSettings(settings) }, 'starting');
  if (isAccessOff(settings)) {
    logger.warn('HOST is not loopback and API_TOKEN is not set: reads and commands are switched off');
  }

  const machines = new Registry();
  const [order, ...newer] = sagas(settings);
  let newest: RegisteredMachine = machines.register(order);
  for (const definition of newer) newest = machines.register(definition);

  for (const { participant } of machines.all().flatMap(({ steps }) => steps)) {
    if (!Object.hasOwn(settings.serviceUrls, participant))
      throw new Error(`participant ${participant} has no URL`);
  }

  const clock = systemClock;
  const metrics = createRegistry(siblings === null ? {} : { coordinator: settings.coordinatorId });
  const store = timedStore(await openStore(settings, logger, closing, interruption), metrics);
  closing.push(() => store.close());
  logger.info({ store: store.info }, `store open: ${store.info.durability}`);

  const inspector = settings.inspectPort === null ? null : await startInspector(settings.inspectPort);
  if (inspector !== null) closing.push(() => inspector.close());
  const { coordinatorId } = settings;
  const boot = await store.boot(coordinatorId);
  const traces = await openTraces(settings, { coordinator: coordinatorId, boot, version }, logger);
  if (traces !== null) closing.push(() => traces.close());
  const observers: readonly Observe[] = [
    sagaMetrics(metrics),
    logEvents(logger),
    ...(inspector === null ? [] : [inspector.observe]),
    ...(traces === null ? [] : [traces.observe]),
  ];

  const observe: Observe = (event) => {
    for (const tell of observers) tell(event);
  };

  const { serviceUrls: urls, connectionsMax, queueMax, connectTimeoutMs, answerBytesMax, breaker } = settings;
  const { leaseMarginMs, leaseMaxMs, retentionMs } = settings;
  const rights = { leaseMarginMs, leaseMaxMs, retentionMs };
  const random = Math.random;
  const participants = new Participants(
    { urls, connectionsMax, queueMax, connectTimeoutMs, answerBytesMax, breaker },
    { clock, random, observe },
  );
  closing.push(() => participants.close());
  const engine = new Engine(
    {
      store,
      participants,
      clock,
      random,
      observe,
      owner: { name: coordinatorId, boot },
      rights,
    },
    machines,
    {
      pollMs: settings.pollMs,
      claimBatch: CLAIM_BATCH,
      claimLeaseMs: leaseMsOf(settings.callTimeoutMaxMs, rights),
      inHandMax: settings.inHandMax,
      waitersMax: settings.waitersMax,
      alarmsMax: ALARMS_MAX,
      purgeEveryMs: PURGE_EVERY_MS,
      declareEveryMs: DECLARE_EVERY_MS,
      versionGoneAfterMs: settings.versionGoneAfterMs,
      watchPollMs: WATCH_POLL_MS,
      watchersMax: WATCHERS_MAX,
    },
  );
  await engine.declare();
  closing.push(() => engine.withdraw());
  engineGauges(metrics, engine);

  const probes = new Probes(urls, clock);
  closing.push(() => probes.close());
  const session = settings.apiToken === null ? null : new Session(settings.apiToken);
  const app = createApp({
    engine,
    machine: newest,
    waitMs: settings.orderWaitMs,
    probes,
    version,
    access: guard(settings, session),
    machines: machines.all(),
    session,
    clock,
    metrics: httpMetrics(
      metrics,
      siblings?.page(() => metrics.metrics()),
    ),
    logger,
  });
  const server = await listen(app.fetch, settings);
  closing.push(() => closed(server));
  // The server answers until the engine has let go, so that whoever waits gets an answer and probes see the drain.
  closing.push(() => engine.drain(settings.drainMs));
  engine.open();

  return {
    url: `http://${inUrl(settings.host)}:${(server.address() as AddressInfo).port}`,
    inspectorUrl: inspector?.url ?? null,
    stop: () => closeAll(closing),
  };
}

/** How what was opened is closed, in the order of opening. */
type Closing = (() => Promise<unknown>)[];

/** In the opposite order: what was opened last may need what was opened before. */
async function closeAll(closing: Closing): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
}

/** OpenTelemetry is loaded only where there is a collector to send to. */
async function openTraces({ traces }: Settings, instance: Instance, logger: Logger): Promise<Traces | null> {
  if (traces === null) return null;
  const { exportTraces } = await import('./telemetry/traces.ts');
  return exportTraces(traces, instance, {
    now: systemClock.now,
    newSpanId: () => randomBytes(8).toString('hex'),
    logger,
  });
}

/** REDIS_URL, else a private Redis, else memory. A Redis server that was started for this is stopped with it. */
async function openStore(
  settings: Settings,
  logger: Logger,
  closing: Closing,
  interruption: AbortSignal,
): Promise<SagaStore> {
  const { redisUrl, partitions, inFlightMax, dataDir } = settings;
  if (redisUrl !== null) return openRedis(redisUrl, settings, logger, interruption);
  const server = await privateRedis(dataDir);
  if (server === null) {
    logger.warn(
      'no REDIS_URL and no redis-server on PATH: sagas are kept in memory, and nothing survives a restart',
    );
    return new MemoryStore({ now: systemClock.now, partitions, inFlightMax });
  }
  closing.push(() => server.stop());
  const { pid, socketPath, adopted } = server;
  logger.info({ pid, socketPath, adopted }, adopted ? 'private Redis found' : 'private Redis started');
  return openRedis(`unix://${socketPath}`, settings, logger, interruption);
}

/** Waits a while for a Redis that is away or still reads its data: it may have been started beside us. */
async function openRedis(
  url: string,
  { partitions, inFlightMax, waitReplicas }: Settings,
  logger: Logger,
  interruption: AbortSignal,
): Promise<RedisStore> {
  const giveUpAt = systemClock.monotonic() + STORE_PATIENCE_MS;
  for (let told = false; ; told = true) {
    const redis = connectTo(url);
    try {
      return await RedisStore.open({ redis, partitions, inFlightMax, ...(waitReplicas && { waitReplicas }) });
    } catch (error) {
      redis.disconnect();
      const mayWait = systemClock.monotonic() < giveUpAt && !interruption.aborted;
      if (!(error instanceof StoreUnavailableError) || !mayWait) throw error;
      if (!told)
        logger.warn({ error: error.message }, `waiting for Redis, ${STORE_PATIENCE_MS / 1000} s at most`);
      await wait(systemClock, STORE_RETRY_MS);
    }
  }
}

/** What the URL lacks is a setting to mend. */
function connectTo(url: string) {
  try {
    return connect(url);
  } catch (error) {
    throw new ConfigError([`REDIS_URL: ${(error as Error).message}`]);
  }
}

function listen(fetch: Parameters<typeof serve>[0]['fetch'], { port, host }: Settings): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: host }, () => resolve(server));
    server.once('error', reject);
  });
}

/** An IPv6 address stands in brackets. */
function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** Requests under way get their answers; a connection that carries none is cut after a moment. */
function closed(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), CLOSE_MS);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}

/** package.json stands beside the sources, and above the compiled files. */
function versionInPackage(): string {
  const here = import.meta.url;
  const url = new URL(here.endsWith('.ts') ? '../package.json' : '../../package.json', here);
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}
