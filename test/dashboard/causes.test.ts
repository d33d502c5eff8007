/** What needs a person: counted whole, however many there are, those first that hold money, and each leads to exactly its sagas. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { ORDER, openWorld, send, settled, submit, type World } from '../coordinator/world.ts';
import { parking, payment } from '../stores/conformance/causes.ts';
import { begin, summary } from '../stores/sagas.ts';
import { commandsOf } from './commands.ts';
import { causesOn, plain } from './looking.ts';

const HTML = { accept: 'text/html' };
let world: World;
let url: string;
let store: RedisStore;
let redis: ReturnType<typeof connect>;

beforeAll(async () => {
  world = await openWorld();
  // What it does by itself would be counted, too.
  url = (await world.coordinator({ POLL_MS: '3600000' })).url;
  redis = connect(world.redis.url);
  store = await RedisStore.open({ redis });
});
afterAll(async () => {
  await store?.close();
  await world?.close();
});

const page = async (path: string): Promise<string> => (await send(url + path, { headers: HTML })).body;

it('an order that is parked is counted with its money, and is gone from there once a retry has mended it', async () => {
  const { shipping, payment: bank } = world.services;
  shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  bank.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  const { body } = await submit(url, ORDER);
  shipping.faults.clear();
  const [shown] = causesOn(await page('/'));
  expect(shown?.title).toBe('Payment could not be undone 1 ×');
  expect(shown?.text).toContain('Still held: EUR 25.00 in 1 × payment');
  const list = plain(await page(shown?.href ?? ''));
  expect(list).toContain('1 saga, parked because payment could not be undone');
  expect(list).toMatch(/EUR.25\.00 was taken from the customer \S.* 0 (just now|\d)/);

  // In vain, and then not.
  const retry = () =>
    send(`${url}/api/coordinator/sagas/${body.saga_id}/retry`, {
      method: 'POST',
      body: { reason: 'a test' },
    });
  const seq = async () => (await send(`${url}/api/coordinator/sagas/${body.saga_id}`)).body;
  const before = (await seq()).execution_log.length;
  await retry();
  for (let now = await seq(); now.execution_log.length < before + 2 || now.status !== 'ABORTED'; )
    now = await seq();
  expect(causesOn(await page('/')).map(({ title }) => title)).toEqual(['Payment could not be undone 1 ×']);
  expect(plain(await page(shown?.href ?? ''))).toMatch(/was taken from the customer \S.* 1 (just now|\d)/);
  bank.faults.clear();
  await retry();
  for (let now = await settled(url, body.saga_id); now.body.status !== 'FAILED'; )
    now = await settled(url, body.saga_id);
  expect(await page('/')).toContain('Nothing needs you.');
  expect(await page(shown?.href ?? '')).toContain('Nothing is parked for this any more.');
});

it('110 newer failures of stock hide no payment that is held, for at most 60 commands and where the feed stands', async () => {
  const held = (n: number) => parking([payment(`refund ${1000 + n} was refused`, 2500)]);
  const stock = (n: number) =>
    parking([
      {
        step: 'inventory',
        reason: `shelf ${1000 + n} is locked`,
        response: null,
        kind: 'stock',
        amount: 2,
        unit: 'items',
      },
    ]);
  const some = async (count: number, next: typeof held) => {
    for (let n = 0; n < count; n += 1)
      await begin(store, { next: next(n), summary: summary({ label: `${next.name}-${n}` }) });
  };
  await some(17, held);
  await some(110, stock);
  const before = await commandsOf(redis);
  const html = await page('/');
  // Where nobody watches, each partition is asked where its feed ends; where somebody does, that is known.
  expect((await commandsOf(redis)) - before).toBeLessThanOrEqual(60 + store.info.partitions);
  expect(plain(html)).toContain('127 sagas need you');
  const [first, second] = causesOn(html);
  expect([first?.title, second?.title]).toEqual([
    'Payment could not be undone 17 ×',
    'Inventory could not be undone 110 ×',
  ]);
  expect(first?.text).toContain('Still held: EUR 425.00 in 17 × payment');
  expect(second?.text).toContain('Still held: 110 × stock (220 items)');
  const rows = (list: string) =>
    [...list.matchAll(/<th scope="row"><a href="[^"]*">([^<]*)</g)].map(([, name]) => name);
  expect(rows(await page(first?.href ?? ''))).toEqual(Array.from({ length: 17 }, (_, n) => `held-${16 - n}`));
  expect(rows(await page(second?.href ?? ''))).toHaveLength(50);
  const shown = plain(await page('/held'));
  expect(shown).toContain('127 parked sagas hold this until somebody acts.');
  expect(shown).toContain('Payment EUR 425.00 17 times Stock 220 items 110 times');
  expect(shown).toMatch(
    /By whose failure .* Inventory 110 × stock \(220 items\) 110 Payment EUR 425\.00 in 17 × payment 17/,
  );
  expect(plain(await page('/held?kind=stock'))).toContain('110 parked sagas hold this');
  const ledger = await send(`${url}/api/coordinator/held?participant=payment`);
  expect(ledger.body).toMatchObject({
    sagas: 17,
    totals: [
      { kind: 'payment', unit: 'EUR', amount: 42_500 },
      { kind: 'payment', unit: null, amount: 17 },
    ],
    causes: [{ cause: first?.href.split('=')[1], participant: 'payment', held: { 'payment EUR': 42_500 } }],
  });
  const key = first?.href.replace('/sagas?', '') ?? '';
  const { body } = await send(`${url}/api/coordinator/sagas?${key}&limit=20`);
  expect(body.sagas.map(({ label }: { label: string }) => label)).toEqual(
    Array.from({ length: 17 }, (_, n) => `held-${16 - n}`),
  );
  const form = await page(`/bulks/new${first?.href.slice('/sagas'.length)}`);
  expect(form.match(/name="saga" value=/g)).toHaveLength(17);
});

it('what an older release has parked is counted by a coordinator that starts', async () => {
  // Its records have no cause, and nobody has counted them.
  const { sagas } = await store.list({ status: 'ABORTED' }, null, 200);
  for (const { id } of sagas) await redis.hdel(`{p${id.slice(0, 2)}}:saga:${id}`, 'cause', 'parkings');
  for (let at = 0; at < 16; at += 1) {
    const tag = `{p${at.toString(16).padStart(2, '0')}}`;
    const fields = (await redis.hkeys(`${tag}:counters`)).filter((name) =>
      /^(parked|cause|seen):/.test(name),
    );
    if (fields.length > 0) await redis.hdel(`${tag}:counters`, ...fields);
    await redis.del(`${tag}:parked`);
  }
  const { url: other } = await world.coordinator({ COORDINATOR_ID: 'newer', POLL_MS: '5' });
  for (;;) {
    const { body } = await send(other, { headers: HTML });
    expect(plain(body)).toMatch(/\b127 sagas need you|Nothing needs you|\d+ sagas? needs? you/);
    if (causesOn(body)[0]?.title.endsWith('17 ×') && causesOn(body)[1]?.title.endsWith('110 ×')) {
      if (!body.includes('not counted by cause')) break;
    }
  }
});

it('a webhook is told of a saga that is parked, by a coordinator that has its address', async () => {
  let heard: (message: object) => void = () => {};
  const told = new Promise<object>((resolve) => {
    heard = resolve;
  });
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      response.end();
      heard({ ...JSON.parse(body), signature: request.headers['signature-input'] });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = server.address() as AddressInfo;
  await world.coordinator({
    COORDINATOR_ID: 'telling',
    WEBHOOK_URL: `http://127.0.0.1:${at.port}/hook`,
    WEBHOOK_SIGNING_KEY: 'k1:sesame-sesame-sesame',
  });
  // It tells what comes once it has begun to.
  while ((await redis.hget('{boots}:notes', 'webhook'))?.includes('"position":"') !== true);
  const { id } = await begin(store, { next: parking([payment()]) });
  expect(await told).toMatchObject({
    type: 'saga.parked',
    saga: { saga_id: id, parked: { held: { 'payment EUR': 250 } } },
    signature: expect.stringContaining('keyid="k1"'),
  });
  server.close();
});
