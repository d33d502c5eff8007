/** A body of a known length is read as it comes; only one without is made a web stream of, to be counted. */
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ORDER, openWorld, type World } from '../coordinator/world.ts';
import { exchange, head } from './raw.ts';

let world: World;
let url: string;
beforeAll(async () => {
  world = await openWorld();
  ({ url } = await world.coordinator());
});
afterAll(() => world.close());

const body = JSON.stringify(ORDER);
const type = 'Content-Type: application/json';
const line = 'POST /api/coordinator/orders';

/** How many web streams were made while the requests were answered. */
async function streamsDuring(...parts: readonly string[]): Promise<number> {
  const toWeb = vi.spyOn(Readable, 'toWeb');
  try {
    expect(await exchange(url, ...parts)).toMatchObject({ status: 201 });
    return toWeb.mock.calls.length;
  } finally {
    toWeb.mockRestore();
  }
}

it('makes no web stream of an order that says how long it is', async () => {
  expect(await streamsDuring(head(line, [type, `Content-Length: ${body.length}`]), body)).toBe(0);
});

it('makes one of an order that does not', async () => {
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  expect(await streamsDuring(head(line, [type, 'Transfer-Encoding: chunked']), chunk)).toBe(1);
});
