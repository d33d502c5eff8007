/** What of sagas comes to Redis where records are sealed: everything that was ever sent to it is looked through, and all that it keeps. */
import { rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { sealingKeysOf } from '../../stores/redis/sealing-keys-by-url.ts';
import { lineOf } from '../sealing/keys.ts';
import { ORDER, openWorld, send, submit, type World } from './world.ts';

/** What clients, participants and people say: to be found nowhere where whole records are sealed. */
const SAID = {
  token: 'tok_hidden_visa',
  customer: 'cust_hidden',
  name: 'Ada Hidden',
  amount: '76543210',
  /** Its order service names the order. */
  label: '',
  key: 'key-hidden-1',
  person: 'nelly.hidden',
  reason: 'Ada rang hidden',
};
const PLACED = {
  ...ORDER,
  customer_id: SAID.customer,
  items: [{ product_id: 'widget', quantity: 1, unit_price: Number(SAID.amount) }],
  payment: { method: 'card', token: SAID.token },
  shipping_address: { ...ORDER.shipping_address, name: SAID.name },
};

let world: World;
let folder: string;
let file: string;
let redis: Redis;
let monitor: Redis;
let sent: string[] = [];

beforeAll(async () => {
  world = await openWorld();
  folder = await mkdtemp(join(tmpdir(), 'sealed-'));
  file = join(folder, 'keys');
  writeFileSync(file, lineOf('k1'));
  redis = new Redis(world.redis.port);
  monitor = await redis.monitor();
  monitor.on('monitor', (_, words: string[]) => void sent.push(words.join(' ')));
});
afterEach(async () => {
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  monitor.disconnect();
  await world.close();
  rmSync(folder, { recursive: true });
});

/** An order that goes well, one that is undone, and one that is parked and set going again by a person. Answers the last one. */
async function upsAndDowns(url: string): Promise<string> {
  const done = await submit(url, PLACED, { 'idempotency-key': SAID.key });
  expect(done.body.status).toBe('COMPLETED');
  SAID.label = done.body.order_id;
  expect((await submit(url, PLACED, { 'idempotency-key': SAID.key })).body.saga_id).toBe(done.body.saga_id);
  world.services.payment.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  expect((await submit(url, PLACED)).body.status).toBe('FAILED');
  world.services.payment.faults.set([
    { endpoint: 'action', kind: 'status', status: 503, times: 1 },
    { endpoint: 'compensation', kind: 'status', status: 409 },
  ]);
  world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  const { saga_id: id, status } = (await submit(url, PLACED)).body;
  expect(status).toBe('ABORTED');
  for (const name of SERVICE_NAMES) world.services[name].faults.clear();
  const asked = { by: SAID.person, reason: SAID.reason };
  const answer = await send(`${url}/api/coordinator/sagas/${id}/retry`, { method: 'POST', body: asked });
  expect(answer.status).toBe(202);
  while ((await send(`${url}/api/coordinator/sagas/${id}`)).body.status !== 'FAILED') await redis.ping();
  return id;
}

async function logOf(url: string, id: string): Promise<{ event: string; by?: string; reason?: string }[]> {
  return (await send(`${url}/api/coordinator/sagas/${id}`)).body.execution_log;
}

/** Which of what was said stands in what Redis was sent, or keeps. */
async function found(): Promise<string[]> {
  // What the monitor shows comes behind what was asked on other connections.
  const mark = `mark ${sent.length}`;
  const shown = new Promise<void>((resolve) =>
    monitor.on('monitor', (_, words: string[]) => words.includes(mark) && resolve()),
  );
  await redis.echo(mark);
  await shown;
  const keys = await redis.keys('*');
  const kept = await Promise.all(
    keys.map(async (key) => `${key} ${(await redis.dump(key)) ?? ''} ${await textOf(key)}`),
  );
  const all = [...sent, ...kept].join('\n');
  sent = [];
  return Object.entries(SAID).flatMap(([name, text]) => (all.includes(text) ? [name] : []));
}

async function textOf(key: string): Promise<string> {
  const type = await redis.type(key);
  if (type === 'hash') return JSON.stringify(await redis.hgetall(key));
  if (type === 'list') return (await redis.lrange(key, 0, -1)).join(' ');
  if (type === 'stream') return JSON.stringify(await redis.xrange(key, '-', '+'));
  return type === 'string' ? ((await redis.get(key)) ?? '') : '';
}

it('is everything but the key of a repeat, unless something is sealed', async () => {
  const { url, stop } = await world.coordinator();
  await upsAndDowns(url);
  await stop();
  const { key: _, ...others } = SAID;
  expect(await found()).toEqual(Object.keys(others));
});

it('is no secret of a definition where those are sealed', async () => {
  const { url, stop } = await world.coordinator({ SEALING_KEYS: lineOf('k1') });
  await upsAndDowns(url);
  await stop();
  // All that only the snapshot holds is sealed with it; this stands beside it.
  expect(await found()).toEqual(['amount', 'label', 'person', 'reason']);
});

it('is nothing at all where whole records are sealed, and all of it is shown to whoever may ask', async () => {
  const first = await world.coordinator({ COORDINATOR_ID: 'one', SEALING: 'whole', SEALING_KEYS_FILE: file });
  const id = await upsAndDowns(first.url);
  const listed = async (url: string) =>
    (await send(`${url}/api/coordinator/sagas?order_id=${SAID.label}`)).body.sagas.length;
  expect(await listed(first.url)).toBe(1);
  const shown = (await send(`${first.url}/api/coordinator/sagas/${id}`)).body;
  expect(JSON.stringify(shown)).toContain(SAID.customer);
  expect(JSON.stringify(shown)).not.toContain('s1.k1');
  expect((await logOf(first.url, id)).find(({ event }) => event === 'retry')).toMatchObject({
    by: SAID.person,
    reason: SAID.reason,
  });
  // The page of a person who may see all of it.
  expect(await (await fetch(`${first.url}/sagas/${id}`)).text()).toContain(SAID.person);
  await first.stop();

  writeFileSync(file, `${lineOf('k2')}\n${lineOf('k1')}`);
  const second = await world.coordinator({
    COORDINATOR_ID: 'two',
    SEALING: 'whole',
    SEALING_KEYS_FILE: file,
  });
  expect(await listed(second.url)).toBe(1);
  const again = await submit(second.url, PLACED, { 'idempotency-key': SAID.key });
  expect(again.body.order_id).toBe(SAID.label);
  expect((await submit(second.url, PLACED)).body.status).toBe('COMPLETED');
  await second.stop();
  expect(await found()).toEqual([]);
  // The first three stand as they were; the digest of the first one's request, too.
  expect(await sealingKeysOf(world.redis.url, '')).toEqual({
    kind: 'counted',
    keys: [
      { key: 'k1', sagas: 3, unfinished: 0 },
      { key: 'k2', sagas: 1, unfinished: 0 },
    ],
  });

  // Whoever has no key sees that there are sagas, and why he sees no more.
  const third = await world.coordinator({ COORDINATOR_ID: 'three' });
  const closed = (await send(`${third.url}/api/coordinator/sagas/${id}`)).body;
  expect(closed).toMatchObject({ status: 'FAILED', order_id: null });
  expect(JSON.stringify(closed)).toContain('which is not here');
  expect((await send(`${third.url}/api/coordinator/sagas`)).body.sagas).toHaveLength(4);
  await third.stop();
});
