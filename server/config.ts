/** From the environment to frozen settings, or to all that is wrong with it at once. */
import { hostname } from 'node:os';
import { z } from 'zod';
import type { CallPolicy, Kind, Policies } from '../machines/index.ts';

/** The participants of the order saga, in the order in which it calls them, with their fixed ports. */
const PARTICIPANTS = {
  order: 8000,
  inventory: 8001,
  payment: 8002,
  shipping: 8003,
  notification: 8004,
} as const;
export type ParticipantName = keyof typeof PARTICIPANTS;
export const PARTICIPANT_NAMES = Object.keys(PARTICIPANTS) as readonly ParticipantName[];

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(`the settings cannot be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** In digits: coercing would read a blank as 0, and port 0 is any port. */
const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(least).max(most));
const port = whole(0, 65_535);
const ms = whole(1, 24 * 3600 * 1000);
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
const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

const schema = z.object({
  COORDINATOR_PORT: port.default(9000),
  HOST: z
    .string()
    .refine((value) => canonicalHost(value) !== null, NO_HOST)
    .default('127.0.0.1'),
  ALLOWED_HOSTS: hosts.optional(),
  API_TOKEN: token.optional(),
  ORDERS_NEED_TOKEN: flag.default(false),
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
  COORDINATOR_PROCESSES: whole(1, 64).default(1),
  DATA_DIR: z.string().min(1).default('data'),
  SERVICE_HOSTS: z.enum(['localhost', 'containers']).default('localhost'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  INSPECT: flag.default(false),
  INSPECT_PORT: port.default(9001),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: z.enum(['http/protobuf', 'http/json']).default('http/protobuf'),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none']).default('otlp'),
  OTEL_SDK_DISABLED: z.enum(['false', 'true']).default('false'),
  REDIS_WAIT_REPLICAS: whole(0, 100).default(0),
  REDIS_WAIT_TIMEOUT_MS: whole(1, 2000).default(1000),
  PARTITIONS: whole(1, 4096).default(16),
  SAGAS_IN_HAND_MAX: whole(1, 1_000_000).default(5000),
  ORDERS_WAITING_MAX: whole(0, 1_000_000).default(10_000),
  SAGAS_IN_FLIGHT_MAX: whole(1, 100_000_000).default(100_000),
  PARTICIPANT_CONNECTIONS_MAX: whole(1, 10_000).default(128),
  ANSWER_BYTES_MAX: whole(1024, 1024 * 1024).default(256 * 1024),
  PARTICIPANT_QUEUE_MAX: whole(0, 1_000_000).default(2048),
  CONNECT_TIMEOUT_MS: ms.default(2000),
  BREAKER_FAILURES_MAX: whole(1, 1_000_000).default(5),
  BREAKER_OPEN_MS: ms.default(2000),
  BREAKER_OPEN_MAX_MS: ms.default(30_000),
  LEASE_MARGIN_MS: ms.default(500),
  LEASE_MAX_MS: ms.default(15_000),
  POLL_MS: ms.default(200),
  ORDER_WAIT_MS: ms.default(30_000),
  DRAIN_MS: ms.default(25_000),
  SAGA_DEADLINE_MS: ms.optional(),
  VERSION_GONE_AFTER_MS: whole(1, 365 * 24 * 3600 * 1000).default(3600 * 1000),
  RETENTION_HOURS: whole(1, 24 * 366 * 10).default(24 * 7),
});

/** Defaults of the calls' policies. An undo is tried longer: what it leaves behind is somebody's money. */
const POLICY_DEFAULTS: Readonly<Record<Kind, CallPolicy>> = {
  action: { timeoutMs: 10_000, attemptsMax: 5, backoffMs: 200, backoffMaxMs: 10_000 },
  compensation: { timeoutMs: 10_000, attemptsMax: 10, backoffMs: 200, backoffMaxMs: 30_000 },
};
const POLICY_VARIABLES = {
  timeoutMs: ['TIMEOUT_MS', ms],
  attemptsMax: ['ATTEMPTS_MAX', whole(1, 1000)],
  backoffMs: ['BACKOFF_MS', ms],
  backoffMaxMs: ['BACKOFF_MAX_MS', ms],
} as const;

/** Where spans go. */
export interface TraceSettings {
  readonly url: string;
  readonly protocol: 'http/protobuf' | 'http/json';
}

export interface Settings {
  readonly port: number;
  readonly host: string;
  /** What a request's Host may name beside loopback and `host`, in canonical form. */
  readonly allowedHosts: readonly string[];
  /** What reads and commands must bring, or `null` where none was set. A secret. */
  readonly apiToken: string | null;
  readonly ordersNeedToken: boolean;
  /** Stable over restarts, different for each coordinator that shares a store. */
  readonly coordinatorId: string;
  /** How many processes share the port; 1 is this one, without any other. */
  readonly processes: number;
  readonly redisUrl: string | null;
  readonly dataDir: string;
  readonly serviceUrls: Readonly<Record<ParticipantName, string>>;
  readonly logLevel: string;
  /** Port of the inspector, or `null` where it is off. */
  readonly inspectPort: number | null;
  /** `null` where no spans are made. */
  readonly traces: TraceSettings | null;
  /** How many replicas must have a write before it counts, and how long they may take; `null` where none must. */
  readonly waitReplicas: { readonly count: number; readonly timeoutMs: number } | null;
  readonly partitions: number;
  readonly inHandMax: number;
  readonly inFlightMax: number;
  readonly waitersMax: number;
  readonly connectionsMax: number;
  /** Calls to one participant that may wait for a connection. */
  readonly queueMax: number;
  readonly connectTimeoutMs: number;
  readonly answerBytesMax: number;
  /** How many failures in a row open a participant's breaker, and how long it is open at first and at most. */
  readonly breaker: { readonly failuresMax: number; readonly openMs: number; readonly openMaxMs: number };
  readonly leaseMarginMs: number;
  readonly leaseMaxMs: number;
  readonly pollMs: number;
  readonly orderWaitMs: number;
  readonly drainMs: number;
  readonly retentionMs: number;
  /** For how long no coordinator may have run a machine's version before its sagas are parked. */
  readonly versionGoneAfterMs: number;
  /** How long a saga may run before it is undone; `null` where it may run for ever. */
  readonly sagaDeadlineMs: number | null;
  readonly policies: Policies;
  /** The longest time-out of any call. */
  readonly callTimeoutMaxMs: number;
}

/**
 * A host as browsers write it into Host and Origin: in lower case, an address in its one form, IPv6 in brackets and
 * without its zone. `null` for what is none.
 */
export function canonicalHost(host: string): string | null {
  const bare = host.replace(/^\[(.*)\]$/, '$1').replace(/%\w+$/, '');
  const url = `http://${bare.includes(':') ? `[${bare}]` : bare}`;
  return /^[\w.:-]+$/.test(bare) && URL.canParse(url) ? new URL(url).hostname : null;
}

function hostsIn(list = ''): string[] {
  return list === '' ? [] : list.split(',').map((host) => host.trim());
}

type Environment = Readonly<Record<string, string | undefined>>;

/** @throws ConfigError that names every variable that cannot be used */
export function readSettings(environment: Environment): Settings {
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
  if (env.ORDERS_NEED_TOKEN === '1' && env.API_TOKEN === undefined) {
    problems.push('ORDERS_NEED_TOKEN: there is no token to need; set API_TOKEN');
  }
  if (parsed.success && parsed.data.LEASE_MAX_MS < 4 * parsed.data.LEASE_MARGIN_MS) {
    problems.push(
      'LEASE_MAX_MS: must be four times LEASE_MARGIN_MS at least, or no time is left to renew it',
    );
  }
  if (env.INSPECT === '1' && (parsed.data?.COORDINATOR_PROCESSES ?? 1) > 1) {
    problems.push('INSPECT: the inspector shows one process alone; set COORDINATOR_PROCESSES to 1');
  }
  const { BREAKER_OPEN_MS: openMs = 0, BREAKER_OPEN_MAX_MS: openMaxMs = openMs } = parsed.data ?? {};
  if (openMaxMs < openMs) {
    problems.push(`BREAKER_OPEN_MAX_MS: must not be less than BREAKER_OPEN_MS, which is ${openMs}`);
  }
  const inContainers = env.SERVICE_HOSTS === 'containers';
  const serviceUrls = Object.fromEntries(
    PARTICIPANT_NAMES.map((name) => {
      const host = inContainers ? `${name}-service` : 'localhost';
      const unset = `http://${host}:${PARTICIPANTS[name]}`;
      return [name, parse(serviceUrlVariable(name), httpUrl.default(unset)) ?? unset];
    }),
  ) as Record<ParticipantName, string>;
  Object.freeze(serviceUrls);
  const policies = readPolicies(parse);
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);

  const values = parsed.data;
  const settings: Settings = {
    port: values.COORDINATOR_PORT,
    host: values.HOST,
    allowedHosts: Object.freeze(hostsIn(values.ALLOWED_HOSTS).flatMap((host) => canonicalHost(host) ?? [])),
    apiToken: values.API_TOKEN ?? null,
    ordersNeedToken: values.ORDERS_NEED_TOKEN,
    coordinatorId: values.COORDINATOR_ID ?? `${hostname()}:${values.COORDINATOR_PORT}`,
    processes: values.COORDINATOR_PROCESSES,
    redisUrl: values.REDIS_URL ?? null,
    dataDir: values.DATA_DIR,
    serviceUrls,
    logLevel: values.LOG_LEVEL,
    inspectPort: values.INSPECT ? values.INSPECT_PORT : null,
    traces: traceSettings(values),
    waitReplicas:
      values.REDIS_WAIT_REPLICAS === 0
        ? null
        : { count: values.REDIS_WAIT_REPLICAS, timeoutMs: values.REDIS_WAIT_TIMEOUT_MS },
    partitions: values.PARTITIONS,
    inHandMax: values.SAGAS_IN_HAND_MAX,
    inFlightMax: values.SAGAS_IN_FLIGHT_MAX,
    waitersMax: values.ORDERS_WAITING_MAX,
    connectionsMax: values.PARTICIPANT_CONNECTIONS_MAX,
    queueMax: values.PARTICIPANT_QUEUE_MAX,
    connectTimeoutMs: values.CONNECT_TIMEOUT_MS,
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
    sagaDeadlineMs: values.SAGA_DEADLINE_MS ?? null,
    policies: (step, kind) => policies.get(`${step}/${kind}`) ?? POLICY_DEFAULTS[kind],
    callTimeoutMaxMs: Math.max(...[...policies.values()].map(({ timeoutMs }) => timeoutMs)),
  };
  return Object.freeze(settings);
}

/** As OpenTelemetry defines its variables: the general endpoint is a base, the one for traces is used as it is. */
function traceSettings(values: z.infer<typeof schema>): TraceSettings | null {
  const isOff = values.OTEL_SDK_DISABLED === 'true' || values.OTEL_TRACES_EXPORTER === 'none';
  const base = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  const url = values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base && `${base.replace(/\/$/, '')}/v1/traces`);
  return isOff || url === undefined ? null : { url, protocol: values.OTEL_EXPORTER_OTLP_PROTOCOL };
}

/**
 * `PAYMENT_ACTION_TIMEOUT_MS` is one step's; `ACTION_TIMEOUT_MS` is every action's that has none of its own. The
 * same for `COMPENSATION`, and for attempts and back-off.
 */
function readPolicies(
  parse: <T>(name: string, type: z.ZodType<T>) => T | undefined,
): Map<string, CallPolicy> {
  const policies = new Map<string, CallPolicy>();
  for (const kind of ['action', 'compensation'] as const) {
    const read = (prefix: string, unset: CallPolicy): CallPolicy => {
      const policy: Record<string, number> = {};
      for (const [field, [suffix, type]] of Object.entries(POLICY_VARIABLES)) {
        const fallback = unset[field as keyof CallPolicy];
        policy[field] = parse(`${prefix}${kind.toUpperCase()}_${suffix}`, type.default(fallback)) ?? fallback;
      }
      return policy as unknown as CallPolicy;
    };
    const common = read('', POLICY_DEFAULTS[kind]);
    for (const step of PARTICIPANT_NAMES)
      policies.set(`${step}/${kind}`, read(`${step.toUpperCase()}_`, common));
  }
  return policies;
}

/** Every variable by name with its default, `null` where it has none: docs/settings.md is held against it. */
export function variables(): ReadonlyMap<string, string | number | boolean | null> {
  const plain = Object.entries(schema.shape).map(
    ([name, type]) => [name, type.parse(undefined) ?? null] as const,
  );
  const urls = PARTICIPANT_NAMES.map(
    (name) => [serviceUrlVariable(name), readSettings({}).serviceUrls[name]] as const,
  );
  const policies = (['action', 'compensation'] as const).flatMap((kind) =>
    Object.entries(POLICY_VARIABLES).map(
      ([field, [suffix]]) =>
        [`${kind.toUpperCase()}_${suffix}`, POLICY_DEFAULTS[kind][field as keyof CallPolicy]] as const,
    ),
  );
  return new Map<string, string | number | boolean | null>([...plain, ...urls, ...policies]);
}

function serviceUrlVariable(name: ParticipantName): string {
  return `${name.toUpperCase()}_SERVICE_URL`;
}

/** The settings as they may be logged: without the token, and without what a URL carries before its host. */
export function shownSettings({ policies: _, ...settings }: Settings): Record<string, unknown> {
  const serviceUrls = Object.fromEntries(
    Object.entries(settings.serviceUrls).map(([name, url]) => [name, withoutSecrets(url)]),
  );
  return {
    ...settings,
    serviceUrls,
    apiToken: settings.apiToken && '[redacted]',
    redisUrl: settings.redisUrl && withoutSecrets(settings.redisUrl),
    traces: settings.traces && { ...settings.traces, url: withoutSecrets(settings.traces.url) },
  };
}

export function withoutSecrets(url: string): string {
  // To the last @: a password that was not escaped may hold one itself, or a slash.
  return url.replace(/\/\/.*@/s, '//[redacted]@');
}
