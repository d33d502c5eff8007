/** From the environment to frozen settings, or to all that is wrong with it at once. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { z } from 'zod';
import { DURATION_MAX_MS } from '../machines/duration.ts';
import { canonicalHost, isLoopback } from './hosts.ts';
import {
  IDENTITY_VARIABLES,
  type IdentitySettings,
  readIdentity,
  shownIdentity,
} from './identity-settings.ts';
import { LIMIT_VARIABLES, type LimitSettings, limitsIn, strangersIn } from './limit-settings.ts';
import { misspelt } from './misspelt.ts';
import { ms, whole } from './numbers.ts';
import {
  inCapitals,
  type PolicySettings,
  policyVariables,
  readPolicies,
  type SagaOutline,
  stepNames,
} from './policy-settings.ts';
import { proxyFor } from './proxy-settings.ts';
import { readSealing, type SealingSettings } from './sealing-settings.ts';
import { readService, readSigningKey, type SigningKey } from './service-settings.ts';
import { readTls, type TlsFiles, tlsVariables } from './tls-settings.ts';
import { readTraceSettings, TRACE_VARIABLES, type TraceSettings } from './trace-settings.ts';
import { readWebhook, shownWebhook, type WebhookSettings } from './webhook-settings.ts';

/** The participants of the order saga, in the order in which it calls them, with their fixed ports. Each makes one step. */
const PARTICIPANTS = {
  order: 8000,
  inventory: 8001,
  payment: 8002,
  shipping: 8003,
  notification: 8004,
} as const;
const ORDER_PARTICIPANTS = Object.keys(PARTICIPANTS) as readonly (keyof typeof PARTICIPANTS)[];

export type { SagaOutline };

/** The order saga as far as settings go, so that a process that runs none need not load it. */
export const ORDER_OUTLINE: SagaOutline = {
  id: 'order',
  steps: ORDER_PARTICIPANTS.map((name) => ({ name, participant: name })),
  stubs: PARTICIPANTS,
};

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the settings cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

const port = whole(0, 65_535);
const flag = z.enum(['0', '1']).transform((value) => value === '1');
/** Without `=` inside and without blanks, as RFC 6750 wants it: otherwise no header could carry it. */
const token = z
  .string()
  .regex(/^[\w.~+/-]+=*$/, 'letters, digits and . _ ~ + / - only, with = at the end only')
  .min(16, 'at least 16 characters')
  .max(1024, 'at most 1024 characters');
const NO_HOST = 'must be a host name or an address, without a port';
const hosts = z
  .string()
  .refine((list) => hostsIn(list).every((host) => canonicalHost(host) !== null), `each ${NO_HOST}`);
const proxies = z
  .string()
  .refine((list) => subnetsIn(list) !== null, 'addresses or CIDRs such as 10.0.0.0/8, separated by commas');
const pathPrefix = z
  .string()
  .transform((path) => path.replace(/\/$/, ''))
  .refine(isPathPrefix, 'must be a path such as /saga/, of letters, digits and . _ ~ - between its slashes');
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

const schema = z.object({
  COORDINATOR_PORT: port.default(9000),
  HOST: z
    .string()
    .refine((value) => canonicalHost(value) !== null, NO_HOST)
    .default('127.0.0.1'),
  KEEP_ALIVE_MS: ms.default(75_000),
  ALLOWED_HOSTS: hosts.optional(),
  TRUSTED_PROXIES: proxies.optional(),
  PUBLIC_PATH: pathPrefix.optional(),
  CALLBACK_URL: httpUrl.optional(),
  API_TOKEN: token.optional(),
  ORDERS_NEED_TOKEN: flag.optional(),
  COORDINATOR_ID: z
    .string()
    .regex(/^[\w.:-]{1,100}$/, 'letters, digits and . : _ - only, at most 100')
    .optional(),
  REDIS_URL: z
    .string()
    .refine(
      (value) => /^(rediss?(\+sentinel|\+cluster)?|unix):\/\/./.test(value),
      'must be a redis://, rediss:// or unix:// URL, or one of redis+sentinel:// and redis+cluster://',
    )
    .optional(),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\w.:-]{1,64}$/, 'letters, digits and . : _ - only, at most 64')
    .optional(),
  COORDINATOR_PROCESSES: whole(1, 64).default(1),
  DATA_DIR: z.string().min(1).default('data'),
  SERVICE_HOSTS: z.enum(['localhost', 'containers']).default('localhost'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  LOG_LEVEL_FORMAT: z.enum(['number', 'word']).default('number'),
  LOG_TIME_FORMAT: z.enum(['epoch', 'rfc3339']).default('epoch'),
  DASHBOARD: flag.default(true),
  TRACE_URL: httpUrl
    .refine((url) => url.includes('{trace_id}'), 'must have {trace_id} where the id of a trace belongs')
    .optional(),
  WEBHOOK_URL: httpUrl.optional(),
  WEBHOOK_SIGNING_KEY: z.string().optional(),
  WEBHOOK_SIGNING_KEY_FILE: z.string().optional(),
  WEBHOOK_STUCK_AFTER_MS: whole(0, DURATION_MAX_MS).default(900_000),
  FAULTS: flag.default(false),
  INSPECT: flag.default(false),
  INSPECT_PORT: port.default(9001),
  REDIS_WAIT_REPLICAS: whole(0, 100).default(0),
  REDIS_WAIT_FSYNC: flag.default(false),
  REDIS_WAIT_TIMEOUT_MS: whole(1, 2000).default(1000),
  PARTITIONS: whole(1, 4096).optional(),
  SAGAS_IN_HAND_MAX: whole(1, 1_000_000).default(5000),
  SAGAS_IN_HAND_KEPT_PERCENT: whole(0, 100).default(50),
  ORDERS_WAITING_MAX: whole(0, 1_000_000).default(10_000),
  WATCHERS_MAX: whole(0, 1_000_000).default(1000),
  SAGAS_IN_FLIGHT_MAX: whole(1, 100_000_000).default(100_000),
  ...LIMIT_VARIABLES,
  PARTICIPANT_CONNECTIONS_MAX: whole(1, 10_000).default(128),
  ANSWER_BYTES_MAX: whole(1024, 1024 * 1024).default(256 * 1024),
  PARTICIPANT_QUEUE_MAX: whole(0, 1_000_000).default(2048),
  CONNECT_TIMEOUT_MS: ms.default(2000),
  CONNECTION_LIFE_MS: ms.default(60_000),
  BREAKER_FAILURES_MAX: whole(1, 1_000_000).default(5),
  BREAKER_OPEN_MS: ms.default(2000),
  BREAKER_OPEN_MAX_MS: ms.default(30_000),
  LEASE_MARGIN_MS: ms.default(500),
  LEASE_MAX_MS: ms.default(15_000),
  POLL_MS: ms.default(200),
  ORDER_WAIT_MS: ms.default(30_000),
  DRAIN_MS: ms.default(25_000),
  SAGAS: z.string().optional(),
  SAGA_DEADLINE_MS: whole(1, DURATION_MAX_MS).optional(),
  TRANSITIONS: z.enum(['table', 'xstate']).default('table'),
  VERSION_GONE_AFTER_MS: whole(1, 365 * 24 * 3600 * 1000).default(3600 * 1000),
  RETENTION_HOURS: whole(1, 24 * 366 * 10).default(24 * 7),
  RETENTION_LEAST_HOURS: whole(1, 24 * 366 * 10).optional(),
  SEALING: z.enum(['off', 'secrets', 'whole']).optional(),
  SEALING_KEYS: z.string().optional(),
  SEALING_KEYS_FILE: z.string().optional(),
  AUDIT_RETENTION_DAYS: whole(1, 366 * 20).default(400),
  AUDIT_ENTRIES_MAX: whole(1000, 10_000_000).default(50_000),
  AUDIT_KEY: z.string().optional(),
  AUDIT_KEY_FILE: z.string().optional(),
  COMPACT_AFTER_MINUTES: whole(0, 60 * 24 * 366).default(10),
});

/** How a line of the log says how grave it is, and when it was written. */
export interface LogFormat {
  readonly level: 'number' | 'word';
  /** Milliseconds since 1970, or RFC 3339 in UTC. */
  readonly time: 'epoch' | 'rfc3339';
}

export interface Settings extends PolicySettings, LimitSettings {
  readonly port: number;
  readonly host: string;
  /** How long a client's connection is kept after an answer. */
  readonly keepAliveMs: number;
  /** What a request's Host may name beside loopback and `host`, in canonical form. */
  readonly allowedHosts: readonly string[];
  /** Addresses whose `Forwarded` and `X-Forwarded-*` are believed. */
  readonly trustedProxies: readonly Subnet[];
  /** What stands before each path in the eyes of clients: nothing, or such as `/saga`. */
  readonly publicPath: string;
  /** Where participants reach the coordinator, without a slash at its end; `null` where that was not said. */
  readonly callbackUrl: string | null;
  /** What reads and commands must bring, or `null` where none was set. A secret. */
  readonly apiToken: string | null;
  /** Who else may ask, and what is open to everybody. Has secrets. */
  readonly identity: IdentitySettings;
  /** Stable over restarts, different for each coordinator that shares a store. */
  readonly coordinatorId: string;
  /** How many processes share the port; 1 is this one, without any other. */
  readonly processes: number;
  readonly redisUrl: string | null;
  /** What every key of the store begins with, inside its hash tag. */
  readonly redisPrefix: string;
  readonly dataDir: string;
  /** Base URLs, without credentials. */
  readonly serviceUrls: Readonly<Record<string, string>>;
  /** What every call to a service carries, credentials of its URL among it: names and values in turn. Secrets. */
  readonly serviceHeaders: Readonly<Record<string, readonly string[]>>;
  /** By which key calls to a service are signed; those that are not named are not. Secrets. */
  readonly serviceSigningKeys: Readonly<Record<string, SigningKey>>;
  /** What those are shown that speak TLS, and whom to believe for them; all the same object where it was set for all. */
  readonly serviceTls: Readonly<Record<string, TlsFiles>>;
  /** The same of Redis. */
  readonly redisTls: TlsFiles | null;
  /** Through which proxy each is called, with the proxy's credentials; `null` for directly. */
  readonly serviceProxies: Readonly<Record<string, string | null>>;
  readonly logLevel: string;
  readonly logFormat: LogFormat;
  /** Whether the operators' pages are shown. */
  readonly dashboard: boolean;
  /** Where a trace is looked at, with `{trace_id}` in the place of its id; `null` where it is not told. */
  readonly traceUrl: string | null;
  /** Who is told what needs a person; `null` where nobody is. Has secrets. */
  readonly webhook: WebhookSettings | null;
  /** Whether whoever operates may break things to see them mended: faults of stub services, and the crash theatre. */
  readonly faults: boolean;
  /** Port of the inspector, or `null` where it is off. */
  readonly inspectPort: number | null;
  readonly traces: TraceSettings;
  /** How many replicas must have a write before it counts, and how long they may take; `null` where none must. */
  readonly waitReplicas: {
    readonly count: number;
    readonly timeoutMs: number;
    readonly fsync: boolean;
  } | null;
  /** `null` leaves it to the store. */
  readonly partitions: number | null;
  readonly inHandMax: number;
  /** Of these places, per cent that are kept for machines in equal parts, where there are several. */
  readonly inHandKeptPercent: number;
  readonly inFlightMax: number;
  readonly waitersMax: number;
  /** Streams of events at once. */
  readonly watchersMax: number;
  readonly connectionsMax: number;
  /** Calls to one participant that may wait for a connection. */
  readonly queueMax: number;
  readonly connectTimeoutMs: number;
  /** How old a connection to a participant may be and still be given a call. */
  readonly connectionLifeMs: number;
  readonly answerBytesMax: number;
  /** How many failures in a row open a participant's breaker, and how long it is open at first and at most. */
  readonly breaker: { readonly failuresMax: number; readonly openMs: number; readonly openMaxMs: number };
  readonly leaseMarginMs: number;
  readonly leaseMaxMs: number;
  readonly pollMs: number;
  readonly orderWaitMs: number;
  readonly drainMs: number;
  readonly retentionMs: number;
  /** How much earlier they may go where the store is nearly full; 0 for never. */
  readonly purgeEarlyMs: number;
  /** How long entries of the audit are kept, and how many at most. */
  readonly auditKeepMs: number;
  readonly auditEntriesMax: number;
  /** By which they are sealed; `null` where they are not. A secret. */
  readonly auditKey: SigningKey | null;
  /** How long ago a saga has ended when its record is made smaller; 0 for never. */
  readonly compactAfterMs: number;
  /** For how long no coordinator may have run a machine's version before its sagas are parked. */
  readonly versionGoneAfterMs: number;
  /** How long a saga may run before it is undone; `null` where it may run for ever. */
  readonly sagaDeadlineMs: number | null;
  /** What makes the transitions of machines, as far as it can. */
  readonly transitions: 'table' | 'xstate';
  /** What of records is kept sealed, and by which keys. */
  readonly sealing: SealingSettings;
  /** What in the environment looks like a setting and is none. */
  readonly warnings: readonly string[];
}

function hostsIn(list = ''): string[] {
  return list === '' ? [] : list.split(',').map((host) => host.trim());
}

/** `10.0.0.0/8` is the first 8 bits of that address; a bare address is all of its bits. */
interface Subnet {
  readonly address: string;
  readonly bits: number;
}

/** `null` where one of them is none. */
function subnetsIn(list = ''): readonly Subnet[] | null {
  const subnets = hostsIn(list).map((text) => {
    const [, address = '', digits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
    const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
    const bits = digits === undefined ? most : Number(digits);
    return bits >= 0 && bits <= most ? Object.freeze({ address, bits }) : null;
  });
  const known = subnets.filter((subnet) => subnet !== null);
  return known.length === subnets.length ? Object.freeze(known) : null;
}

/** No empty segment, since what follows `//` is another server; no dots that lead upwards; nothing to be escaped. */
export function isPathPrefix(path: string): boolean {
  return path.length <= 200 && /^(\/(?!\.{1,2}(\/|$))[\w.~-]+)*$/.test(path);
}

/** How long a start waits for a Redis that is away: it was started beside us, or reads a long append-only file. */
export const STORE_PATIENCE_MS = 60_000;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * @param sagas that are registered: what they call must be known, and how can be set
 * @throws ConfigError that names every variable that cannot be used
 */
export function readSettings(
  environment: Environment,
  sagas: readonly SagaOutline[] = [ORDER_OUTLINE],
): Settings {
  // An empty variable counts as unset: Compose and shells make them so.
  const env = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  );
  const problems: string[] = [];
  const parse = <T>(name: string, type: z.ZodType<T>): T | undefined => {
    const { success, data, error } = type.safeParse(env[name]);
    if (success) return data;
    problems.push(`${name}: ${error.issues.map(({ message }) => message).join(', ')}`);
    return undefined;
  };

  const parsed = schema.safeParse(env);
  if (!parsed.success) {
    problems.push(...parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`));
  }
  const access = { isHere: isLoopback(env.HOST ?? '127.0.0.1'), apiToken: env.API_TOKEN ?? null };
  const identity = readIdentity(env, access, (problem) => void problems.push(problem));
  if (/[?#@]/.test(parsed.data?.CALLBACK_URL ?? '')) {
    problems.push('CALLBACK_URL: must have no user, no query and no fragment: a path is put behind it');
  }
  if (parsed.success && parsed.data.LEASE_MAX_MS < 4 * parsed.data.LEASE_MARGIN_MS) {
    problems.push(
      'LEASE_MAX_MS: must be four times LEASE_MARGIN_MS at least, or no time is left to renew it',
    );
  }
  const strangers = strangersIn(
    parsed.data?.STARTS_PER_MACHINE_MAX,
    sagas.map(({ id }) => id),
  );
  if (strangers !== null) problems.push(`STARTS_PER_MACHINE_MAX: ${strangers}`);
  if (env.INSPECT === '1' && (parsed.data?.COORDINATOR_PROCESSES ?? 1) > 1) {
    problems.push('INSPECT: the inspector shows one process alone; set COORDINATOR_PROCESSES to 1');
  }
  const { BREAKER_OPEN_MS: openMs = 0, BREAKER_OPEN_MAX_MS: openMaxMs = openMs } = parsed.data ?? {};
  if (openMaxMs < openMs) {
    problems.push(`BREAKER_OPEN_MAX_MS: must not be less than BREAKER_OPEN_MS, which is ${openMs}`);
  }
  const { RETENTION_HOURS: hours = 0, RETENTION_LEAST_HOURS: leastHours = hours } = parsed.data ?? {};
  if (leastHours > hours) {
    problems.push(`RETENTION_LEAST_HOURS: must not be more than RETENTION_HOURS, which is ${hours}`);
  }
  const sealing = readSealing(
    parsed.data?.SEALING,
    env.SEALING_KEYS,
    env.SEALING_KEYS_FILE,
    (variable, problem) => void problems.push(`${variable}: ${problem}`),
  );
  const services = participantsOf(sagas).map(({ name, saga, step }) => {
    const unset = defaultUrl(name, sagas, env.SERVICE_HOSTS === 'containers');
    const variable = serviceUrlVariable(name);
    const ownHeaders = serviceHeadersVariable(name);
    const complainOf = (about: string) => (problem: string) => void problems.push(`${about}: ${problem}`);
    if (env[variable] === undefined && unset === null)
      complainOf(variable)(
        `is not set, and saga ${saga} calls ${name} in its step ${step}: set it to the URL of ${name}`,
      );
    // What stands in for a URL that is told to be wrong is never called.
    const url = parse(variable, httpUrl.default(unset ?? NOWHERE)) ?? NOWHERE;
    const service = readService(url, env[ownHeaders] ?? '', complainOf(variable), complainOf(ownHeaders));
    const signing = serviceSigningKeyVariable(name);
    const inFile = `${signing}_FILE`;
    const signingKey = readSigningKey(
      env[signing] ?? '',
      env[inFile] ?? '',
      complainOf(signing),
      complainOf(inFile),
    );
    return [name, { ...service, signingKey }] as const;
  });
  const serviceUrls = byName(services.map(([name, { url }]) => [name, url]));
  const serviceHeaders = byName(services.map(([name, { headers }]) => [name, Object.freeze(headers)]));
  const serviceSigningKeys = byName(
    services.flatMap(([name, { signingKey }]) =>
      signingKey === null ? [] : [[name, Object.freeze(signingKey)] as const],
    ),
  );
  const toldOf = new Set<string>();
  const webhook = readWebhook(
    env,
    parsed.data?.WEBHOOK_STUCK_AFTER_MS ?? 0,
    (variable, problem) => void problems.push(`${variable}: ${problem}`),
  );
  const auditKey = readSigningKey(
    env.AUDIT_KEY ?? '',
    env.AUDIT_KEY_FILE ?? '',
    (problem) => void problems.push(`AUDIT_KEY: ${problem}`),
    (problem) => void problems.push(`AUDIT_KEY_FILE: ${problem}`),
  );
  const serviceProxies = byName(
    services.map(([name, { url }]) => {
      // One variable serves several services, and is wrong once.
      const complain = (variable: string, problem: string) => {
        if (!toldOf.has(variable)) problems.push(`${variable}: ${problem}`);
        toldOf.add(variable);
      };
      return [name, proxyFor(url, env, complain)];
    }),
  );
  const complainOfTls = (variable: string, problem: string) => void problems.push(`${variable}: ${problem}`);
  const allTls = readTls(env, 'SERVICE', complainOfTls);
  const serviceTls = byName(
    services.flatMap(([name, { url }]) => {
      const beginning = `${inCapitals(name)}_SERVICE`;
      const own = readTls(env, beginning, complainOfTls);
      const isTls = url.startsWith('https:');
      if (own !== null && !isTls)
        complainOfTls(serviceUrlVariable(name), `must be https where ${beginning}_TLS_… is set`);
      const tls = isTls ? (own ?? allTls) : null;
      return tls === null ? [] : [[name, tls] as const];
    }),
  );
  const redisTls = readTls(env, 'REDIS', complainOfTls);
  if (redisTls !== null && env.REDIS_URL !== undefined && !env.REDIS_URL.startsWith('rediss'))
    complainOfTls('REDIS_URL', 'must begin with rediss where REDIS_TLS_… is set');
  const policies = readPolicies(parse, sagas);
  const spelling = misspelt(env, knownNames(sagas), stepNames(sagas));
  problems.push(...spelling.problems);
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);

  const values = parsed.data;
  const settings: Settings = {
    port: values.COORDINATOR_PORT,
    host: values.HOST,
    keepAliveMs: values.KEEP_ALIVE_MS,
    allowedHosts: Object.freeze(hostsIn(values.ALLOWED_HOSTS).flatMap((host) => canonicalHost(host) ?? [])),
    trustedProxies: subnetsIn(values.TRUSTED_PROXIES) ?? [],
    publicPath: values.PUBLIC_PATH ?? '',
    callbackUrl: values.CALLBACK_URL?.replace(/\/+$/, '') ?? null,
    apiToken: values.API_TOKEN ?? null,
    identity,
    coordinatorId: values.COORDINATOR_ID ?? `${hostname()}:${values.COORDINATOR_PORT}`,
    processes: values.COORDINATOR_PROCESSES,
    redisUrl: values.REDIS_URL ?? null,
    redisPrefix: values.REDIS_PREFIX ?? '',
    dataDir: values.DATA_DIR,
    serviceUrls,
    serviceHeaders,
    serviceSigningKeys,
    serviceProxies,
    serviceTls,
    redisTls,
    logLevel: values.LOG_LEVEL,
    logFormat: Object.freeze({ level: values.LOG_LEVEL_FORMAT, time: values.LOG_TIME_FORMAT }),
    dashboard: values.DASHBOARD,
    traceUrl: values.TRACE_URL ?? null,
    webhook,
    faults: values.FAULTS,
    inspectPort: values.INSPECT ? values.INSPECT_PORT : null,
    traces: readTraceSettings(env),
    warnings: Object.freeze(spelling.warnings),
    waitReplicas:
      values.REDIS_WAIT_REPLICAS === 0 && !values.REDIS_WAIT_FSYNC
        ? null
        : {
            count: values.REDIS_WAIT_REPLICAS,
            timeoutMs: values.REDIS_WAIT_TIMEOUT_MS,
            fsync: values.REDIS_WAIT_FSYNC,
          },
    partitions: values.PARTITIONS ?? null,
    inHandMax: values.SAGAS_IN_HAND_MAX,
    inHandKeptPercent: values.SAGAS_IN_HAND_KEPT_PERCENT,
    inFlightMax: values.SAGAS_IN_FLIGHT_MAX,
    waitersMax: values.ORDERS_WAITING_MAX,
    watchersMax: values.WATCHERS_MAX,
    ...limitsIn(values),
    connectionsMax: values.PARTICIPANT_CONNECTIONS_MAX,
    queueMax: values.PARTICIPANT_QUEUE_MAX,
    connectTimeoutMs: values.CONNECT_TIMEOUT_MS,
    connectionLifeMs: values.CONNECTION_LIFE_MS,
    answerBytesMax: values.ANSWER_BYTES_MAX,
    breaker: Object.freeze({
      failuresMax: values.BREAKER_FAILURES_MAX,
      openMs: values.BREAKER_OPEN_MS,
      openMaxMs: values.BREAKER_OPEN_MAX_MS,
    }),
    leaseMarginMs: values.LEASE_MARGIN_MS,
    leaseMaxMs: values.LEASE_MAX_MS,
    pollMs: values.POLL_MS,
    orderWaitMs: values.ORDER_WAIT_MS,
    drainMs: values.DRAIN_MS,
    versionGoneAfterMs: values.VERSION_GONE_AFTER_MS,
    retentionMs: values.RETENTION_HOURS * 3600 * 1000,
    compactAfterMs: values.COMPACT_AFTER_MINUTES * 60_000,
    purgeEarlyMs:
      (values.RETENTION_HOURS - (values.RETENTION_LEAST_HOURS ?? values.RETENTION_HOURS)) * 3600 * 1000,
    auditKeepMs: values.AUDIT_RETENTION_DAYS * 24 * 3600 * 1000,
    auditEntriesMax: values.AUDIT_ENTRIES_MAX,
    auditKey,
    sagaDeadlineMs: values.SAGA_DEADLINE_MS ?? null,
    transitions: values.TRANSITIONS,
    sealing: Object.freeze(sealing),
    ...policies,
  };
  return Object.freeze(settings);
}

/** Never called: it stands where a start is refused. */
const NOWHERE = 'http://localhost';

/** Everybody that is called, with the first step that does. */
function participantsOf(sagas: readonly SagaOutline[]) {
  const found = new Map<string, { readonly name: string; readonly saga: string; readonly step: string }>();
  for (const { id, steps } of sagas) {
    for (const { name: step, participant: name } of steps)
      if (!found.has(name)) found.set(name, { name, saga: id, step });
  }
  return [...found.values()];
}

/** Participants that a saga brings have fixed addresses; `null` for all others, of which nobody knows where they are. */
function defaultUrl(name: string, sagas: readonly SagaOutline[], inContainers: boolean): string | null {
  const port = sagas.find(({ stubs }) => stubs?.[name] !== undefined)?.stubs?.[name];
  if (port === undefined) return null;
  return `http://${inContainers ? `${name}-service` : 'localhost'}:${port}`;
}

/** Every variable by name with its default, `null` where it has none, but those of TLS of each service: docs/settings.md is held against it. */
export function variables(): ReadonlyMap<string, string | number | boolean | null> {
  const plain = Object.entries(schema.shape).map(
    ([name, type]) => [name, type.parse(undefined) ?? null] as const,
  );
  const urls = Object.entries(readSettings({}).serviceUrls).map(
    ([name, url]) => [serviceUrlVariable(name), url] as const,
  );
  const traces = Object.entries(TRACE_VARIABLES);
  const headers = ORDER_PARTICIPANTS.map((name) => [serviceHeadersVariable(name), null] as const);
  const signing = ORDER_PARTICIPANTS.flatMap((name) =>
    signingVariables(name).map((variable) => [variable, null] as const),
  );
  const tls = tlsNames([]).map((name) => [name, null] as const);
  const proxies = PROXY_VARIABLES.map((name) => [name, null] as const);
  return new Map<string, string | number | boolean | null>([
    ...plain,
    ...urls,
    ...headers,
    ...signing,
    ...proxies,
    ...tls,
    ...policyVariables(),
    ...Object.entries(IDENTITY_VARIABLES),
    ...traces,
  ]);
}

const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;

/** Read by other programs of ours: the command line, the stub services, `npm start`. */
const READ_ELSEWHERE = [
  'SAGA_URL',
  'INVENTORY_STOCK',
  ...ORDER_PARTICIPANTS.map((name) => `${name.toUpperCase()}_PORT`),
];

/** Every name that means something to us, those of each step's policies among them. */
function knownNames(sagas: readonly SagaOutline[]): ReadonlySet<string> {
  const { plain, qualified } = stepNames(sagas);
  // Where the order saga is not registered, its services' names may be set all the same, for others.
  const participants = [...ORDER_PARTICIPANTS, ...participantsOf(sagas).map(({ name }) => name)];
  const policies = policyVariables().map(([name]) => name);
  return new Set([
    ...Object.keys(schema.shape),
    ...Object.keys(TRACE_VARIABLES),
    ...Object.keys(IDENTITY_VARIABLES),
    ...participants.flatMap((name) => [
      serviceUrlVariable(name),
      serviceHeadersVariable(name),
      ...signingVariables(name),
    ]),
    ...tlsNames(participants),
    ...READ_ELSEWHERE,
    ...sagas.flatMap(({ stubs = {} }) => Object.keys(stubs).map((name) => `${inCapitals(name)}_PORT`)),
    ...policies,
    ...[...plain, ...qualified].flatMap((step) => policies.map((policy) => `${step}_${policy}`)),
  ]);
}

export function serviceUrlVariable(name: string): string {
  return `${inCapitals(name)}_SERVICE_URL`;
}

export function serviceHeadersVariable(name: string): string {
  return `${inCapitals(name)}_SERVICE_HEADERS`;
}

export function serviceSigningKeyVariable(name: string): string {
  return `${inCapitals(name)}_SERVICE_SIGNING_KEY`;
}

/** Of Redis, of all services, and of each. */
function tlsNames(participants: readonly string[]): readonly string[] {
  const services = participants.map((name) => `${inCapitals(name)}_SERVICE`);
  return ['REDIS', 'SERVICE', ...services].flatMap(tlsVariables);
}

function signingVariables(name: string): readonly string[] {
  const variable = serviceSigningKeyVariable(name);
  return [variable, `${variable}_FILE`];
}

function byName<T>(pairs: readonly (readonly [string, T])[]): Readonly<Record<string, T>> {
  return Object.freeze(Object.fromEntries(pairs));
}

/** The settings as they may be logged: without the token, without headers' values, and without what a URL carries before its host. */
export function shownSettings({
  policiesOf: _,
  warnings: __,
  ...settings
}: Settings): Record<string, unknown> {
  // Their names say that there are some; their values are secrets.
  const serviceHeaders = Object.fromEntries(
    Object.entries(settings.serviceHeaders).map(([name, headers]) => [
      name,
      headers.filter((_, index) => index % 2 === 0),
    ]),
  );
  const serviceSigningKeys = Object.fromEntries(
    Object.entries(settings.serviceSigningKeys).map(([name, { id }]) => [name, id]),
  );
  const serviceProxies = Object.fromEntries(
    Object.entries(settings.serviceProxies).map(([name, proxy]) => [name, proxy && withoutSecrets(proxy)]),
  );
  const { warnings: _warnings, export: spans, ...traces } = settings.traces;
  return {
    ...settings,
    serviceHeaders,
    serviceSigningKeys,
    serviceProxies,
    apiToken: settings.apiToken && '[redacted]',
    sealing: { ...settings.sealing, keys: settings.sealing.keys && '[redacted]' },
    auditKey: settings.auditKey?.id ?? null,
    webhook: settings.webhook && shownWebhook(settings.webhook),
    identity: shownIdentity(settings.identity),
    redisUrl: settings.redisUrl && withoutSecrets(settings.redisUrl),
    // The warnings have lines of their own.
    traces: { ...traces, export: spans && { ...spans, url: withoutSecrets(spans.url) } },
  };
}

export function withoutSecrets(url: string): string {
  // To the last @: a password that was not escaped may hold one itself, or a slash.
  return url.replace(/\/\/.*@/s, '//[redacted]@').replace(/([?&]\w*password=)[^&]*/gi, '$1[redacted]');
}
