/** What API.md fixes and every deployment file must agree with: written out by hand, so that no file is its own judge. */
export const PARTICIPANTS = [
  { name: 'order', host: 'order-service', port: 8000 },
  { name: 'inventory', host: 'inventory-service', port: 8001 },
  { name: 'payment', host: 'payment-service', port: 8002 },
  { name: 'shipping', host: 'shipping-service', port: 8003 },
  { name: 'notification', host: 'notification-service', port: 8004 },
] as const;

const RUN = ['node', '--enable-source-maps'];

/** Everything that runs the image: its host name, its port, its command, the paths at which it answers probes. */
export const PROCESSES = [
  ...PARTICIPANTS.map(({ name, host, port }) => ({
    host: host as string,
    port: port as number,
    command: [...RUN, 'dist/services-stub/main.js', name],
    probes: ['/health'],
  })),
  {
    host: 'coordinator',
    port: 9000,
    command: [...RUN, '--max-semi-space-size=64', 'dist/server/main.js'],
    probes: ['/livez', '/readyz', '/startupz'],
  },
];

/** The coordinator's settings. A participant is set by its command alone. */
export const COORDINATOR_SETTINGS = [
  'COORDINATOR_PORT',
  'HOST',
  'API_TOKEN',
  'ORDERS_NEED_TOKEN',
  'OPEN_ROUTES',
  'ALLOWED_HOSTS',
  'REDIS_URL',
  ...PARTICIPANTS.map(({ name }) => `${name.toUpperCase()}_SERVICE_URL`),
  'SERVICE_HOSTS',
  'COORDINATOR_ID',
  'NODE_ENV',
];
export const PARTICIPANT_SETTINGS = [
  'HOST',
  ...PARTICIPANTS.map(({ name }) => `${name.toUpperCase()}_PORT`),
  'NODE_ENV',
];

/** How long a coordinator may take to let go of its sagas after SIGTERM. */
export const DRAIN_SECONDS = 25;

/** Redis may lose, evict or refuse nothing that it acknowledged; full, it refuses instead of being killed. */
export const REDIS_FLAGS = {
  '--appendonly': 'yes',
  '--appendfsync': 'always',
  '--maxmemory': '256mb',
  '--maxmemory-policy': 'noeviction',
};
