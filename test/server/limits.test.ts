/** Limits as clients meet them: what is refused and what never is, what they are told, and what whoever runs it sees. */
import { pino } from 'pino';
import { Registry as Metrics } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SagaEngine, StartResult } from '../../server/engine/contract.ts';
import { ANONYMOUS, caller } from '../../server/identity/caller.ts';
import { callerKey } from '../../server/limits/caller-key.ts';
import { ORDER, send, submit } from '../coordinator/world.ts';
import { appOver, limitedBy } from './fake-app.ts';
import { type HoldingWorld, openHoldingWorld } from './held.ts';

const ID = '07-01a208fa-4b65-759d-877e-0be0ad34792f';
const RUNNING = {
  log: [],
  saga: {
    id: ID,
    status: 'STARTED',
    summary: {},
    machine: { id: 'order' },
    steps: [],
    context: { data: {}, held: [] },
  },
} as never;

/** An app over an engine that starts whatever it is asked to, on a clock of the test's. */
function limited(environment: Readonly<Record<string, string>>, engine: Partial<SagaEngine> = {}) {
  const metrics = new Metrics();
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { base: null, timestamp: false },
    { write: (line) => void lines.push(JSON.parse(line)) },
  );
  const time = { ms: 0 };
  const known = new Map<string, string>();
  let started = 0;
  const limits = limitedBy(environment, () => time.ms, logger, metrics);
  const app = appOver(
    {
      start: async ({ idempotency }) => {
        started += 1;
        if (idempotency !== null) known.set(idempotency.key, idempotency.digest);
        return { kind: 'started', id: ID };
      },
      known: async ({ key, digest }) => {
        const first = known.get(key);
        return first === undefined ? null : { kind: first === digest ? 'joined' : 'key-reused', id: ID };
      },
      settled: async () => null,
      current: async () => RUNNING,
      ...engine,
    },
    undefined,
    '',
    null,
    limits,
  );
  const order = async (
    headers: Record<string, string> = {},
    { from = '192.0.2.1', body = ORDER as object, signal = null as AbortSignal | null } = {},
  ) => {
    const answer = await app.request(
      'http://localhost/api/coordinator/orders',
      {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
        signal,
      },
      { incoming: { socket: { remoteAddress: from } } },
    );
    return { status: answer.status, headers: answer.headers, body: JSON.parse(await answer.text()) };
  };
  const counted = async (name: string) =>
    (await metrics.getSingleMetricAsString(name))
      .split('\n')
      .filter((line) => /[^0]$/.test(line) && !line.startsWith('#'));
  return { app, order, time, lines, counted, starts: () => started };
}

it('without limits nothing is refused, and nothing said of any', async () => {
  const { order, starts } = limited({});
  for (let n = 0; n < 100; n += 1) {
    const { status, headers } = await order();
    expect([status, headers.has('ratelimit'), headers.has('ratelimit-policy')]).toEqual([202, false, false]);
  }
  expect(starts()).toBe(100);
});

describe('starts by one caller', () => {
  const BY_CALLER = { STARTS_PER_CALLER_MAX: '3', STARTS_WINDOW_SECONDS: '60' };

  it('are refused when all that it may are spent, with when to come again; others are not', async () => {
    const { order, time, starts } = limited(BY_CALLER);
    const left: (string | null)[] = [];
    for (let n = 0; n < 3; n += 1) left.push((await order()).headers.get('ratelimit'));
    expect(left).toEqual(['"caller";r=2;t=20', '"caller";r=1;t=20', '"caller";r=0;t=20']);
    time.ms = 5_000;
    const refused = await order();
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({
      type: 'rate-limited',
      title: 'Sagas are started faster than they may be',
      status: 429,
      detail: 'at most 3 starts in 60 s by one caller; nothing was stored',
      violated_policies: ['caller'],
    });
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      'content-type': 'application/problem+json',
      'retry-after': '15',
      ratelimit: '"caller";r=0;t=15',
      'ratelimit-policy': '"caller";q=3;w=60',
    });
    expect(starts()).toBe(3);
    expect((await order({}, { from: '192.0.2.2' })).status).toBe(202);
    time.ms = 20_000;
    expect((await order()).status).toBe(202);
    expect((await order()).status).toBe(429);
  });

  it('that begin nothing do not count: repeats, keys that were used before, and what the engine refuses', async () => {
    const answers: StartResult[] = [
      { kind: 'joined', id: ID },
      { kind: 'key-reused', id: ID },
      { kind: 'refused', why: 'overloaded' },
      { kind: 'refused', why: 'store-unavailable' },
    ];
    const { order, counted, starts } = limited(BY_CALLER, {
      start: async () => answers.shift() ?? { kind: 'started', id: ID },
    });
    const statuses: number[] = [];
    for (let n = 0; n < 8; n += 1) statuses.push((await order()).status);
    expect(statuses).toEqual([202, 422, 503, 503, 202, 202, 202, 429]);
    expect(starts()).toBe(0);
    expect((await counted('saga_starts_refused_total')).sort()).toEqual([
      'saga_starts_refused_total{machine="order",why="caller"} 1',
      'saga_starts_refused_total{machine="order",why="overloaded"} 1',
      'saga_starts_refused_total{machine="order",why="store-unavailable"} 1',
    ]);
  });

  it('that may have begun something count', async () => {
    const { order } = limited(BY_CALLER, { start: async () => ({ kind: 'unknown', id: ID }) });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n += 1) statuses.push((await order()).status);
    expect(statuses).toEqual([503, 503, 503, 429]);
  });

  it('are joined though all are spent, where the key is known, and told so where it was used for something else', async () => {
    const { order, starts } = limited(BY_CALLER);
    const key = { 'idempotency-key': 'k' };
    expect((await order(key)).status).toBe(202);
    for (let n = 0; n < 3; n += 1) await order();
    expect((await order()).status).toBe(429);
    for (let n = 0; n < 20; n += 1) expect((await order(key)).status).toBe(202);
    const other = await order(key, { body: { ...ORDER, customer_id: 'cust_2' } });
    expect([other.status, other.body.type]).toEqual([422, 'idempotency-key-reused']);
    expect((await order({ 'idempotency-key': 'new' })).status).toBe(429);
    expect(starts()).toBe(3);
  });

  it('are told of in the log once in a minute, with how many were not', async () => {
    const { order, time, lines, counted } = limited({ ...BY_CALLER, STARTS_WINDOW_SECONDS: '86400' });
    for (let n = 0; n < 3; n += 1) await order();
    for (let n = 0; n < 50; n += 1) await order();
    const line = {
      level: 40,
      why: 'caller',
      machine: 'order',
      caller: 'address:192.0.2.1',
      msg: 'starts are refused',
    };
    expect(lines).toEqual([{ ...line, not_told: 0 }]);
    time.ms = 60_000;
    await order();
    expect(lines).toEqual([
      { ...line, not_told: 0 },
      { ...line, not_told: 49 },
    ]);
    expect(await counted('saga_starts_refused_total')).toEqual([
      'saga_starts_refused_total{machine="order",why="caller"} 51',
    ]);
  });
});

describe('starts of one machine', () => {
  it('are refused whoever sends them, and cost their caller nothing', async () => {
    const { order } = limited({ STARTS_PER_MACHINE_MAX: 'order=2', STARTS_PER_CALLER_MAX: '2' });
    const from = (address: string) => order({}, { from: address });
    expect((await from('192.0.2.1')).status).toBe(202);
    const second = await from('192.0.2.2');
    expect(second.headers.get('ratelimit-policy')).toBe('"caller";q=2;w=60, "machine";q=2;w=60');
    expect(second.headers.get('ratelimit')).toBe('"caller";r=1;t=30, "machine";r=0;t=30');
    for (let n = 0; n < 5; n += 1) {
      const refused = await from('192.0.2.2');
      expect(refused.body).toMatchObject({
        violated_policies: ['machine'],
        detail: expect.stringMatching(/of this machine/),
      });
      expect(refused.headers.get('ratelimit')).toBe('"caller";r=1;t=30, "machine";r=0;t=30');
    }
  });
});

describe('what waits of one caller', () => {
  /** Sagas that nobody ends, until the test does. */
  function waiting(over: Readonly<Record<string, string>> = {}) {
    const ends = new Set<() => void>();
    const asked: number[] = [];
    const made = limited(
      { WAITS_PER_CALLER_MAX: '2', ...over },
      {
        settled: (_, waitMs) => {
          asked.push(waitMs);
          if (waitMs === 0) return Promise.resolve(null);
          return new Promise((resolve) => {
            ends.add(() => resolve(null));
          });
        },
        watch: () => ({ next: () => new Promise(() => {}), position: '', close: () => {} }),
      },
    );
    const wait = { prefer: 'wait=10' };
    const endAll = () => {
      for (const end of ends) end();
    };
    return { ...made, wait, asked, endAll };
  }

  it('is bounded: one more is stored and answered at once, and does not say that it waited', async () => {
    const { order, wait, asked, endAll, counted, lines } = waiting();
    const two = [order(wait), order(wait)];
    const third = await order(wait);
    expect([third.status, third.headers.get('retry-after')]).toEqual([202, '2']);
    expect(third.headers.has('preference-applied')).toBe(false);
    const other = order(wait, { from: '192.0.2.2' });
    expect((await order({ prefer: 'respond-async' })).headers.get('preference-applied')).toBe(
      'respond-async',
    );
    endAll();
    for (const { headers } of await Promise.all([...two, other]))
      expect(headers.get('preference-applied')).toBe('wait=10');
    expect(asked.filter((ms) => ms === 10_000)).toHaveLength(3);
    const again = order(wait);
    await Promise.resolve();
    endAll();
    await expect.poll(() => asked.filter((ms) => ms === 10_000).length).toBe(4);
    endAll();
    expect((await again).headers.get('preference-applied')).toBe('wait=10');
    expect(await counted('saga_waits_refused_total')).toEqual(['saga_waits_refused_total{kind="start"} 1']);
    expect(lines).toMatchObject([{ kind: 'start', caller: 'address:192.0.2.1' }]);
  });

  const watchOf = (app: ReturnType<typeof waiting>['app']) => () =>
    app.request(
      'http://localhost/api/coordinator/events',
      {},
      { incoming: { socket: { remoteAddress: '192.0.2.1' } } },
    );

  it('is bounded for streams apart, so that watching takes no order its wait', async () => {
    const { app, order, wait, endAll } = waiting({ WATCHERS_PER_CALLER_MAX: '3' });
    const watch = watchOf(app);
    const streams = [await watch(), await watch(), await watch(), await watch()];
    expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 503]);
    const two = [order(wait), order(wait)];
    await Promise.resolve();
    expect((await order(wait)).headers.has('preference-applied')).toBe(false);
    endAll();
    for (const { headers } of await Promise.all(two))
      expect(headers.get('preference-applied')).toBe('wait=10');
    await Promise.all(streams.map(({ body }) => body?.cancel()));
  });

  it('counts streams of events, and makes room where one ends', async () => {
    const { app, counted } = waiting();
    const watch = watchOf(app);
    const [first, second] = [await watch(), await watch()];
    const third = await watch();
    expect([third.status, ((await third.json()) as { type: string }).type]).toEqual([
      503,
      'too-many-watchers',
    ]);
    await first.body?.cancel();
    const fourth = await watch();
    expect(fourth.status).toBe(200);
    expect((await watch()).status).toBe(503);
    await Promise.all([second.body?.cancel(), fourth.body?.cancel()]);
    expect(await counted('saga_waits_refused_total')).toEqual(['saga_waits_refused_total{kind="stream"} 2']);
  });
});

it('knows a caller by its name where that is known, and else by where it comes from', () => {
  const keyOf = (by: ReturnType<typeof caller>, client: string | null) => {
    const values: Record<string, unknown> = { caller: by, outside: { client } };
    return callerKey({ get: (name: string) => values[name] } as never);
  };
  expect(keyOf(caller('user', 'ada', []), '192.0.2.1')).toBe('user:ada');
  expect(keyOf(caller('token', 'shop', []), '192.0.2.1')).toBe('token:shop');
  // Many may have it: behind it they are told apart by their addresses.
  expect(keyOf(caller('api-token', 'api-token', []), '192.0.2.1')).toBe('address:192.0.2.1');
  expect(keyOf(ANONYMOUS, '2001:db8::1')).toBe('address:2001:db8:0:0::/64');
  expect(keyOf(ANONYMOUS, null)).toBe('address:unknown');
});

describe('a coordinator that is flooded by one submitter', () => {
  let world: HoldingWorld;
  let url: string;
  beforeAll(async () => {
    world = await openHoldingWorld();
    url = (await world.coordinator({ STARTS_PER_CALLER_MAX: '2', STARTS_WINDOW_SECONDS: '86400' })).url;
  });
  afterAll(() => world.close());

  it('knows submitters by their tokens, wherever they come from', async () => {
    const tokens = { shop: 'a-token-of-the-shop', desk: 'a-token-of-the-desk' };
    const lines = Object.entries(tokens).map(([name, token]) => `${name} submitter ${token}`);
    const named = await world.coordinator({
      COORDINATOR_ID: 'named',
      STARTS_PER_CALLER_MAX: '1',
      STARTS_WINDOW_SECONDS: '86400',
      API_TOKENS: lines.join(';'),
    });
    const by = async (token: string) =>
      (await submit(named.url, ORDER, { authorization: `Bearer ${token}`, prefer: 'respond-async' })).status;
    expect([
      await by(tokens.shop),
      await by(tokens.shop),
      await by(tokens.desk),
      await by(tokens.shop),
    ]).toEqual([...[202, 429, 202, 429]]);
  });

  it('answers its probes, its readers and its operators, and joins what is known', async () => {
    world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
    world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
    const key = { 'idempotency-key': 'first' };
    const { body: parked } = await submit(url, ORDER, key);
    expect(parked.status).toBe('ABORTED');
    await submit(url);
    const flood = await Promise.all(Array.from({ length: 30 }, () => submit(url)));
    expect(flood.map(({ status }) => status)).toEqual(Array(30).fill(429));

    for (const path of ['/livez', '/readyz', '/metrics', '/api/coordinator/health', '/api/coordinator/sagas'])
      expect([path, (await send(url + path)).status]).toEqual([path, 200]);
    expect(await submit(url, ORDER, key)).toMatchObject({ status: 409, body: { saga_id: parked.saga_id } });
    world.services.payment.faults.clear();
    const retry = `${url}/api/coordinator/sagas/${parked.saga_id}/retry`;
    for (let n = 0; n < 3; n += 1) {
      const { status } = await send(retry, { method: 'POST', body: { reason: 'payment is mended' } });
      if (n === 0) expect(status).toBe(202);
      else expect(status).not.toBe(429);
    }
  });
});
