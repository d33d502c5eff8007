/** Names that look like settings: which stop the start, which are told, and which are others' and are left alone. */
import { describe, expect, it } from 'vitest';
import { ConfigError, readSettings, shownSettings, variables } from '../../server/config.ts';

const warned = (environment: Record<string, string>) => readSettings(environment).warnings;
const ignored = (name: string, meant: string) =>
  `${name} is no setting and is ignored; did you mean ${meant}?`;

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('is told, with what was meant', () => {
  it.each([
    ['PAYMENT_ACTON_TIMEOUT_MS', 'PAYMENT_ACTION_TIMEOUT_MS'],
    ['PAYMENT_ACTION_TIMEOUT', 'PAYMENT_ACTION_TIMEOUT_MS'],
    ['PAYMENT_ACTION_TIMEOUT_SECONDS', 'PAYMENT_ACTION_TIMEOUT_MS'],
    ['ACTION_TIMEOUTS_MS', 'ACTION_TIMEOUT_MS'],
    ['COMPENSATION_ATTEMPT_MAX', 'COMPENSATION_ATTEMPTS_MAX'],
    ['COMPENSATION_BACK_OFF_MS', 'COMPENSATION_BACKOFF_MS'],
    ['SAGA_DEADLINE', 'SAGA_DEADLINE_MS'],
    ['SAGA_DEADLINE_SECONDS', 'SAGA_DEADLINE_MS'],
    ['SAGAS_DEADLINE_MS', 'SAGA_DEADLINE_MS'],
    ['RETENTION_HOUR', 'RETENTION_HOURS'],
    ['RETENTION_DAYS', 'RETENTION_HOURS'],
    ['RETENTION', 'RETENTION_HOURS'],
    ['REDIS_WAIT_REPLICA', 'REDIS_WAIT_REPLICAS'],
    ['REDIS_WAIT_REPLICSA', 'REDIS_WAIT_REPLICAS'],
    ['REDIS_URI', 'REDIS_URL'],
    ['ORDERS_NEED_TOKENS', 'ORDERS_NEED_TOKEN'],
    ['ORDER_NEEDS_TOKEN', 'ORDERS_NEED_TOKEN'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['ALLOWED_HOST', 'ALLOWED_HOSTS'],
    ['API_TOKEN_FILE', 'API_TOKENS_FILE'],
    ['PARTITION', 'PARTITIONS'],
    ['COORDINATOR_PROCESS', 'COORDINATOR_PROCESSES'],
    ['PAYMENTS_SERVICE_URL', 'PAYMENT_SERVICE_URL'],
    ['PAYMENT_SERVICE_URI', 'PAYMENT_SERVICE_URL'],
    ['PAYMENT_SERVICE_HEADER', 'PAYMENT_SERVICE_HEADERS'],
    ['KEEPALIVE_MS', 'KEEP_ALIVE_MS'],
  ])('%s', (name, meant) => {
    expect(warned({ [name]: '1' })).toEqual([ignored(name, meant)]);
  });

  it('not where what was meant is set too: then the other is somebody else’s', () => {
    expect(warned({ LOGLEVEL: 'debug', LOG_LEVEL: 'info' })).toEqual([]);
  });

  it('a policy of a step that there is not', () => {
    expect(warned({ REFUND_ACTION_TIMEOUT_MS: '1' })).toEqual([
      'REFUND_ACTION_TIMEOUT_MS is ignored: no step is called REFUND, only ORDER, INVENTORY, PAYMENT, SHIPPING, NOTIFICATION',
    ]);
  });
});

describe('stops the start', () => {
  it.each([
    ['PAYMENTS_ACTION_TIMEOUT_MS', 'PAYMENTS', 'PAYMENT_ACTION_TIMEOUT_MS'],
    ['ORDERS_COMPENSATION_BACKOFF_MAX_MS', 'ORDERS', 'ORDER_COMPENSATION_BACKOFF_MAX_MS'],
    ['NOTIFICATIONS_ACTION_ATTEMPTS_MAX', 'NOTIFICATIONS', 'NOTIFICATION_ACTION_ATTEMPTS_MAX'],
    ['SHIPPNIG_ACTION_BACKOFF_MS', 'SHIPPNIG', 'SHIPPING_ACTION_BACKOFF_MS'],
  ])('%s', (name, step, meant) => {
    expect(problemsOf({ [name]: '1' })).toEqual([
      `${name}: no step is called ${step}; did you mean ${meant}?`,
    ]);
  });
});

describe('is left alone', () => {
  it('every setting of ours', () => {
    const wrong = Object.fromEntries([...variables().keys()].map((name) => [name, 'x']));
    for (const problem of problemsOf(wrong)) expect(problem).not.toContain('did you mean');
    expect(warned(Object.fromEntries([...variables().keys()].map((name) => [name, ''])))).toEqual([]);
  });

  it.each([
    ...[
      'PAYMENT_SERVICE_PORT',
      'PAYMENT_SERVICE_HOST',
      'PAYMENT_SERVICE_PORT_HTTP',
      'PAYMENT_SERVICE_PORT_8002_TCP',
    ],
    ...['PAYMENT_SERVICE_PORT_8002_TCP_ADDR', 'PAYMENT_SERVICE_PORT_8002_TCP_PROTO', 'ORDER_SERVICE_HOST'],
    ...[
      'REDIS_PORT',
      'REDIS_HOST',
      'REDIS_SERVICE_HOST',
      'REDIS_PASSWORD',
      'REDIS_TLS_URL',
      'KUBERNETES_SERVICE_HOST',
    ],
    ...[
      'OTEL_SERVICE_NAME',
      'OTEL_METRICS_EXPORTER',
      'OTEL_TRACE_EXPORTER',
      'OTEL_LOGS_EXPORTER',
      'OTEL_BSP_SCHEDULE_DELAY',
    ],
    ...[
      'npm_config_loglevel',
      'npm_package_version',
      'NPM_TOKEN',
      'NODE_ENV',
      'NODE_OPTIONS',
      'NODE_VERSION',
    ],
    ...[
      'DATA_SOURCE',
      'DATABASE_URL',
      'PORT',
      'POST',
      'HOSTNAME',
      'HOSTTYPE',
      'HOSTS',
      'HOME',
      'PATH',
      'PWD',
      'SHLVL',
    ],
    ...['LANG', 'TERM', 'TZ', 'USER', 'LOGNAME', 'CI', 'GITHUB_ACTION', 'GITHUB_ACTION_PATH', 'GITHUB_TOKEN'],
    ...['SAGA_URL', 'NO_COLOR', 'FAULTS', 'INVENTORY_STOCK', 'ORDER_PORT', 'PAYMENT_PORT'],
    ...['CART_SERVICE_URL', 'USER_SERVICE_URL', 'TIMEOUT_MS', 'DEADLINE_MS', 'LOG_FORMAT', 'DEBUG'],
    ...[
      'AWS_REGION',
      'DYNO',
      'K_SERVICE',
      'K_REVISION',
      'WEBSITE_SITE_NAME',
      'CONTAINER_APP_NAME',
      'FLY_APP_NAME',
    ],
  ])('%s', (name) => {
    expect(warned({ [name]: '1' })).toEqual([]);
  });

  it.each(['ORDERS_PORT', 'COORDINATORS_PORT', 'INSPECTOR_PORT'])(
    '%s, where Kubernetes says what it is',
    (name) => {
      expect(warned({ [name]: 'tcp://10.0.0.7:9000' })).toEqual([]);
    },
  );

  it('what is set to nothing', () => {
    expect(warned({ LOGLEVEL: '', PAYMENTS_ACTION_TIMEOUT_MS: '' })).toEqual([]);
  });
});

it('the warnings have lines of their own, and are not among the settings shown', () => {
  expect(shownSettings(readSettings({ LOGLEVEL: 'x' }))).not.toHaveProperty('warnings');
});
