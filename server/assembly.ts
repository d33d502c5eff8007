/**
 * A coordinator put together: what is real (clock, randomness, store) comes in here, the parts meet, and what comes out answers
 * requests. Whether it listens on a port of its own, or is mounted in somebody's application, is others' business.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { Registry, type SagaDefinition } from '../machines/index.ts';
import type { SagaStore } from '../stores/saga-store.ts';
import { sealedStore } from '../stores/sealing/sealed-store.ts';
import { guard, isAccessOff } from './access.ts';
import { createApp } from './app.ts';
import { Bulks } from './bulk/bulks.ts';
import { Callbacks } from './callbacks.ts';
import type { Cast } from './cast.ts';
import { type Settings, shownSettings } from './config.ts';
import type { DashboardParts, Pages } from './dashboard/dashboard-parts.ts';
import { Session } from './dashboard/session.ts';
import { systemClock, timeOf } from './engine/clock.ts';
import type { Observe } from './engine/contract.ts';
import { Engine } from './engine/engine.ts';
import type { Handle } from './engine/exchange-here.ts';
import { Participants } from './engine/participants.ts';
import { connectorBy } from './engine/tunnel.ts';
import { leaseMsOf } from './engine/write.ts';
import { heldTokens } from './identity/tokens.ts';
import type { Users } from './identity/users.ts';
import { Limits } from './limits/limits.ts';
import { Refusals } from './limits/refusals.ts';
import { type Patiently, patience } from './patience.ts';
import { Probes } from './probes.ts';
import type { Siblings } from './processes/worker.ts';
import type { SagaBlueprint } from './saga-modules.ts';
import { openKeys } from './sealing-keys.ts';
import { Stubs } from './stubs.ts';
import { engineGauges } from './telemetry/gauges.ts';
import { Counting } from './telemetry/history/counting.ts';
import { Keeper } from './telemetry/history/keeper.ts';
import { LastErrors } from './telemetry/history/last-errors.ts';
import { httpMetrics } from './telemetry/http.ts';
import type { Inspector } from './telemetry/inspector.ts';
import { logEvents } from './telemetry/logs.ts';
import { buildInfo, createRegistry, sagaMetrics } from './telemetry/metrics.ts';
import { shownError } from './telemetry/shown-error.ts';
import { spanClock } from './telemetry/span-clock.ts';
import type { Instance } from './telemetry/spans.ts';
import { timedStore } from './telemetry/timed-store.ts';
import type { Traces } from './telemetry/traces.ts';
import { watchedTls } from './tls-files.ts';
import { webhookMessages } from './webhook/counted.ts';
import { type Deliver, deliverTo } from './webhook/deliver.ts';
import { Webhook } from './webhook/webhook.ts';

export type { Handle };

/** The sagas that a release knows, of each the oldest version first: new ones begin on the last. */
export type Sagas = (settings: Settings) => readonly SagaDefinition[];

/** What modules export, with the policies and deadlines that were set. */
export function sagasOf(blueprints: readonly SagaBlueprint[]): Sagas {
  return ({ policiesOf, sagaDeadlineMs }) =>
    blueprints.map((blueprint) => blueprint.define(policiesOf(blueprint), sagaDeadlineMs));
}

/** What a coordinator is made of. */
export interface Ingredients {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly sagas: Sagas;
  /** What it opens beside the store itself it puts on the list. */
  readonly openStore: (patiently: Patiently, closing: Closing) => Promise<SagaStore>;
  /** Ends the wait for a store that is away. */
  readonly interruption: AbortSignal;
  /** Of participants that are in this process, by name. */
  readonly handlers?: Readonly<Record<string, Handle>>;
  /** The other processes of this coordinator, or `null` where it is one alone. */
  readonly siblings: Siblings | null;
  /** The processes that the crash theatre may kill; left out where nobody can say which. */
  readonly cast?: Cast | null;
}

export interface Assembled {
  /** With the sockets' own objects beside the request, where it came over one. */
  readonly fetch: (request: Request, bindings?: object) => Response | Promise<Response>;
  /** Of the inspector, or `null` where it is off. */
  readonly inspectorUrl: string | null;
  /** Where participants call back unless that was set; `null` where nobody can tell. */
  calledBackAt(url: string | null): void;
  /** Begins to take up what is due. */
  open(): void;
  /** Takes nothing new, lets calls settle, and releases what is left. */
  drain(): Promise<void>;
}

/** How what was opened is closed, in the order of opening. */
export type Closing = (() => Promise<unknown>)[];

/** In the opposite order: what was opened last may need what was opened before. */
export async function closeAll(closing: Closing): Promise<void> {
  for (const close of closing.splice(0).reverse()) await close();
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

/**
 * @param closing gets whatever is opened, also where what follows fails
 * @throws StoreRefusedError, StoreUnavailableError, MachineError, MachineChangedError: each says what to mend
 */
export async function assemble(
  { settings, logger, sagas, openStore, interruption, siblings, cast = null, handlers = {} }: Ingredients,
  closing: Closing,
): Promise<Assembled> {
  const version = versionInPackage();
  logger.info({ version, settings: shownSettings(settings) }, 'starting');
  if (isAccessOff(settings)) {
    logger.warn('HOST is not loopback and API_TOKEN is not set: whatever needs a token is switched off');
  }

  const machines = new Registry(settings.transitions);
  for (const definition of sagas(settings)) {
    const { id, version, madeBy } = machines.register(definition);
    if (madeBy.by === 'xstate' && madeBy.why === 'difference')
      logger.error(
        { machine: id, version, difference: madeBy.detail },
        'table and XState differ: XState makes the transitions of this machine',
      );
  }
  // New orders begin on the newest version, which comes last.
  const order = machines.all().findLast(({ id }) => id === 'order') ?? null;

  const metrics = createRegistry(siblings === null ? {} : { coordinator: settings.coordinatorId });
  const patiently = patience(logger, interruption);
  const keys = await openKeys(settings.sealing, systemClock, logger);
  closing.push(async () => keys.close());
  const store = sealedStore(timedStore(await openStore(patiently, closing), metrics), {
    keys,
    depth: settings.sealing.depth,
  });
  closing.push(() => store.close());
  // Also for what people read, and for the dates with which participants ask for patience.
  const clock = timeOf(store, systemClock);
  const { durability, survivesRestart } = store.info;
  logger[survivesRestart ? 'info' : 'warn'](
    { store: store.info },
    `store open: ${survivesRestart ? '' : 'durability is degraded: '}${durability}`,
  );

  const inspector = await openInspector(settings);
  if (inspector !== null) closing.push(() => inspector.close());
  const { coordinatorId } = settings;
  // A store that was opened need not take what is written.
  const boot = await patiently(() => store.boot(coordinatorId));
  const traces = await openTraces(settings, { coordinator: coordinatorId, boot, version }, logger);
  if (traces !== null) closing.push(() => traces.close());
  const build = { version, machines: machines.all(), participants: Object.keys(settings.serviceUrls) };
  buildInfo(metrics, build);
  const counting = new Counting(clock);
  const lastErrors = new LastErrors(clock);
  const webhook = webhookOf(settings, store, logger, webhookMessages(metrics));
  const observers: readonly Observe[] = [
    sagaMetrics(metrics, build),
    (event) => counting.observe(event),
    (event) => lastErrors.observe(event),
    logEvents(logger),
    ...(inspector === null ? [] : [inspector.observe]),
    ...(traces === null ? [] : [traces.observe]),
    ...(webhook === null ? [] : [webhook.observe]),
  ];

  const observe: Observe = (event) => {
    for (const tell of observers) tell(event);
  };

  const {
    serviceUrls: urls,
    serviceHeaders: headers,
    serviceSigningKeys: signingKeys,
    serviceProxies: proxies,
    connectionsMax,
    queueMax,
    connectTimeoutMs,
    connectionLifeMs,
  } = settings;
  const { answerBytesMax, breaker } = settings;
  const tls = watchedTls(settings.serviceTls, logger);
  let ownUrl: string | null = null;
  const callbacks = machines.all().some(({ steps }) => steps.some(({ asynchronous }) => asynchronous))
    ? new Callbacks(await store.secret(), () => settings.callbackUrl ?? ownUrl)
    : null;
  const { leaseMarginMs, leaseMaxMs, retentionMs } = settings;
  const rights = { leaseMarginMs, leaseMaxMs, retentionMs };
  const random = Math.random;
  const participants = new Participants(
    {
      urls,
      handlers,
      headers,
      signingKeys,
      proxies,
      tls,
      connectionsMax,
      queueMax,
      connectTimeoutMs,
      connectionLifeMs,
      answerBytesMax,
      breaker,
      ...(callbacks && { callbackHeaders: (id, call) => callbacks.headersOf(id, call) }),
    },
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
      tracing: settings.traces,
      ...(keys.ring.ids.length > 0 && { keyGeneration: () => keys.generation }),
    },
    machines,
    {
      pollMs: settings.pollMs,
      claimBatch: CLAIM_BATCH,
      claimLeaseMs: leaseMsOf(settings.callTimeoutMaxMs, rights),
      inHandMax: settings.inHandMax,
      inHandKeptPercent: settings.inHandKeptPercent,
      waitersMax: settings.waitersMax,
      alarmsMax: ALARMS_MAX,
      purgeEveryMs: PURGE_EVERY_MS,
      purgeEarlyMs: settings.purgeEarlyMs,
      auditKeepMs: settings.auditKeepMs,
      auditEntriesMax: settings.auditEntriesMax,
      compactAfterMs: settings.compactAfterMs,
      keepMs: settings.retentionMs,
      declareEveryMs: DECLARE_EVERY_MS,
      versionGoneAfterMs: settings.versionGoneAfterMs,
      watchPollMs: WATCH_POLL_MS,
      watchersMax: settings.watchersMax,
    },
  );
  await patiently(() => engine.declare());
  closing.push(() => engine.withdraw());
  engineGauges(metrics, engine);
  const keeper = new Keeper(store.history, engine, clock, counting);
  closing.push(() => keeper.close());

  const probes = new Probes(
    urls,
    headers,
    clock,
    (name, timeoutMs) => connectorBy({ proxy: proxies[name] ?? null, timeoutMs, tls: tls[name] }),
    new Set(Object.keys(handlers)),
  );
  closing.push(() => probes.close());
  const held = heldTokens(settings);
  const session = held.length === 0 ? null : new Session(held);
  const users = await openUsers(settings, store, logger);
  const ids = new Set(machines.all().map(({ id }) => id));
  const sinceStart = () => systemClock.monotonic();
  const refusals = new Refusals(metrics, logger, ids, sinceStart);
  const limits = new Limits(settings, ids, sinceStart, refusals);
  const calls = { urls, traceUrl: settings.traceUrl };
  const bulks = new Bulks({ engine, notes: store.notes, clock });
  const shown = {
    engine,
    machines: machines.all(),
    probes,
    calls,
    bulks,
    lastErrors,
    limits,
    version,
    clock,
    session,
    users,
    theatre: settings.faults ? { cast, own: coordinatorId, stubs: new Stubs(urls) } : null,
  };
  const pages = settings.dashboard ? await openPages(shown) : null;
  const app = createApp({
    ...shown,
    machine: order,
    waitMs: settings.orderWaitMs,
    access: guard(settings, { session, callbacks, users }),
    pages,
    metrics: httpMetrics(
      metrics,
      siblings?.page(() => metrics.metrics()),
    ),
    logger,
    publicPath: settings.publicPath,
  });
  return {
    fetch: (request, bindings) => app.fetch(request, bindings),
    inspectorUrl: inspector?.url ?? null,
    calledBackAt: (url) => {
      ownUrl = url;
      if (callbacks !== null && url === null && settings.callbackUrl === null)
        logger.warn('CALLBACK_URL is not set: asynchronous participants are told no Saga-Callback-Url');
    },
    open: () => {
      engine.open();
      webhook?.start();
      keeper.open();
    },
    drain: async () => {
      await webhook?.stop();
      await engine.drain(settings.drainMs);
    },
  };
}

/** What OpenID Connect needs is loaded only where there is a provider. What it says of times is held against this machine's clock. */
async function openUsers({ identity }: Settings, store: SagaStore, logger: Logger): Promise<Users | null> {
  if (identity.oidc === null) return null;
  const { Users } = await import('./identity/users.ts');
  return new Users(identity.oidc, { secret: await store.secret(), logger, clock: systemClock });
}

function webhookOf(
  { webhook, coordinatorId }: Settings,
  store: SagaStore,
  logger: Logger,
  counted: (deliver: Deliver) => Deliver,
): Webhook | null {
  if (webhook === null) return null;
  return new Webhook({
    store,
    clock: systemClock,
    deliver: counted(deliverTo(webhook, systemClock.now)),
    coordinator: coordinatorId,
    stuckAfterMs: webhook.stuckAfterMs,
    tell: ({ message: { id, type }, failures, why }) => {
      if (why === null) logger.info({ message: id, type, failures }, 'the webhook takes messages again');
      // The first says what is wrong, and the others that it still is.
      else if (failures === 1 || failures % 10 === 0)
        logger.warn(
          { message: id, type, failures, why },
          'the webhook did not take a message: it is sent again',
        );
    },
    fault: (error) => logger.error({ err: shownError(error) }, 'the webhook met a fault'),
  });
}

/** The pages are loaded only where they are shown. */
async function openPages(parts: DashboardParts): Promise<Pages> {
  const { dashboard } = await import('./dashboard/routes.tsx');
  return dashboard(parts);
}

async function openInspector({ inspectPort }: Settings): Promise<Inspector | null> {
  if (inspectPort === null) return null;
  const { startInspector } = await import('./telemetry/inspector.ts');
  return startInspector(inspectPort);
}

/** OpenTelemetry is loaded only where there is a collector to send to. */
async function openTraces(
  { traces, serviceUrls }: Settings,
  instance: Instance,
  logger: Logger,
): Promise<Traces | null> {
  for (const warning of traces.warnings) logger.warn(warning);
  if (traces.export === null) return null;
  const { exportTraces } = await import('./telemetry/traces.ts');
  return exportTraces(traces.export, instance, {
    now: spanClock(systemClock),
    newSpanId: () => randomBytes(8).toString('hex'),
    urls: serviceUrls,
    logger,
  });
}

/** package.json stands beside the sources, and above the compiled files. */
function versionInPackage(): string {
  const here = import.meta.url;
  const url = new URL(here.endsWith('.ts') ? '../package.json' : '../../package.json', here);
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}
