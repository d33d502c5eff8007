/** The stream of events, as the command line reads it: broken off, taken up again, and cut into any pieces. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { serverEvents } from '../../client/events.ts';
import { saga } from './command.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** One answer for each request, in turn. */
async function serve(
  ...answers: readonly ((request: IncomingMessage, response: ServerResponse) => void)[]
): Promise<string> {
  const left = [...answers];
  server = createServer((request, response) => {
    const next = left.shift();
    if (next === undefined) response.destroy();
    else next(request, response);
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const change = (seq: number, status: string) => ({ saga_id: '07-x', seq, state: `s${seq}`, status });
const streamed =
  (text: string, seen: (request: IncomingMessage) => void = () => {}) =>
  (request: IncomingMessage, response: ServerResponse) => {
    seen(request);
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
  };
const event = (id: string, data: object, type = 'saga') =>
  `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
const json = (body: object) => (_: IncomingMessage, response: ServerResponse) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

describe('watch', () => {
  it('follows one saga to its end, over a stream that breaks off, from where it was', async () => {
    const asked: unknown[] = [];
    const see = ({ url, headers }: IncomingMessage) => asked.push([url, headers['last-event-id']]);
    const running = json({ saga_id: '07-x', status: 'STARTED', state: 's1', execution_log: [] });
    const url = await serve(
      streamed(`: hello\n\n${event('p0', change(1, 'STARTED'))}:\nid: p1\n\n`, see),
      running,
      streamed(event('p2', change(2, 'STARTED')) + event('p3', change(3, 'FAILED')), see),
      running,
    );
    const { code, out, err } = await saga(['watch', '07-x', '--url', url]);
    expect(code).toBe(1);
    expect(out).toBe('07-x    1  STARTED    s1\n07-x    2  STARTED    s2\n07-x    3  FAILED     s3\n');
    expect(err).toBe('the stream has ended; going on where it was\n');
    expect(asked).toEqual([
      ['/api/coordinator/sagas/07-x/events', undefined],
      ['/api/coordinator/sagas/07-x/events', 'p1'],
    ]);
  });

  it('does not wait for what has happened already', async () => {
    const done = { saga_id: '07-x', status: 'COMPLETED', state: 'completed', execution_log: [{ seq: 6 }] };
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': waits for ever\n\n');
    }, json(done));
    const { code, out } = await saga(['watch', '07-x', '--json', '--url', url]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({ saga_id: '07-x', seq: 6, status: 'COMPLETED', state: 'completed' });
  });

  it('says where something was left out, passes over what it does not know, and gives up in the end', async () => {
    const url = await serve(
      streamed(
        event('p0', { position: 'p0' }, 'ready') +
          event('p1', {}, 'gap') +
          event('p2', {}, 'later') +
          'event: saga\ndata: torn{\n\n' +
          event('p3', change(1, 'ABORTED')),
      ),
    );
    const { code, out, err } = await saga(['watch', '--url', url]);
    expect(code).toBe(3);
    expect(out).toBe('07-x    1  ABORTED    s1\n');
    expect(err.match(/something was left out/g)).toHaveLength(1);
    expect(err.match(/going on where it was/g)).toHaveLength(10);
  });

  it('ends with 3 where there never was a stream', async () => {
    expect((await saga(['watch', '--url', 'http://127.0.0.1:1'])).code).toBe(3);
  });
});

it('sends an event that is not lost, and says under which id', async () => {
  const asked: unknown[] = [];
  const url = await serve(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    asked.push([request.method, request.url, JSON.parse(body)]);
    const accepted = { saga_id: '07-x', name: 'approval', id: 'e-1' };
    response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(accepted));
  });
  const sent = await saga(['send-event', '07-x', 'approval', '{"by":"Ada"}', '--id', 'e-1', '--url', url]);
  expect(sent).toEqual({ code: 0, out: 'event approval accepted: saga 07-x, id e-1\n', err: '' });
  const body = { name: 'approval', data: { by: 'Ada' }, id: 'e-1' };
  expect(asked).toEqual([['POST', '/api/coordinator/sagas/07-x/events', body]]);
});

describe('the reader of events', () => {
  const events = [
    { type: 'saga', data: 'one\ntwo', id: '1' },
    { type: 'message', data: 'ä 東 👍', id: '1' },
    { type: 'gap', data: '', id: '' },
    { type: '', data: null, id: '3' },
    { type: 'saga', data: ' led by a blank: and a colon', id: '4' },
  ];
  const lines = [
    ': a comment',
    ...['id: 1', 'event: saga', 'data: one', 'data:two', ''],
    ...['unknown: field', 'data: ä 東 👍', ''],
    // Without data there is no event.
    ...['event: nothing', ''],
    ...['id', 'event:gap', 'data', ''],
    ...[':', 'id: 3', ''],
    ...['id:4', 'event:saga', 'data:  led by a blank: and a colon', ''],
    'data: cut off',
  ];

  it('finds the same events, whatever ends their lines and wherever the pieces are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.array(fc.nat(300), { maxLength: 20 }),
        async (end, cuts) => {
          const bytes = Buffer.from(lines.join(end));
          const at = [
            0,
            ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
            bytes.length,
          ];
          const pieces = at.slice(1).map((to, index) => bytes.subarray(at[index], to));
          const found = [];
          for await (const one of serverEvents(fromAll(pieces))) found.push(one);
          expect(found).toEqual(events);
        },
      ),
    );
  });
});

async function* fromAll(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array, undefined> {
  yield* pieces;
  return undefined;
}
