/**
 * The composition root: the only place where clock, randomness, stores and sockets are real, and where the parts of a
 * coordinator meet.
 */
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import type { Logger } from 'pino';
import { Registry } from '../machines/index.ts';
import { orderSaga } from '../machines/order.ts';
import { MemoryStore } from '../stores/memory-store.ts';
import { connect } from '../stores/redis/connect.ts';
import { RedisStore } from '../stores/redis/redis-store.ts';
import type { SagaStore } from '../stores/saga-store.ts';
import { createApp } from './app.ts';
import { type Settings, shownSettings } from './config.ts';
import { systemClock } from './engine/clock.ts';
import type { Observe } from './engine/contract.ts';
import { Engine } from './engine/engine.ts';
import { Participants } from './engine/participants.ts';
import { Probes } from './probes.ts';
import { privateRedis } from './start/private-redis.ts';
import { httpMetrics } from './telemetry/http.ts';
import { startInspector } from './telemetry/inspector.ts';
import { logEvents } from './telemetry/logs.ts';
import { createRegistry, engineGauges, sagaMetrics } from './telemetry/metrics.ts';
import { timedStore } from './telemetry/timed-store.ts';

export interface Coordinator {
  readonly url: string;
  /** Of the inspector, or `null` where it is off. */
  readonly inspectorUrl: string | null;
  /** Takes nothing new, lets calls settle, releases what is left, and closes everything. */
  stop(): Promise<void>;
}

/** How often ended sagas whose time has come are looked for. */
const PURGE_EVERY_MS = 60_000;
/** Sagas claimed in one go: some milliseconds of Redis's time. */
const CLAIM_BATCH = 500;

/** How long the last answers may take to leave once the engine has let go. */
const CLOSE_MS = 1000;

/** @throws StoreRefusedError, StoreUnavailableError, MachineError, or the socket's error: each says what to mend */
export async function startCoordinator(settings: Settings, logger: Logger): Promise<Coordinator> {
  const version = versionInPackage();
  logger.info({ version, settings: shownSettings(settings) }, 'starting');

  const machines = new Registry();
  const order = machines.register(orderSaga(settings.policies));

  for (const { participant } of machines.all().flatMap(({ steps }) => steps)) {
    if (!Object.hasOwn(settings.serviceUrls, participant))
      throw new Error(`participant ${participant} has no URL`);
  }

  const clock = systemClock;
  const metrics = createRegistry();
  const opened = await openStore(settings, logger);
  const store = timedStore(opened.store, metrics);
  logger.info({ store: store.info }, `store open: ${store.info.durability}`);

  const inspector = settings.inspectPort === null ? null : await startInspector(settings.inspectPort);
  const observers: readonly Observe[] = [
    sagaMetrics(metrics),
    logEvents(logger),
    ...(inspector === null ? [] : [inspector.observe]),
  ];

  const { serviceUrls: urls, connectionsMax, connectTimeoutMs, leaseMarginMs, retentionMs } = settings;
  const participants = new Participants({ urls, connectionsMax, connectTimeoutMs }, clock);
  const engine = new Engine(
    {
      store,
      participants,
      clock,
      random: Math.random,
      observe: (event) => {
        for (const observe of observers) observe(event);
      },
      owner: { name: settings.coordinatorId, boot: await store.boot(settings.coordinatorId) },
      rights: { leaseMarginMs, retentionMs },
    },
    machines,
    {
      pollMs: settings.pollMs,
      claimBatch: CLAIM_BATCH,
      claimLeaseMs: settings.callTimeoutMaxMs + 2 * leaseMarginMs,
      inHandMax: settings.inHandMax,
      purgeEveryMs: PURGE_EVERY_MS,
    },
  );
  engineGauges(metrics, engine);

  const probes = new Probes(urls, clock);
  const app = createApp({
    engine,
    machine: order,
    waitMs: settings.orderWaitMs,
    probes,
    version,
    metrics: httpMetrics(metrics),
    logger,
  });
  const server = await listen(app.fetch, settings);
  engine.open();

  return {
    url: `http://${inUrl(settings.host)}:${(server.address() as AddressInfo).port}`,
    inspectorUrl: inspector?.url ?? null,
    async stop() {
      // The server answers until the engine has let go, so that whoever waits gets an answer and probes see the drain.
      await engine.drain(settings.drainMs);
      await closed(server);
      await Promise.all([participants.close(), probes.close(), inspector?.close()]);
      await store.close();
      await opened.stopServer();
    },
  };
}

/** REDIS_URL, else a private Redis, else memory. A Redis server that was started for this is to be stopped with it. */
async function openStore(
  { redisUrl, partitions, dataDir }: Settings,
  logger: Logger,
): Promise<{ store: SagaStore; stopServer: () => Promise<void> }> {
  const nothing = async () => {};
  if (redisUrl !== null) {
    return { store: await RedisStore.open({ redis: connect(redisUrl), partitions }), stopServer: nothing };
  }
  const server = await privateRedis(dataDir);
  if (server === null) {
    logger.warn(
      'no REDIS_URL and no redis-server on PATH: sagas are kept in memory, and nothing survives a restart',
    );
    return { store: new MemoryStore({ now: systemClock.now, partitions }), stopServer: nothing };
  }
  const { pid, socketPath, adopted } = server;
  logger.info({ pid, socketPath, adopted }, adopted ? 'private Redis found' : 'private Redis started');
  const redis = connect(`unix://${socketPath}`);
  return { store: await RedisStore.open({ redis, partitions }), stopServer: () => server.stop() };
}

function listen(fetch: Parameters<typeof serve>[0]['fetch'], { port, host }: Settings): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch, port, hostname: host }, () => resolve(server));
    server.once('error', reject);
  });
}

/** Requests under way get their answers; a connection that carries none is cut after a moment. */
/** An IPv6 address stands in brackets. */
function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

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
