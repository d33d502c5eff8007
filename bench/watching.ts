/**
 * So many clients that watch everything, in a process of their own, so that what they do is not measured along. Told `open` it
 * says when all have begun, told `close` what they have heard since.
 */
import { connect, type Socket } from 'node:net';

const [url = '', many = ''] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const REQUEST = `GET /api/coordinator/events HTTP/1.1\r\nhost: ${hostname}:${port}\r\naccept: text/event-stream\r\n\r\n`;
const SAGA = Buffer.from('event: saga\n');

/** What all of them heard. */
export interface Heard {
  readonly bytes: number;
  /** Of the one that counts them, since to count for all would cost more than to be told. */
  readonly events: number;
  /** That the coordinator ended or refused. */
  readonly lost: number;
}

let sockets: Socket[] = [];
let heard = { bytes: 0, events: 0, lost: 0 };

function watch(isCounting: boolean): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    sockets.push(socket);
    socket.write(REQUEST);
    socket.on('data', (chunk: Buffer) => {
      heard.bytes += chunk.length;
      if (isCounting) heard.events += countIn(chunk);
      if (chunk.includes('event: ready')) resolve();
    });
    socket.on('error', () => {});
    socket.once('close', () => {
      if (sockets.includes(socket)) heard.lost += 1;
      resolve();
    });
  });
}

/** One that two chunks share is not counted; there are few. */
function countIn(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(SAGA); at >= 0; at = chunk.indexOf(SAGA, at + 1)) count += 1;
  return count;
}

process.on('message', async (what) => {
  if (what === 'open') {
    heard = { bytes: 0, events: 0, lost: 0 };
    await Promise.all(Array.from({ length: Number(many) }, (_, index) => watch(index === 0)));
    process.send?.('opened');
    return;
  }
  const leaving = sockets;
  sockets = [];
  for (const socket of leaving) socket.destroy();
  process.send?.(heard);
});
process.send?.(0);
process.once('disconnect', () => process.exit());
