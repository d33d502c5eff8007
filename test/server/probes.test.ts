/** The probes of the services on a clock of the test's own: how long an answer serves, and how long one is waited for. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Probes } from '../../server/probes.ts';

/** Time stands still until the test moves it. */
class Clock {
  #now = 0;
  #timers = new Map<() => void, number>();
  readonly now = () => this.#now;
  readonly monotonic = () => this.#now;
  readonly after = (ms: number, callback: () => void) => {
    this.#timers.set(callback, this.#now + ms);
    return () => void this.#timers.delete(callback);
  };
  get waiting(): number {
    return this.#timers.size;
  }
  move(ms: number): void {
    this.#now += ms;
    for (const [callback, at] of [...this.#timers]) {
      if (at > this.#now) continue;
      this.#timers.delete(callback);
      callback();
    }
  }
}

let clock: Clock;
let server: Server;
let probes: Probes<'one' | 'two'>;
/** Paths that the services were asked for. */
let asked: (string | undefined)[];
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  clock = new Clock();
  asked = [];
  answer = (response) => response.end('{}');
  server = createServer((request, response) => {
    asked.push(request.url);
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  probes = new Probes({ one: url, two: `${url}/base/` }, {}, clock);
});
afterEach(async () => {
  await probes.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

it('asks each service below the path of its URL', async () => {
  expect(await probes.all()).toEqual({ one: true, two: true });
  expect(asked.sort()).toEqual(['/base/health', '/health']);
});

it('sends each service the headers that are its own', async () => {
  const saw: (string | undefined)[] = [];
  server.on('request', ({ url, headers }) => saw.push(`${url} ${headers['x-api-key']}`));
  const base = probes.urls.one;
  const keyed = new Probes({ one: base, two: `${base}/base` }, { one: ['x-api-key', 'k'] }, clock);
  expect(await keyed.all()).toEqual({ one: true, two: true });
  expect(saw.sort()).toEqual(['/base/health undefined', '/health k']);
  await keyed.close();
});

it('asks again when two seconds are over, and not before', async () => {
  expect(await probes.one('one')).toBe(true);
  answer = (response) => response.writeHead(503).end();
  clock.move(1999);
  expect(await probes.one('one')).toBe(true);
  expect(asked).toHaveLength(1);
  clock.move(1);
  expect(await probes.one('one')).toBe(false);
  expect(asked).toHaveLength(2);
});

it('serves everybody who asks meanwhile from the probe that is under way', async () => {
  const answers = await Promise.all([probes.one('one'), probes.one('one'), probes.all()]);
  expect(answers).toEqual([true, true, { one: true, two: true }]);
  expect(asked).toHaveLength(2);
});

it('asks where the name leads now, not where it led before', async () => {
  let address = '127.0.0.1';
  const { port } = server.address() as AddressInfo;
  const lookup: LookupFunction = (_, { all }, callback) =>
    all ? callback(null, [{ address, family: 4 }]) : callback(null, address, 4);
  const moving = new Probes({ one: `http://moving.test:${port}` }, {}, clock, (_, timeout) =>
    buildConnector({ timeout, lookup }),
  );
  // As often as there could be connections, and once more.
  for (let round = 1; round <= 3; round += 1) {
    expect(await moving.one('one')).toBe(true);
    clock.move(2000);
  }
  // Nobody is there.
  address = '127.0.0.2';
  expect(await moving.one('one')).toBe(false);
  await moving.close();
});

describe('is not well', () => {
  it.each([500, 503, 404, 302, 304])('a service that answers %d', async (status) => {
    answer = (response) => response.writeHead(status, { location: '/health' }).end();
    expect(await probes.one('one')).toBe(false);
    expect(asked).toHaveLength(1);
  });

  it('a service that hangs up', async () => {
    answer = (response) => response.destroy();
    expect(await probes.one('one')).toBe(false);
  });

  it('a service that does not answer within a second', async () => {
    const held = new Promise<void>((resolve) => {
      answer = () => resolve();
    });
    const healthy = probes.one('one');
    await held;
    clock.move(999);
    expect(clock.waiting).toBe(1);
    clock.move(1);
    expect(await healthy).toBe(false);
  });

  it('a service whose answer does not end', async () => {
    const held = new Promise<void>((resolve) => {
      answer = (response) => response.write('{', () => resolve());
    });
    const healthy = probes.one('one');
    await held;
    clock.move(1000);
    expect(await healthy).toBe(false);
  });

  it('a service that nobody runs', async () => {
    const nobody = new Probes({ gone: 'http://127.0.0.1:1' }, {}, clock);
    expect(await nobody.all()).toEqual({ gone: false });
    await nobody.close();
  });
});

it('reads answers to their end, so that a connection is free for the next', async () => {
  // More of them than there are connections, and each larger than what a socket would hold back.
  answer = (response) => response.end('x'.repeat(1_000_000));
  for (let round = 1; round <= 5; round += 1) {
    expect(await probes.one('one')).toBe(true);
    clock.move(2000);
  }
  expect(asked).toHaveLength(5);
});

it('leaves no timer behind', async () => {
  await probes.all();
  expect(clock.waiting).toBe(0);
});

it.each([
  ['one', true],
  ['three', false],
  ['__proto__', false],
  ['toString', false],
])('knows %s: %s', (name, known) => {
  expect(probes.knows(name)).toBe(known);
});
