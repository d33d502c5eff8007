/** What a webhook is told: at least once, in order, by one coordinator at a time, also across their ends and its own. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Counter, Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { contentDigest, unbelieved } from '../../participant/signature.ts';
import type { EngineEvent } from '../../server/engine/contract.ts';
import { webhookMessages } from '../../server/webhook/counted.ts';
import { type Deliver, deliverTo } from '../../server/webhook/deliver.ts';
import type { Message } from '../../server/webhook/messages.ts';
import { Webhook } from '../../server/webhook/webhook.ts';
import { MemoryStore } from '../../stores/memory-store.ts';
import { VirtualClock } from '../engine/virtual-clock.ts';
import { parking, payment } from '../stores/conformance/causes.ts';
import { act, begin, MINUTE, summary, wait } from '../stores/sagas.ts';

const GAP: Message = { id: 'gap:1', type: 'gap', at: '2026-01-01T00:00:00.000Z' };
const GOING_ON = new AbortController().signal;

let clock: VirtualClock;
let store: MemoryStore;
/** What was taken. */
let taken: Message[];
/** What was sent, taken or not. */
let sent: string[];
/** What the webhook answers to the next messages; it takes all others. */
let answers: (string | null)[];
let told: (string | null)[];

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryStore({ now: clock.now, partitions: 1, streamMax: 20 });
  [taken, sent, answers, told] = [[], [], [], []];
});

function webhook(coordinator = 'one', more: { stuckAfterMs?: number; deliver?: Deliver } = {}): Webhook {
  return new Webhook({
    store,
    clock,
    coordinator,
    stuckAfterMs: 0,
    deliver: async (message) => {
      sent.push(message.id);
      const why = answers.shift() ?? null;
      if (why === null) taken.push(message);
      return why;
    },
    tell: ({ why }) => told.push(why),
    fault: (error) => {
      throw error;
    },
    ...more,
  });
}

/** One that has begun to follow. */
async function following(...asked: Parameters<typeof webhook>): Promise<Webhook> {
  const one = webhook(...asked);
  one.start();
  await clock.pass(1500);
  return one;
}
const park = () => begin(store, { next: parking([payment()]) });
const opened = (participant: string) =>
  ({ type: 'breaker-opened', participant, openMs: 1, error: 'ECONNREFUSED' }) as EngineEvent;

describe('a parked saga', () => {
  it('is told with its cause and what it holds, and none of its facts; others are not told', async () => {
    await park();
    const one = await following();
    expect(taken).toEqual([]);
    const { id } = await park();
    await begin(store, { next: act() });
    await clock.pass(2000);
    expect(taken).toEqual([
      {
        id: `parked:${id}:1`,
        type: 'saga.parked',
        at: expect.stringMatching(/Z$/),
        saga: {
          saga_id: id,
          path: `/sagas/${id}`,
          seq: 1,
          status: 'ABORTED',
          state: 'processingPayment',
          machine: 'order',
          label: 'o-1',
          parked: {
            reason: 'compensation-incomplete',
            step: 'payment',
            kind: 'compensation',
            error: 'refund # refused',
            held: { payment: 1, 'payment EUR': 250 },
          },
        },
      },
    ]);
    await one.stop();
  });

  it('is told again until it is taken, and nothing overtakes it', async () => {
    const one = await following();
    answers = ['it answered 500', 'ECONNREFUSED', 'it answered 503'];
    const ids = [(await park()).id, (await park()).id];
    await clock.pass(1000 + 2000 + 4000);
    expect(taken).toEqual([]);
    await clock.pass(1000);
    const first = sent[0] ?? '';
    expect(sent.slice(0, 4)).toEqual([first, first, first, first]);
    expect(new Set(taken.map(({ saga }) => saga?.saga_id))).toEqual(new Set(ids));
    expect(sent).toHaveLength(5);
    expect(told).toEqual(['it answered 500', 'ECONNREFUSED', 'it answered 503', null]);
    await one.stop();
  });

  it('is told by the next coordinator where one was killed before it was taken, and once by two that live', async () => {
    // It is never heard of again, and gives nothing back.
    await following('killed', { deliver: () => new Promise(() => {}) });
    const { id } = await park();
    await clock.pass(1000);
    const [a, b] = [await following('a'), await following('b')];
    await clock.pass(30_000);
    expect(taken).toEqual([]);
    await clock.pass(MINUTE);
    expect(taken.map(({ saga }) => saga?.saga_id)).toEqual([id]);
    const { id: next } = await park();
    await clock.pass(5000);
    expect(taken.map(({ saga }) => saga?.saga_id)).toEqual([id, next]);
    await Promise.all([a.stop(), b.stop()]);
  });

  it('is told although nobody ran when it was parked; and of more than is remembered it is told that there is a gap', async () => {
    await (await following()).stop();
    const { id } = await park();
    const two = await following();
    expect(taken.map(({ type, saga }) => [type, saga?.saga_id])).toEqual([['saga.parked', id]]);
    await two.stop();
    for (let n = 0; n < 30; n += 1) await begin(store, { next: act() });
    await (await following()).stop();
    expect(taken.map(({ type }) => type)).toEqual(['saga.parked', 'gap']);
  });
});

it('a saga that is stuck is told once, and once more when it has moved and is stuck again', async () => {
  const one = await following('one', { stuckAfterMs: 2 * MINUTE });
  const { id } = await begin(store, { next: wait(600), summary: summary({ label: 'slow' }) });
  await clock.pass(1.5 * MINUTE);
  expect(taken).toEqual([]);
  await clock.pass(5 * MINUTE);
  expect(taken).toMatchObject([
    { type: 'saga.stuck', saga: { saga_id: id, label: 'slow', status: 'STARTED' } },
  ]);
  await one.stop();
});

it('a breaker that opens is told, also by another coordinator than where it opened', async () => {
  const one = await following('one');
  const two = webhook('two');
  two.observe(opened('payment'));
  two.start();
  await clock.pass(1);
  // It has it in the store by now, and ends.
  await two.stop();
  await clock.pass(2000);
  expect(taken).toMatchObject([
    { type: 'breaker.opened', coordinator: 'two', participant: 'payment', error: 'ECONNREFUSED' },
  ]);
  await one.stop();
});

it('a breaker that opens while another is being kept, or while others write without end, is told too', async () => {
  const one = await following();
  const { write } = store.notes;
  one.observe(opened('payment'));
  store.notes.write = async (...asked) => {
    store.notes.write = write;
    one.observe(opened('shipping'));
    return write.apply(store.notes, asked);
  };
  await clock.pass(3000);
  expect(taken.map(({ participant }) => participant)).toEqual(['payment', 'shipping']);
  let refused = 0;
  store.notes.write = async (...asked) => {
    refused += 1;
    return refused <= 25 ? false : write.apply(store.notes, asked);
  };
  one.observe(opened('order'));
  await clock.pass(5000);
  expect(taken.at(-1)?.participant).toBe('order');
  store.notes.write = write;
  await one.stop();
});

it('that does not answer holds up nobody who ends, and is told by the next', async () => {
  const signals: AbortSignal[] = [];
  const silent: Deliver = (_, ending) => {
    signals.push(ending);
    return new Promise((answer) => ending.addEventListener('abort', () => answer('it was given up')));
  };
  const one = await following('one', { deliver: silent });
  const { id } = await park();
  await clock.pass(1500);
  expect(signals).toHaveLength(1);
  await one.stop();
  // That it was given up is no fault of the webhook's.
  expect(told).toEqual([]);
  const two = await following('two');
  expect(taken).toMatchObject([{ saga: { saga_id: id } }]);
  await two.stop();
});

it('that does not answer is given up at once over HTTP too', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const ending = new AbortController();
  const asked = once(server, 'request');
  const answer = deliverTo({ url, headers: [], signingKey: null }, () => 0)(GAP, ending.signal);
  await asked;
  ending.abort();
  expect(await answer).toEqual(expect.any(String));
  server.closeAllConnections();
  server.close();
});

it('is counted by whether it was taken, from zero on', async () => {
  const registry = new Registry();
  const answers = ['it answered 500', null, null];
  const deliver = webhookMessages(registry)(async () => answers.shift() ?? null);
  const counted = async () => {
    const { values } = await (registry.getSingleMetric('saga_webhook_messages_total') as Counter).get();
    return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
  };
  expect(await counted()).toEqual({ taken: 0, refused: 0 });
  const said = [await deliver(GAP, GOING_ON), await deliver(GAP, GOING_ON), await deliver(GAP, GOING_ON)];
  expect(said).toEqual(['it answered 500', null, null]);
  // One that was given up by us has said nothing.
  answers.push('given up');
  await deliver(GAP, AbortSignal.abort());
  expect(await counted()).toEqual({ taken: 2, refused: 1 });
});

it('is signed as calls to participants are, and taken with any 2xx', async () => {
  const secret = 'a secret of the webhook';
  const seen: { why: unknown; body: string; type: string | undefined; authorization: string | undefined }[] =
    [];
  let status = 202;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const header = (name: string) => {
        const value = request.headers[name];
        return typeof value === 'string' ? value : null;
      };
      const asked = { method: 'POST', path: request.url ?? '', header };
      const why = unbelieved(asked, { k1: secret }, { nowMs: Date.now(), ageMsMax: 60_000 });
      expect(header('content-digest')).toBe(contentDigest(body));
      const { authorization } = request.headers;
      seen.push({ why, body, type: request.headers['content-type'], authorization });
      response.writeHead(status, { location: '/elsewhere' }).end('thanks');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?team=a`;
  const deliver = (id: string, key = secret) => {
    const target = { url, headers: ['authorization', 'Basic x'], signingKey: { id, secret: key } };
    return deliverTo(target, Date.now)(GAP, GOING_ON);
  };
  expect(await deliver('k1')).toBeNull();
  expect(seen[0]).toEqual({
    why: null,
    body: '{"id":"gap:1","type":"gap","at":"2026-01-01T00:00:00.000Z"}',
    type: 'application/json',
    authorization: 'Basic x',
  });
  await deliver('k1', 'another secret, of somebody else');
  expect(seen[1]?.why).toMatchObject({ 0: 'signature-wrong' });
  for (status of [302, 404, 500]) expect(await deliver('k1')).toBe(`it answered ${status}`);
  server.close();
  server.closeAllConnections();
  expect(await deliver('k1')).toMatch(/^(ECONN|UND_ERR_)/);
});
