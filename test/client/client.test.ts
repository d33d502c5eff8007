/** The client over answers that a test gives: what it sends again, where it goes on, and what it throws. */
import { expect, it } from 'vitest';
import { ProblemError, SagaClient, UnreachableError } from '../../client/index.ts';
import { untilSettled } from '../../client/starting.ts';
import { Transport } from '../../client/transport.ts';

type Answer = (request: Request) => Response | Promise<Response>;

/** One answer for each request, in turn; and what was asked. */
function clientOver(...answers: readonly Answer[]) {
  const left = [...answers];
  const asked: { method: string; path: string; headers: Headers; body: string }[] = [];
  const client = new SagaClient({
    url: 'http://coordinator.test/under/',
    token: 'a-token',
    retryMs: 0,
    fetch: async (request) => {
      const { method, url, headers } = request;
      asked.push({
        method,
        path: url.slice('http://coordinator.test'.length),
        headers,
        body: await request.text(),
      });
      const answer = left.shift();
      if (answer === undefined) throw new TypeError('nobody is there');
      return answer(request);
    },
  });
  return { client, asked };
}

const json = (status: number, body: object) => () =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
const problem =
  (status: number, type: string, more: object = {}) =>
  () =>
    new Response(JSON.stringify({ type, title: 'No', status, detail: 'because', ...more }), {
      status,
      headers: { 'content-type': 'application/problem+json' },
    });
const lost = () => {
  throw new TypeError('fetch failed');
};
const saga = (status: string) => ({ saga_id: '07-x', status, state: 's', held: [], execution_log: [] });
const stream = (text: string) => () =>
  new Response(text, { headers: { 'content-type': 'text/event-stream' } });
const event = (id: string, data: object, type = 'saga') =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

it('starts a saga once, however often its answer is lost, and waits for its end', async () => {
  const { client, asked } = clientOver(
    lost,
    problem(503, 'start-unknown'),
    json(202, saga('STARTED')),
    json(409, saga('FAILED')),
  );
  const ended = await client.run('booking', { to: 'PAR' }, { waitMs: 60_000 });
  expect(ended.status).toBe('FAILED');
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual(
    Array(4).fill('POST /under/api/coordinator/sagas'),
  );
  const keys = new Set(asked.map(({ headers }) => headers.get('idempotency-key')));
  expect(keys.size).toBe(1);
  expect(new Set(asked.map(({ body }) => body))).toEqual(
    new Set(['{"machine":"booking","input":{"to":"PAR"}}']),
  );
  expect(asked.at(-1)?.headers.get('prefer')).toBe('wait=30');
  expect(asked.at(-1)?.headers.get('authorization')).toBe('Bearer a-token');
});

it('comes again when a limit says so, and never later than it would wait', async () => {
  const limited = (seconds: string) => () => {
    const headers = { 'content-type': 'application/problem+json', 'retry-after': seconds };
    const body = { type: 'rate-limited', title: 'No', status: 429, detail: 'because' };
    return new Response(JSON.stringify(body), { status: 429, headers });
  };
  const answers = [
    limited('7'),
    limited('Fri, 31 Dec 1999 23:59:59 GMT'),
    limited('0'),
    json(201, saga('COMPLETED')),
  ];
  const pauses: number[] = [];
  const run = (waitMs: number) => {
    let now = 0;
    const transport = new Transport('http://coordinator.test', null, () =>
      (answers.shift() ?? limited('90'))(),
    );
    const pause = async (ms: number) => {
      pauses.push(ms);
      now += ms;
    };
    const start = { path: '/', body: '{}', idempotencyKey: 'k' };
    return untilSettled(transport, start, { waitMs, waitSecondsMax: 30, now: () => now, pause });
  };
  expect((await run(60_000)).status).toBe(201);
  expect(pauses.splice(0)).toEqual([7_000, 1_000, 1_000]);
  await expect(run(60_000)).rejects.toMatchObject({
    type: 'rate-limited',
    status: 429,
    retryAfterMs: 90_000,
  });
  expect(pauses).toEqual([60_000]);
});

it('gives the saga as it stands when the wait is over, and throws what is wrong when nothing is known by then', async () => {
  const running = clientOver(json(202, saga('STARTED')));
  expect((await running.client.run('booking', {}, { waitMs: 0 })).status).toBe('STARTED');
  const nobody = clientOver();
  await expect(nobody.client.run('booking', {}, { waitMs: 0 })).rejects.toThrow(UnreachableError);
  expect(nobody.asked).toHaveLength(1);
});

it('does not wait for a start that only has to be stored', async () => {
  const { client, asked } = clientOver(json(202, saga('STARTED')));
  await client.begin('booking', {}, { idempotencyKey: 'mine', version: '2' });
  expect(asked[0]?.headers.get('prefer')).toBe('respond-async');
  expect(asked[0]?.headers.get('idempotency-key')).toBe('"mine"');
  expect(asked[0]?.body).toBe('{"machine":"booking","version":"2","input":{}}');
  await expect(client.begin('booking', {}, { idempotencyKey: 'it"s' })).rejects.toThrow(TypeError);
});

it('throws what is refused with its type and its document, at once', async () => {
  const errors = [{ pointer: '/input/to', detail: 'must be a string' }];
  const { client, asked } = clientOver(problem(422, 'validation-error', { errors }));
  const refused = await client.run('booking', {}).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ProblemError);
  expect(refused).toMatchObject({ status: 422, type: 'validation-error', problem: { errors } });
  expect(asked).toHaveLength(1);
  const other = clientOver(
    () => new Response('<html>', { status: 404, headers: { 'content-type': 'text/html' } }),
  );
  await expect(other.client.get('07-x')).rejects.toMatchObject({ status: 404, type: null, problem: null });
});

it('ends a wait when it is told to', async () => {
  const stop = new AbortController();
  const { client } = clientOver((request) => {
    stop.abort(new Error('seen enough'));
    throw request.signal.reason;
  });
  await expect(client.run('booking', {}, { signal: stop.signal })).rejects.toThrow('seen enough');
});

it('lists page by page', async () => {
  const { client, asked } = clientOver(
    json(200, { sagas: [saga('FAILED')], cursor: 'next' }),
    json(200, { sagas: [saga('COMPLETED')], cursor: null }),
  );
  const since = new Date('2026-01-01T00:00:00Z');
  const found = [];
  for await (const one of client.all({ machine: 'booking', failedStep: 'flight', since })) found.push(one);
  expect(found.map(({ status }) => status)).toEqual(['FAILED', 'COMPLETED']);
  const query = 'machine=booking&failed_step=flight&since=2026-01-01T00%3A00%3A00.000Z';
  expect(asked.map(({ path }) => path.split('?')[1])).toEqual([
    query,
    query.replace('&failed', '&cursor=next&failed'),
  ]);
});

it('binds what is asked of a saga to what was seen of it', async () => {
  const { client, asked } = clientOver(problem(412, 'saga-moved'), json(202, saga('STARTED')));
  const moved = client.skip('07-x', 'flight', { reason: 'by phone', seq: 7 });
  await expect(moved).rejects.toMatchObject({ type: 'saga-moved' });
  await client.retry('07-x', { reason: 'mended', by: 'ada' });
  expect(asked.map(({ path, body, headers }) => [path, body, headers.get('if-match')])).toEqual([
    ['/under/api/coordinator/sagas/07-x/skip', '{"reason":"by phone","step":"flight"}', '"7"'],
    ['/under/api/coordinator/sagas/07-x/retry', '{"reason":"mended","by":"ada"}', null],
  ]);
});

it('has a participant asked, and skips with a proof', async () => {
  const { client, asked } = clientOver(json(200, { state: 'undone' }), json(202, saga('STARTED')));
  expect(await client.askParticipant('07-x', 'flight')).toMatchObject({ state: 'undone' });
  await client.skip('07-x', 'flight', { reason: 'by phone', seq: 7, withProof: true });
  expect(asked.map(({ path, body }) => [path, JSON.parse(body)])).toEqual([
    ['/under/api/coordinator/sagas/07-x/ask', { step: 'flight' }],
    ['/under/api/coordinator/sagas/07-x/skip', { reason: 'by phone', step: 'flight', with_proof: true }],
  ]);
});

it('asks many, looks how far that is, and goes on or stops', async () => {
  const bulk = json(202, { bulk_id: 'b-1' });
  const { client, asked } = clientOver(
    bulk,
    bulk,
    json(200, { bulks: [{ bulk_id: 'b-1' }] }),
    bulk,
    bulk,
    bulk,
  );
  const many = { act: 'retry', filter: { status: 'ABORTED', cause: 'k' } } as const;
  await client.previewBulk(many);
  expect(await client.beginBulk({ ...many, reason: 'mended' })).toEqual({ bulk_id: 'b-1' });
  expect(await client.bulks()).toEqual([{ bulk_id: 'b-1' }]);
  await client.bulk('b-1');
  await client.continueBulk('b-1', { by: 'ada' });
  await client.stopBulk('b-1');
  expect(asked.map(({ method, path, body }) => [method, path, body && JSON.parse(body)])).toEqual([
    ['POST', '/under/api/coordinator/bulks:preview', many],
    ['POST', '/under/api/coordinator/bulks', { ...many, reason: 'mended' }],
    ['GET', '/under/api/coordinator/bulks', ''],
    ['GET', '/under/api/coordinator/bulks/b-1', ''],
    ['POST', '/under/api/coordinator/bulks/b-1/continue', { by: 'ada' }],
    ['POST', '/under/api/coordinator/bulks/b-1/stop', {}],
  ]);
});

it('sends an event under an id of its own', async () => {
  const { client, asked } = clientOver(json(202, {}), json(202, {}));
  await client.event('07-x', { name: 'approval', data: { by: 'Ada' } });
  await client.event('07-x', { name: 'approval', data: { by: 'Ada' }, id: 'mine' });
  const ids = asked.map(({ body }) => JSON.parse(body).id);
  expect(ids).toEqual([expect.stringMatching(/^[\w-]{36}$/), 'mine']);
});

it('follows events over a stream that breaks off, from where it was, until it has seen enough', async () => {
  const { client, asked } = clientOver(
    stream(`${event('p0', {}, 'ready')}${event('p1', { seq: 1 })}:\nid: p2\n\n`),
    stream(event('p3', {}, 'gap') + event('p4', {}, 'later') + event('p5', { seq: 2 })),
  );
  const seen: unknown[] = [];
  for await (const told of client.watch({ saga: '07-x', after: 'before' })) {
    seen.push([told.event, told.id]);
    if (told.id === 'p5') break;
  }
  expect(seen).toEqual([
    ['ready', 'p0'],
    ['saga', 'p1'],
    ['gap', 'p3'],
    ['saga', 'p5'],
  ]);
  expect(asked.map(({ headers }) => headers.get('last-event-id'))).toEqual(['before', 'p2']);
});

it('ends a watch without an error when it is told to', async () => {
  const stop = new AbortController();
  const { client } = clientOver(stream(event('p1', { seq: 1 })));
  const seen: string[] = [];
  for await (const { event: kind } of client.watch({ signal: stop.signal })) {
    seen.push(kind);
    stop.abort();
  }
  expect(seen).toEqual(['saga']);
});

it('takes no URL that is none, and none with a user in it', () => {
  expect(() => new SagaClient({ url: 'ftp://x' })).toThrow(TypeError);
  expect(() => new SagaClient({ url: 'http://me:secret@x' })).toThrow(TypeError);
  expect(() => new SagaClient({ url: 'http://x', token: 'a b' })).toThrow(TypeError);
});
