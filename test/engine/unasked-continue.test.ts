/** A participant that says `100 Continue` unasked, over a real socket, in whatever pieces it comes. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Calling } from './calling.ts';

let server: Server;
let calling: Calling;
afterEach(async () => {
  await calling.close();
  server.close();
});

/** Answers each request with these pieces, each as a packet of its own. */
async function answering(pieces: readonly string[]): Promise<void> {
  server = createServer((socket) => {
    socket.setNoDelay(true);
    let asked = '';
    socket.on('data', async (bytes) => {
      asked += bytes;
      if (!asked.endsWith('}')) return;
      asked = '';
      for (const piece of pieces) await sent(socket, piece);
    });
    socket.on('error', () => {});
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  calling = await Calling.open(1, () => `http://127.0.0.1:${port}`);
}

/** A turn or two of the event loop apart, so that they are not read as one. */
async function sent(socket: Socket, piece: string): Promise<void> {
  await new Promise((resolve) => socket.write(piece, resolve));
  for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
}

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const answerOf = (body: string) =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
const ANSWER = answerOf('{"order_id":"o-1"}');
const ODD = 'HTTP/1.1 100 Continue';

it.each<[string, readonly string[]]>([
  ['before the answer', [CONTINUE, ANSWER]],
  ['in one packet with it', [CONTINUE + ANSWER]],
  ['twice', [CONTINUE, CONTINUE + ANSWER]],
  ['with a field', ['HTTP/1.1 100 Continue\r\nserver: x\r\n\r\n', ANSWER]],
  ['without a phrase', ['HTTP/1.0 100\r\n\r\n', ANSWER]],
  ['torn', ['HTTP/1', '.1 100 Cont', 'inue\r\n\r', '\nHTTP/1.1 2', ANSWER.slice(10)]],
  ['byte by byte', [...(CONTINUE + ANSWER)]],
  ['not at all', [ANSWER]],
  ['with another word before it', ['HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n', CONTINUE, ANSWER]],
])('said %s is passed over, call after call', async (_, pieces) => {
  await answering(pieces);
  for (let call = 0; call < 2; call += 1)
    expect(await calling.call()).toMatchObject({ outcome: 'done', answer: { order_id: 'o-1' } });
});

it('is none in the middle of an answer, wherever that is torn', async () => {
  const body = `{"order_id":"${ODD}"}`;
  await answering([answerOf(body).replace(`${ODD}"}`, ''), `${ODD}"}`]);
  expect(await calling.call()).toMatchObject({ outcome: 'done', answer: { order_id: ODD } });
});

it('that has no end is a broken answer', async () => {
  await answering([`HTTP/1.1 100 Continue\r\nx: ${'y'.repeat(9000)}`, ANSWER]);
  expect(await calling.call()).toMatchObject({ outcome: 'unknown' });
});
