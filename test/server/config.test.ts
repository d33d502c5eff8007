/** From the environment to settings: the defaults, every variable, and all mistakes at once. */
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Kind } from '../../machines/index.ts';
import {
  ConfigError,
  ORDER_OUTLINE,
  readSettings,
  type Settings,
  shownSettings,
  withoutSecrets,
} from '../../server/config.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';

const HOUR_MS = 3600 * 1000;

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

it('needs nothing to be set', () => {
  const { policiesOf, ...settings } = readSettings({});
  const policies = policiesOf(ORDER_OUTLINE);
  expect(settings).toEqual({
    port: 9000,
    host: '127.0.0.1',
    allowedHosts: [],
    trustedProxies: [],
    publicPath: '',
    callbackUrl: null,
    apiToken: null,
    identity: { tokens: [], oidc: null, open: new Set(['starts', 'metrics', 'health', 'docs']) },
    coordinatorId: `${hostname()}:9000`,
    processes: 1,
    redisUrl: null,
    redisPrefix: '',
    dataDir: 'data',
    serviceUrls: {
      order: 'http://localhost:8000',
      inventory: 'http://localhost:8001',
      payment: 'http://localhost:8002',
      shipping: 'http://localhost:8003',
      notification: 'http://localhost:8004',
    },
    warnings: [],
    serviceProxies: { order: null, inventory: null, payment: null, shipping: null, notification: null },
    serviceHeaders: { order: [], inventory: [], payment: [], shipping: [], notification: [] },
    serviceSigningKeys: {},
    serviceTls: {},
    redisTls: null,
    logLevel: 'info',
    logFormat: { level: 'number', time: 'epoch' },
    dashboard: true,
    inspectPort: null,
    partitions: null,
    inHandMax: 5000,
    inHandKeptPercent: 50,
    startsPerCallerMax: null,
    startsPerMachineMax: {},
    startsWindowSeconds: 60,
    waitsPerCallerMax: null,
    watchersPerCallerMax: null,
    inFlightMax: 100_000,
    waitersMax: 10_000,
    watchersMax: 1000,
    connectionsMax: 128,
    queueMax: 2048,
    connectTimeoutMs: 2000,
    connectionLifeMs: 60_000,
    keepAliveMs: 75_000,
    answerBytesMax: 262_144,
    breaker: { failuresMax: 5, openMs: 2000, openMaxMs: 30_000 },
    leaseMarginMs: 500,
    leaseMaxMs: 15_000,
    pollMs: 200,
    orderWaitMs: 30_000,
    drainMs: 25_000,
    faults: false,
    retentionMs: 7 * 24 * HOUR_MS,
    versionGoneAfterMs: HOUR_MS,
    sagaDeadlineMs: null,
    transitions: 'table',
    purgeEarlyMs: 0,
    sealing: { depth: 'off', keys: null, file: null },
    auditKeepMs: 400 * 24 * HOUR_MS,
    auditEntriesMax: 50_000,
    auditKey: null,
    compactAfterMs: 600_000,
    traceUrl: null,
    webhook: null,
    traces: {
      export: null,
      isRecorded: false,
      isPropagated: true,
      ratio: 1,
      followsCaller: true,
      warnings: [],
    },
    waitReplicas: null,
    callTimeoutMaxMs: 10_000,
  });
  const action = { timeoutMs: 10_000, attemptsMax: 5, backoffMs: 200, backoffMaxMs: 10_000 };
  const compensation = { timeoutMs: 10_000, attemptsMax: 10, backoffMs: 200, backoffMaxMs: 30_000 };
  for (const step of [...SERVICE_NAMES, 'a step of another saga']) {
    expect(policies(step, 'action')).toEqual(action);
    expect(policies(step, 'compensation')).toEqual(compensation);
  }
});

describe('each variable', () => {
  const cases: readonly (readonly [string, string, Partial<Settings>])[] = [
    ['COORDINATOR_PORT', '9100', { port: 9100, coordinatorId: `${hostname()}:9100` }],
    ['COORDINATOR_PORT', '0', { port: 0 }],
    ['COORDINATOR_PORT', '65535', { port: 65_535 }],
    ['HOST', '0.0.0.0', { host: '0.0.0.0' }],
    ['HOST', '::1', { host: '::1' }],
    ['HOST', 'fe80::1%eth0', { host: 'fe80::1%eth0' }],
    ['HOST', 'coordinator_1.internal', { host: 'coordinator_1.internal' }],
    ['ALLOWED_HOSTS', 'ops.example', { allowedHosts: ['ops.example'] }],
    [
      'TRUSTED_PROXIES',
      '10.0.0.0/8, 127.0.0.1,fd00::/8,::1',
      {
        trustedProxies: [
          { address: '10.0.0.0', bits: 8 },
          { address: '127.0.0.1', bits: 32 },
          { address: 'fd00::', bits: 8 },
          { address: '::1', bits: 128 },
        ],
      },
    ],
    ['PUBLIC_PATH', '/saga/', { publicPath: '/saga' }],
    ['PUBLIC_PATH', '/ops/saga-2', { publicPath: '/ops/saga-2' }],
    ['PUBLIC_PATH', '/', { publicPath: '' }],
    ['CALLBACK_URL', 'https://sagas.example/base/', { callbackUrl: 'https://sagas.example/base' }],
    ['LOG_LEVEL_FORMAT', 'word', { logFormat: { level: 'word', time: 'epoch' } }],
    ['TRANSITIONS', 'xstate', { transitions: 'xstate' }],
    ['LOG_TIME_FORMAT', 'rfc3339', { logFormat: { level: 'number', time: 'rfc3339' } }],
    [
      'ALLOWED_HOSTS',
      'Ops.Example, 10.0.0.7 ,0:0:0:0:0:0:0:1,[FD00::1]',
      { allowedHosts: ['ops.example', '10.0.0.7', '[::1]', '[fd00::1]'] },
    ],
    ['API_TOKEN', 'x'.repeat(16), { apiToken: 'x'.repeat(16) }],
    ['API_TOKEN', 'AZaz09-._~+/AZaz09==', { apiToken: 'AZaz09-._~+/AZaz09==' }],
    ['COORDINATOR_ID', 'coordinator-0.saga:9000_a', { coordinatorId: 'coordinator-0.saga:9000_a' }],
    ['COORDINATOR_PROCESSES', '64', { processes: 64 }],
    ['REDIS_URL', 'redis://localhost:6379', { redisUrl: 'redis://localhost:6379' }],
    ['REDIS_URL', 'rediss://user:pw@redis.example/1', { redisUrl: 'rediss://user:pw@redis.example/1' }],
    ['REDIS_URL', 'unix:///run/redis.sock', { redisUrl: 'unix:///run/redis.sock' }],
    ['REDIS_URL', 'redis+sentinel://a:26379,b/main', { redisUrl: 'redis+sentinel://a:26379,b/main' }],
    ['REDIS_URL', 'rediss+cluster://a:7000,b:7001', { redisUrl: 'rediss+cluster://a:7000,b:7001' }],
    ['REDIS_PREFIX', 'test-1', { redisPrefix: 'test-1' }],
    ['REDIS_WAIT_REPLICAS', '2', { waitReplicas: { count: 2, timeoutMs: 1_000, fsync: false } }],
    ['REDIS_WAIT_FSYNC', '1', { waitReplicas: { count: 0, timeoutMs: 1_000, fsync: true } }],
    ['DATA_DIR', '/var/lib/saga', { dataDir: '/var/lib/saga' }],
    ['LOG_LEVEL', 'debug', { logLevel: 'debug' }],
    ['LOG_LEVEL', 'silent', { logLevel: 'silent' }],
    ['INSPECT', '1', { inspectPort: 9001 }],
    ['INSPECT', '0', { inspectPort: null }],
    ['INSPECT_PORT', '9002', { inspectPort: null }],
    ['PARTITIONS', '1', { partitions: 1 }],
    ['SAGAS_IN_HAND_MAX', '10', { inHandMax: 10 }],
    ['SAGAS_IN_HAND_KEPT_PERCENT', '0', { inHandKeptPercent: 0 }],
    ['STARTS_PER_CALLER_MAX', '600', { startsPerCallerMax: 600 }],
    ['STARTS_PER_MACHINE_MAX', '3000', { startsPerMachineMax: { '*': 3000 } }],
    ['STARTS_PER_MACHINE_MAX', '3000, order=100', { startsPerMachineMax: { '*': 3000, order: 100 } }],
    ['STARTS_WINDOW_SECONDS', '86400', { startsWindowSeconds: 86_400 }],
    ['WAITS_PER_CALLER_MAX', '0', { waitsPerCallerMax: 0, watchersPerCallerMax: 0 }],
    ['WATCHERS_PER_CALLER_MAX', '3', { waitsPerCallerMax: null, watchersPerCallerMax: 3 }],
    ['WATCHERS_MAX', '0', { watchersMax: 0 }],
    ['ORDERS_WAITING_MAX', '0', { waitersMax: 0 }],
    ['SAGAS_IN_FLIGHT_MAX', '10', { inFlightMax: 10 }],
    ['PARTICIPANT_CONNECTIONS_MAX', '4', { connectionsMax: 4 }],
    ['ANSWER_BYTES_MAX', '1024', { answerBytesMax: 1024 }],
    ['PARTICIPANT_QUEUE_MAX', '0', { queueMax: 0 }],
    ['BREAKER_FAILURES_MAX', '1', { breaker: { failuresMax: 1, openMs: 2000, openMaxMs: 30_000 } }],
    ['BREAKER_OPEN_MS', '30000', { breaker: { failuresMax: 5, openMs: 30_000, openMaxMs: 30_000 } }],
    ['BREAKER_OPEN_MAX_MS', '2000', { breaker: { failuresMax: 5, openMs: 2000, openMaxMs: 2000 } }],
    ['CONNECT_TIMEOUT_MS', '100', { connectTimeoutMs: 100 }],
    ['KEEP_ALIVE_MS', '620000', { keepAliveMs: 620_000 }],
    ['CONNECTION_LIFE_MS', '5000', { connectionLifeMs: 5000 }],
    ['LEASE_MARGIN_MS', '50', { leaseMarginMs: 50 }],
    ['LEASE_MAX_MS', '2000', { leaseMaxMs: 2_000 }],
    ['POLL_MS', '20', { pollMs: 20 }],
    ['ORDER_WAIT_MS', '1', { orderWaitMs: 1 }],
    ['DRAIN_MS', '1000', { drainMs: 1000 }],
    ['VERSION_GONE_AFTER_MS', '90000', { versionGoneAfterMs: 90_000 }],
    ['RETENTION_HOURS', '1', { retentionMs: HOUR_MS, purgeEarlyMs: 0 }],
    ['COMPACT_AFTER_MINUTES', '0', { compactAfterMs: 0 }],
    ['RETENTION_LEAST_HOURS', '24', { purgeEarlyMs: 144 * HOUR_MS }],
    ['AUDIT_RETENTION_DAYS', '30', { auditKeepMs: 720 * HOUR_MS }],
    ['AUDIT_ENTRIES_MAX', '1000', { auditEntriesMax: 1000 }],
    ['AUDIT_KEY', 'k1:sesame-sesame-sesame', { auditKey: { id: 'k1', secret: 'sesame-sesame-sesame' } }],
    [
      'WEBHOOK_URL',
      'https://ada:pass@hooks.example/team/a',
      {
        webhook: {
          url: 'https://hooks.example/team/a',
          headers: ['authorization', 'Basic YWRhOnBhc3M='],
          signingKey: null,
          stuckAfterMs: 900_000,
        },
      },
    ],
    ['ACTION_TIMEOUT_MS', '60000', { callTimeoutMaxMs: 60_000 }],
    ['REFUND_TIMEOUT_MS', '60000', { callTimeoutMaxMs: 10_000 }],
    ['PAYMENT_COMPENSATION_TIMEOUT_MS', '45000', { callTimeoutMaxMs: 45_000 }],
  ];
  it.each(cases)('%s=%s', (name, value, expected) => {
    expect(readSettings({ [name]: value })).toMatchObject(expected);
  });

  it('WEBHOOK_URL has a key and a time beside it, and neither key nor path is shown', () => {
    const given = {
      WEBHOOK_URL: 'https://hooks.example/secret-path',
      WEBHOOK_SIGNING_KEY: 'k1:sesame-sesame-sesame',
      WEBHOOK_STUCK_AFTER_MS: '0',
    };
    const settings = readSettings(given);
    expect(settings.webhook).toMatchObject({ signingKey: { id: 'k1' }, stuckAfterMs: 0 });
    expect(shownSettings(settings).webhook).toEqual({
      url: 'https://hooks.example',
      signingKey: 'k1',
      stuckAfterMs: 0,
    });
    expect(problemsOf({ ...given, WEBHOOK_SIGNING_KEY: 'short' })).toEqual([
      expect.stringMatching(/^WEBHOOK_SIGNING_KEY: must be "id:secret"/),
    ]);
    expect(problemsOf({ WEBHOOK_URL: 'https://hooks.example/a?key=b' })).toEqual([
      expect.stringMatching(/^WEBHOOK_URL: must have no query/),
    ]);
  });

  it('LEASE_MAX_MS is four margins at least', () => {
    expect(readSettings({ LEASE_MARGIN_MS: '1000', LEASE_MAX_MS: '4000' }).leaseMaxMs).toBe(4_000);
    expect(problemsOf({ LEASE_MARGIN_MS: '1000', LEASE_MAX_MS: '3999' })).toEqual([
      'LEASE_MAX_MS: must be four times LEASE_MARGIN_MS at least, or no time is left to renew it',
    ]);
  });

  it('INSPECT is for one process', () => {
    expect(problemsOf({ INSPECT: '1', COORDINATOR_PROCESSES: '2' })).toEqual([
      'INSPECT: the inspector shows one process alone; set COORDINATOR_PROCESSES to 1',
    ]);
    expect(problemsOf({ INSPECT: '0', COORDINATOR_PROCESSES: '2' })).toEqual([]);
  });

  it('BREAKER_OPEN_MAX_MS is BREAKER_OPEN_MS at least', () => {
    expect(problemsOf({ BREAKER_OPEN_MS: '30001' })).toEqual([
      'BREAKER_OPEN_MAX_MS: must not be less than BREAKER_OPEN_MS, which is 30001',
    ]);
  });

  it('INSPECT and INSPECT_PORT together', () => {
    expect(readSettings({ INSPECT: '1', INSPECT_PORT: '0' }).inspectPort).toBe(0);
  });
});

describe('services', () => {
  it('are found by their container names where that is asked for', () => {
    expect(readSettings({ SERVICE_HOSTS: 'containers' }).serviceUrls).toEqual({
      order: 'http://order-service:8000',
      inventory: 'http://inventory-service:8001',
      payment: 'http://payment-service:8002',
      shipping: 'http://shipping-service:8003',
      notification: 'http://notification-service:8004',
    });
  });

  it.each(SERVICE_NAMES)('%s can stand elsewhere, the others where they were', (name) => {
    const variable = `${name.toUpperCase()}_SERVICE_URL`;
    for (const hosts of ['localhost', 'containers']) {
      const others = readSettings({ SERVICE_HOSTS: hosts }).serviceUrls;
      const { serviceUrls } = readSettings({ SERVICE_HOSTS: hosts, [variable]: 'https://a.example/base' });
      expect(serviceUrls).toEqual({ ...others, [name]: 'https://a.example/base' });
    }
  });

  it('are not looked for in what the surroundings happen to say', () => {
    const surroundings = { KUBERNETES_SERVICE_HOST: '10.0.0.1', ORDER_SERVICE_HOST: '10.0.0.2', DOCKER: '1' };
    expect(readSettings(surroundings).serviceUrls).toEqual(readSettings({}).serviceUrls);
  });
});

describe('policies', () => {
  const FIELDS = [
    ['timeoutMs', 'TIMEOUT_MS'],
    ['attemptsMax', 'ATTEMPTS_MAX'],
    ['backoffMs', 'BACKOFF_MS'],
    ['backoffMaxMs', 'BACKOFF_MAX_MS'],
  ] as const;
  const KINDS: readonly Kind[] = ['action', 'compensation'];
  const cases = KINDS.flatMap((kind) => FIELDS.map(([field, suffix]) => ({ kind, field, suffix })));

  it.each(cases)('$suffix of every $kind, and of one step alone', ({ kind, field, suffix }) => {
    const prefix = kind.toUpperCase();
    const otherKind = kind === 'action' ? 'compensation' : 'action';
    const read = (environment: Record<string, string>) => readSettings(environment).policiesOf(ORDER_OUTLINE);
    const plain = read({});
    const common = read({ [`${prefix}_${suffix}`]: '777' });
    const own = read({ [`PAYMENT_${prefix}_${suffix}`]: '888' });
    const both = read({ [`${prefix}_${suffix}`]: '777', [`PAYMENT_${prefix}_${suffix}`]: '888' });
    for (const step of SERVICE_NAMES) {
      const unset = plain(step, kind);
      const isPayment = step === 'payment';
      expect(common(step, kind)).toEqual({ ...unset, [field]: 777 });
      expect(own(step, kind)).toEqual(isPayment ? { ...unset, [field]: 888 } : unset);
      expect(both(step, kind)).toEqual({ ...unset, [field]: isPayment ? 888 : 777 });
      for (const policies of [common, own, both]) {
        expect(policies(step, otherKind)).toEqual(plain(step, otherKind));
      }
    }
  });
});

it('takes an empty variable for one that is not set', () => {
  const names = [
    ...[
      'ALLOWED_HOSTS',
      'API_TOKEN',
      'ORDERS_NEED_TOKEN',
      'COORDINATOR_PORT',
      'HOST',
      'COORDINATOR_ID',
      'REDIS_URL',
      'DATA_DIR',
      'SERVICE_HOSTS',
      'LOG_LEVEL',
    ],
    ...['INSPECT', 'INSPECT_PORT', 'PARTITIONS', 'POLL_MS', 'ORDER_SERVICE_URL', 'ACTION_TIMEOUT_MS'],
    'PAYMENT_COMPENSATION_ATTEMPTS_MAX',
  ];
  const shown = (environment: Record<string, string>) => shownSettings(readSettings(environment));
  expect(shown(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(shown({}));
});

it('cannot be changed afterwards', () => {
  const settings = readSettings({}) as unknown as { port: number; serviceUrls: Record<string, string> };
  expect(() => {
    settings.port = 1;
  }).toThrow(TypeError);
  expect(() => {
    settings.serviceUrls.order = 'http://elsewhere';
  }).toThrow(TypeError);
});

describe('refuses', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['COORDINATOR_PORT', ['-1', '65536', '1.5', 'http', ' ', '0x2328', '9e3', 'tcp://10.0.0.7:9000']],
    ['HOST', ['a b', '127.0.0.1:9000', 'http://localhost', 'a/b', '*', 'user@host', '1.2.3.400']],
    [
      'ALLOWED_HOSTS',
      ['a b', 'ops.example:443', 'https://ops.example', '*', '*.example', 'a,,b', 'a,', 'a,b/c'],
    ],
    [
      'API_TOKEN',
      ['x'.repeat(15), 'x'.repeat(1025), `${'x'.repeat(16)}\n`, 'with blanks in between', 'käse'.repeat(4)],
    ],
    ['ORDERS_NEED_TOKEN', ['1', 'true', '2']],
    [
      'TRUSTED_PROXIES',
      ['10.0.0.0/33', '10.0.0/8', 'proxy.internal', '*', '::1/129', '10.0.0.0/', '10.0.0.1,', '10.0.0.1:80'],
    ],
    [
      'PUBLIC_PATH',
      ['saga', '//saga', '/saga//', '/a/../b', '/./a', '/a b', '/a?b', '/a%20b', `/${'x'.repeat(200)}`],
    ],
    ['COORDINATOR_ID', ['a b', 'a/b', 'ä', 'x'.repeat(101)]],
    [
      'REDIS_URL',
      ['localhost:6379', 'http://localhost', 'redis:', 'redis://', '/run/redis.sock', 'redis+ring://a'],
    ],
    ['SERVICE_HOSTS', ['kubernetes', 'Containers']],
    ['LOG_LEVEL', ['verbose', 'INFO', '30']],
    ['LOG_LEVEL_FORMAT', ['name', 'Word']],
    ['LOG_TIME_FORMAT', ['iso', 'RFC3339']],
    ['TRANSITIONS', ['1', 'Table']],
    ['INSPECT', ['true', 'yes', '2']],
    ['INSPECT_PORT', ['-1', '65536']],
    ['PARTITIONS', ['0', '4097', '1.5']],
    ['SAGAS_IN_HAND_MAX', ['0', '1000001']],
    ['SAGAS_IN_HAND_KEPT_PERCENT', ['-1', '101']],
    ['STARTS_PER_CALLER_MAX', ['0', '1000001', '10/s']],
    [
      'STARTS_PER_MACHINE_MAX',
      ['0', 'order', 'order=0', 'order=1,order=2', '1,2', '1,', 'trap=5', 'toString=1'],
    ],
    ['STARTS_WINDOW_SECONDS', ['0', '86401']],
    ['WAITS_PER_CALLER_MAX', ['-1', '1000001']],
    ['WATCHERS_PER_CALLER_MAX', ['-1', '1000001']],
    ['WATCHERS_MAX', ['-1', '1000001']],
    ['PARTICIPANT_CONNECTIONS_MAX', ['0', '10001']],
    ['CONNECT_TIMEOUT_MS', ['0', '86400001', '2s']],
    ['LEASE_MARGIN_MS', ['0']],
    ['POLL_MS', ['0']],
    ['ORDER_WAIT_MS', ['0', '-1']],
    ['DRAIN_MS', ['0']],
    ['RETENTION_HOURS', ['0', '87841']],
    ['RETENTION_LEAST_HOURS', ['0', '169', 'never']],
    ['COMPACT_AFTER_MINUTES', ['-1', '1.5', 'never']],
    ['VERSION_GONE_AFTER_MS', ['0', '31536000001']],
    [
      'ORDER_SERVICE_URL',
      ['order:8000', 'ftp://order', 'order', 'http://', '//order:8000', 'file:///etc/passwd'],
    ],
    ['ACTION_TIMEOUT_MS', ['0', 'never']],
    ['ACTION_ATTEMPTS_MAX', ['0', '1001']],
    ['COMPENSATION_BACKOFF_MS', ['0', '-5']],
    ['SHIPPING_COMPENSATION_BACKOFF_MAX_MS', ['x']],
  ];
  it.each(cases)('%s', (name, values) => {
    for (const value of values) {
      const problems = problemsOf({ [name]: value });
      expect(problems, value).toHaveLength(1);
      expect(problems[0]).toMatch(new RegExp(`^${name}: .`));
    }
  });

  it('everything at once, each by its name, and no secret among it', () => {
    const environment = Object.fromEntries(cases.map(([name]) => [name, 'sesame in no way usable']));
    expect(
      problemsOf(environment)
        .map((problem) => problem.split(':')[0])
        .sort(),
    ).toEqual(cases.map(([name]) => name).sort());
    expect(() => readSettings(environment)).toThrow(/COORDINATOR_PORT: .*PARTITIONS: .*ACTION_TIMEOUT_MS: /s);
    expect(problemsOf(environment).join('\n')).not.toContain('sesame');
  });
});

describe('shows', () => {
  it.each([
    ['redis://localhost:6379', 'redis://localhost:6379'],
    ['redis://:sesame@localhost/2', 'redis://[redacted]@localhost/2'],
    ['rediss://user:sesame@a.example:6380', 'rediss://[redacted]@a.example:6380'],
    ['redis+sentinel://user:sesame@a,b:26379/main', 'redis+sentinel://[redacted]@a,b:26379/main'],
    [
      'redis+sentinel://a/main?sentinel_username=u&sentinel_password=sesame',
      'redis+sentinel://a/main?sentinel_username=u&sentinel_password=[redacted]',
    ],
    // Not escaped as they should be, but no less secret.
    ['redis://user:ses@me@localhost', 'redis://[redacted]@localhost'],
    ['redis://user:ses/ame@localhost', 'redis://[redacted]@localhost'],
    ['http://sesame@order:8000/base', 'http://[redacted]@order:8000/base'],
    ['http://order:8000', 'http://order:8000'],
  ])('%s as %s', (url, shown) => {
    expect(withoutSecrets(url)).toBe(shown);
  });

  it('all settings but policies and warnings, without the token and what a URL carries before its host', () => {
    const settings = readSettings({
      REDIS_URL: 'redis://user:sesame@localhost',
      PAYMENT_SERVICE_URL: 'https://user:sesame@pay.example',
      API_TOKEN: 'sesame-open-yourself',
    });
    const shown = shownSettings(settings);
    expect(JSON.stringify(shown)).not.toContain('sesame');
    expect(shown).toMatchObject({
      port: 9000,
      apiToken: '[redacted]',
      redisUrl: 'redis://[redacted]@localhost',
      serviceUrls: { order: 'http://localhost:8000', payment: 'https://pay.example' },
    });
    expect(Object.keys(shown).sort()).toEqual(
      Object.keys(settings)
        .filter((name) => name !== 'policiesOf' && name !== 'warnings')
        .sort(),
    );
    // What was read stays whole: it is connected to.
    expect(settings.redisUrl).toBe('redis://user:sesame@localhost');
    expect(shownSettings(readSettings({}))).toMatchObject({ redisUrl: null, apiToken: null });
  });
});
