/** One exchange with a participant in this process: what it is given, what is made of its answer, and how it is given up. */
import { expect, it } from 'vitest';
import { Cutoff } from '../../server/engine/cutoff.ts';
import { exchangeHere, type Handle } from '../../server/engine/exchange-here.ts';
import { Participants } from '../../server/engine/participants.ts';
import { begun, callIn, orderMachine } from '../machines/placed-order.ts';
import { BREAKER } from './calling.ts';
import { quiet, VirtualClock } from './virtual-clock.ts';

const BYTES_MAX = 8;

const exchanged = (handle: Handle, cutoff = new Cutoff()) =>
  exchangeHere(
    handle,
    'http://shop.test',
    { method: 'POST', path: '/goods?day=7', headers: ['saga-id', 's-1', 'x-key', 'k'], body: '{"a":1}' },
    BYTES_MAX,
    cutoff,
  );

it('is given what a call carries', async () => {
  const seen: unknown[] = [];
  await exchanged(async (request) => {
    const { method, url, headers } = request;
    seen.push(method, url, headers.get('saga-id'), headers.get('x-key'), await request.text());
    return new Response();
  });
  expect(seen).toEqual(['POST', 'http://shop.test/goods?day=7', 's-1', 'k', '{"a":1}']);
});

it('answers with all that is made of an answer, and with nothing that was not said', async () => {
  const headers = { 'retry-after': '7', location: '/jobs/1', 'content-encoding': 'gzip' };
  const said = { ...headers, 'idempotent-replayed': 'true' };
  expect(await exchanged(() => new Response('late', { status: 503, headers: said }))).toEqual({
    status: 503,
    retryAfter: '7',
    location: '/jobs/1',
    contentEncoding: 'gzip',
    isReplayed: true,
    body: Buffer.from('late'),
  });
  expect(await exchanged(() => new Response(null, { status: 204 }))).toEqual({
    status: 204,
    retryAfter: undefined,
    location: undefined,
    contentEncoding: undefined,
    isReplayed: false,
    body: Buffer.from(''),
  });
});

it('is read to its last byte where it has as many as it may, and no further than that', async () => {
  const body = async (text: string) => (await exchanged(() => new Response(text))).body;
  expect(await body('12345678')).toEqual(Buffer.from('12345678'));
  expect(await body('123456789')).toBeNull();
});

/** A body of one chunk after the other, as they are let come, and why it was cancelled. */
function dripping() {
  const cancelled: unknown[] = [];
  let drip: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      drip = controller;
    },
    cancel: () => void cancelled.push('cancelled'),
  });
  return { body, cancelled, drip: () => drip?.enqueue(Buffer.from('x')) };
}

it('is given up when its time is over: it learns of it, and its body is read no further', async () => {
  const cutoff = new Cutoff();
  const { body, cancelled, drip } = dripping();
  let signal: AbortSignal | undefined;
  const reply = exchanged((request) => {
    ({ signal } = request);
    return new Response(body);
  }, cutoff);
  drip();
  await quiet();
  const late = new Error('its time is over');
  cutoff.cut(late);
  await expect(reply).rejects.toBe(late);
  expect([signal?.aborted, signal?.reason]).toEqual([true, late]);
  expect(cancelled).toEqual([]);
  drip();
  await quiet();
  expect(cancelled).toEqual(['cancelled']);
});

it('is how a participant is called that has a handler, and no connection is opened for it', async () => {
  const machine = orderMachine();
  const call = { ...callIn(machine, begun(machine)), isAsynchronous: true };
  const seen: string[] = [];
  const clock = new VirtualClock();
  const participants = new Participants(
    {
      ...{ urls: { order: 'http://shop.test/base' }, headers: {}, proxies: {}, breaker: BREAKER },
      ...{ connectionsMax: 1, queueMax: 1, connectTimeoutMs: 1, connectionLifeMs: 1, answerBytesMax: 100 },
      handlers: {
        order: (request) => {
          seen.push(request.url, String(request.headers.get('saga-id')));
          return Response.json({ order_id: 'o-1' });
        },
      },
    },
    { clock, random: () => 0.5, observe: () => {} },
  );
  const reply = await participants.call('s-1', call, {}, () => 1_000, 'order');
  expect(reply).toMatchObject({ outcome: 'done', answer: { order_id: 'o-1' }, status: 200 });
  expect(seen).toEqual([`http://shop.test/base${call.path}`, 's-1']);
  await participants.close();
  expect(clock.pending).toBe(0);
});

it('is told of no end that comes after its answer', async () => {
  const cutoff = new Cutoff();
  let signal: AbortSignal | undefined;
  await exchanged((request) => {
    ({ signal } = request);
    return new Response();
  }, cutoff);
  cutoff.cut(new Error('the coordinator stops'));
  expect(signal?.aborted).toBe(false);
});
