/** What a participant answered, seen by itself, by another coordinator, in Redis and by everybody who looks: as it wrote it. */
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Coordinator } from '../../server/coordinator.ts';
import { saga as command } from '../cli/command.ts';
import { type Listener, listening } from '../engine/listener.ts';
import { ORDER, openWorld, send, type World } from './world.ts';

const DECLINED = { ...ORDER, payment: { method: 'card', token: 'tok_declined' } };
const RESERVATIONS = '[{"id":9007199254740993,"price":1.10,"limit":1e400,"none":-0,"text":"\\ud800"}]';
/** White space is not kept, and nothing is told by it. */
const ANSWER = `{ "reservations" :${RESERVATIONS},\n"at": 0.30000000000000000001 }`;
const KEPT = `{"reservations":${RESERVATIONS},"at":0.30000000000000000001}`;

let world: World;
let redis: Redis;
let inventory: Listener;
let one: Coordinator;
beforeAll(async () => {
  world = await openWorld();
  redis = new Redis(world.redis.url);
  inventory = await listening();
  one = await coordinator({ INSPECT: '1', INSPECT_PORT: '0' });
});
afterAll(async () => {
  redis.disconnect();
  await world.close();
  await inventory.close();
});

const coordinator = (environment = {}) =>
  world.coordinator({ INVENTORY_SERVICE_URL: inventory.url, ...environment });
const textOf = async (url: string) => (await fetch(url)).text();

/** An order that is declined after its stock was reserved; the release is answered with this status. */
async function undone(status: number): Promise<{ id: string; text: string; released: string }> {
  const answered = fetch(`${one.url}/api/coordinator/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(DECLINED),
  });
  (await inventory.next()).answer(200, ANSWER);
  const release = await inventory.next();
  release.answer(status);
  const text = await (await answered).text();
  return { id: JSON.parse(text).saga_id, text, released: release.body };
}

it('comes back with the release, and stands in Redis, in the answer to the order and in that to whoever asks', async () => {
  const { id, text, released } = await undone(200);
  expect(released).toContain(`"original_response":${KEPT}`);
  expect(released).toContain(`"inventory_reservations":${RESERVATIONS}`);
  const [key = ''] = await redis.keys(`*saga:${id}`);
  expect(await redis.hget(key, 'snapshot')).toContain(KEPT);
  for (const shown of [text, await textOf(`${one.url}/api/coordinator/sagas/${id}`)]) {
    expect(shown).toContain('"status":"FAILED"');
    expect(shown).toContain(`"inventory_reservations":${RESERVATIONS}`);
  }
});

it('is shown so where it is still held, and comes back so from a coordinator that takes the saga up', async () => {
  const client = new WebSocket(one.inspectorUrl?.replace('http', 'ws') ?? '', {
    origin: one.inspectorUrl ?? '',
  });
  const told: string[] = [];
  client.on('message', (message) => told.push(String(message)));
  await once(client, 'open');
  const { id, text } = await undone(409);
  expect(text).toContain('"status":"ABORTED"');
  expect(text).toContain(`"response":${KEPT}`);

  const shown = await command(['show', id, '--json', '--url', one.url]);
  expect(shown.out.replace(/\s/g, '')).toContain(`"response":${KEPT}`);
  expect((await command(['show', id, '--url', one.url])).out).toContain(KEPT);

  const page = (await textOf(`${one.url}/sagas/${id}`)).replaceAll('&quot;', '"');
  expect(page.replace(/\s/g, '')).toContain(KEPT);
  expect(page).toContain(`reservations ${RESERVATIONS}`);

  while (!told.some((message) => message.includes('"parked"'))) await once(client, 'message');
  client.terminate();
  const events = told.filter((message) => message.includes('"type":"@xstate.event"'));
  expect(events.find((message) => message.includes('"reservations"'))).toContain(KEPT);

  await one.stop();
  const other = await coordinator();
  const retried = send(`${other.url}/api/coordinator/sagas/${id}/retry`, {
    method: 'POST',
    body: { reason: 'it works again' },
  });
  const again = await inventory.next();
  expect(again.body).toContain(`"original_response":${KEPT}`);
  again.answer(200);
  expect((await retried).status).toBe(202);
});
