/**
 * What an order costs where nothing is kept: a Node process that takes it over HTTP and makes the same calls with the
 * same client. With the socket of a Redis as its second argument it writes what it knows there before each call, and
 * awaits that: the least that durability can cost, without fencing, log, indexes or anybody who would carry on.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { Pool } from 'undici';
import { actions, type Data, undoing } from './order.ts';

const [stubUrl = '', redisSocket = ''] = process.argv.slice(2);
const pool = new Pool(stubUrl, { connections: 128, headersTimeout: 0, bodyTimeout: 0 });
const redis = redisSocket === '' ? null : new Redis(redisSocket);
let orders = 0;

async function post(path: string, body: unknown, key: string): Promise<Data | null> {
  const answer = await pool.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify(body),
  });
  const read = (await answer.body.json()) as Data;
  return answer.statusCode < 300 ? read : null;
}

interface Item {
  readonly quantity: number;
  readonly unit_price: number;
}
const amountOf = (items: readonly Item[]): number =>
  items.reduce((sum, { quantity, unit_price }) => sum + quantity * unit_price, 0);

async function run(order: Data): Promise<{ status: number; answer: unknown }> {
  orders += 1;
  const id = `${process.pid}-${orders}`;
  let data: Data = { ...order, amount: amountOf(order.items as Item[]) };
  const keep = (state: string) => redis?.set(`floor:${id}`, JSON.stringify({ state, data }));
  const done: typeof actions = [];
  for (const step of actions) {
    await keep(step.name);
    const gained = await post(step.action, step.request(data), `${id}:${step.name}:action`);
    done.push(step);
    if (gained === null) {
      for (const undo of undoing(done)) {
        await keep(`undoing ${undo.name}`);
        await post(undo.compensation, data, `${id}:${undo.name}:compensation`);
      }
      await keep('failed');
      return { status: 409, answer: { id, status: 'FAILED' } };
    }
    data = { ...data, ...gained };
  }
  await keep('completed');
  return { status: 201, answer: { id, status: 'COMPLETED', data } };
}

function jsonOf(request: IncomingMessage): Promise<Data> {
  return new Promise((resolve, reject) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => resolve(JSON.parse(text)));
    request.on('error', reject);
  });
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, answer } = await run(await jsonOf(request));
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer));
}

const server = createServer((request, response) => void serve(request, response));
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
// Whoever started it is gone, perhaps by SIGKILL.
process.once('disconnect', () => process.exit());
