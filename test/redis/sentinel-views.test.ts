/** What a client makes of what sentinels say: they are played here, so that each may say it when it likes. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { freePort, type RedisServer, startRedis } from '../redis-server.ts';
import { until } from './until.ts';
import { adminOf } from './weather.ts';

const NAME = 'orders';

/** As much of a sentinel as is asked of one. */
class Played {
  /** The master of its configuration. */
  master: RedisServer;
  epoch = 0;
  choosing = false;
  /** The one that it names, where that is another by now. */
  promoted: RedisServer | null = null;
  /** Hears and says nothing, before it wakes. */
  hangs = false;
  /** How often it was asked for its configuration. */
  asked = 0;
  others: Played[] = [];
  port = 0;
  #server: Server | null = null;
  readonly #clients = new Set<Socket>();
  readonly #unanswered: (() => void)[] = [];

  constructor(master: RedisServer) {
    this.master = master;
  }

  async start(): Promise<this> {
    this.port ||= await freePort();
    this.#server = createServer((socket) => {
      this.#clients.add(socket);
      socket.on('close', () => this.#clients.delete(socket)).on('error', () => {});
      // Each command that ioredis sends is an array of bulk strings, in one piece.
      socket.on('data', (data) => {
        for (const command of String(data).split(/(?=\*\d+\r\n\$)/)) {
          const words = command.split('\r\n').filter((_, i) => i > 0 && i % 2 === 0);
          if (words[1] === 'MASTER') this.asked += 1;
          if (this.hangs) this.#unanswered.push(() => this.#answer(socket, words));
          else this.#answer(socket, words);
        }
      });
    }).listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get listeners(): number {
    return this.#clients.size;
  }

  wake(): void {
    this.hangs = false;
    for (const answer of this.#unanswered.splice(0)) answer();
  }

  say(channel: string, text: string): void {
    for (const socket of this.#clients) socket.write(encoded(['message', channel, text]));
  }

  /** Resolves when nobody listens any more. */
  async left(): Promise<void> {
    await Promise.all([...this.#clients].map((socket) => once(socket, 'close')));
  }

  async stop(): Promise<void> {
    const closed = this.#server && once(this.#server, 'close');
    this.#server?.close();
    for (const socket of this.#clients) socket.destroy();
    await closed;
    this.#server = null;
  }

  #answer(socket: Socket, [command = '', ...words]: readonly string[]): void {
    const at = ({ port }: { readonly port: number }) => ['127.0.0.1', String(port)];
    const of = (one: { readonly port: number }) => ['ip', '127.0.0.1', 'port', String(one.port)];
    const answers: Record<string, () => unknown> = {
      MASTER: () => [
        ...of(this.master),
        'flags',
        this.choosing ? 'master,failover_in_progress' : 'master',
        'config-epoch',
        String(this.epoch),
      ],
      'GET-MASTER-ADDR-BY-NAME': () => at(this.promoted ?? this.master),
      SENTINELS: () => this.others.map((other) => [...of(other), 'flags', 'sentinel']),
    };
    if (command.toUpperCase() === 'SUBSCRIBE') {
      for (const [index, channel] of words.entries())
        socket.write(encoded(['subscribe', channel, index + 1]));
    } else socket.write(encoded(answers[words[0] ?? '']?.() ?? ['pong', '']));
  }
}

function encoded(value: unknown): string {
  if (Array.isArray(value)) return `*${value.length}\r\n${value.map(encoded).join('')}`;
  if (typeof value === 'number') return `:${value}\r\n`;
  return `$${Buffer.byteLength(String(value))}\r\n${value}\r\n`;
}

let old: RedisServer;
let successor: RedisServer;
beforeAll(async () => {
  [old, successor] = await Promise.all([startRedis(), startRedis()]);
});
afterAll(() => Promise.all([old.stop(), successor.stop()]));

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function played(count: number): Promise<Played[]> {
  const all = await Promise.all(Array.from({ length: count }, () => new Played(old).start()));
  ends.push(() => Promise.all(all.map((one) => one.stop())));
  return all;
}

async function led(sentinels: readonly Played[]): Promise<Redis> {
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const client = connect(`redis+sentinel://${hosts}/${NAME}`) as Redis;
  ends.push(() => client.disconnect());
  await client.connect();
  return client;
}

/** As `once`, which an error on the way would end. */
const met = (client: Redis, event: string) => new Promise((resolve) => client.once(event, resolve));
const portOf = (client: Redis) => (client.stream as Socket).remotePort;
const elected = (one: Played, server = old) =>
  one.say('+elected-leader', `master ${NAME} 127.0.0.1 ${server.port}`);
const switched = (one: Played) =>
  one.say('+switch-master', `${NAME} 127.0.0.1 ${old.port} 127.0.0.1 ${successor.port}`);
/** They agree on the other master. */
function agree(sentinels: readonly Played[]): void {
  for (const one of sentinels) Object.assign(one, { master: successor, epoch: 1, choosing: false });
}

describe('of sentinels that disagree', () => {
  it('the one with the newest configuration is believed, not the first that is named', async () => {
    const [first, second] = (await played(2)) as [Played, Played];
    agree([second]);
    expect(portOf(await led([first, second]))).toBe(successor.port);
    expect(portOf(await led([second, first]))).toBe(successor.port);
  });

  it('one that hangs is not waited for, where most have answered', async () => {
    const [hung, second, third] = (await played(3)) as [Played, Played, Played];
    hung.hangs = true;
    expect(portOf(await led([hung, second, third]))).toBe(old.port);
    // It was not given up either, as it is when its time is over.
    expect(hung.listeners).toBe(1);
  });

  it('one that has promoted a server names it, though the others do not follow it yet', async () => {
    const [leader, other] = (await played(2)) as [Played, Played];
    Object.assign(leader, { epoch: 1, choosing: true, promoted: successor });
    expect(portOf(await led([other, leader]))).toBe(successor.port);
  });
});

describe('a connection', () => {
  it('is given up when a sentinel is elected to replace its master, and nothing is written until it is decided', async () => {
    const all = await played(2);
    const [, leader] = all as [Played, Played];
    const client = await led(all);
    leader.choosing = true;
    const asked = met(client, 'error');
    const closed = met(client, 'close');
    elected(leader);
    await closed;
    await expect(client.set('key', 'value')).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/about to make another server the master/) },
    });
    expect(await asked).toMatchObject({ message: expect.stringMatching(/about to make another/) });
    // It has asked, and was told to wait.
    await met(client, 'error');
    const ready = met(client, 'ready');
    agree(all);
    await ready;
    expect(portOf(client)).toBe(successor.port);
  });

  it('is not led back by sentinels that do not know of the one that replaces its master', async () => {
    const all = await played(3);
    const [leader, ...others] = all as [Played, Played, Played];
    const client = await led(all);
    const admin = adminOf(old);
    ends.push(() => admin.disconnect());
    const connections = async () =>
      Number(/total_connections_received:(\d+)/.exec(await admin.info('stats'))?.[1]);
    const before = await connections();
    Object.assign(leader, { choosing: true, hangs: true });
    elected(leader);
    await until(async () => others.every(({ asked }) => asked === 2));
    // This one, which has heard of nothing, is led there behind what they have answered the first.
    await led(others);
    expect(await connections()).toBe(before + 1);
    const ready = met(client, 'ready');
    agree(all);
    leader.wake();
    await ready;
    expect(portOf(client)).toBe(successor.port);
  });

  it('is given up when its master was replaced, and goes where that sentinel leads', async () => {
    const all = await played(2);
    const client = await led(all);
    const ready = met(client, 'ready');
    agree(all.slice(1));
    switched(all[1] as Played);
    await ready;
    expect(portOf(client)).toBe(successor.port);
  });

  it('is kept where a sentinel tells what has led to it, or speaks of another master', async () => {
    const all = await played(2);
    agree(all.slice(0, 1));
    const client = await led(all);
    const { stream } = client;
    const late = all[1] as Played;
    elected(late);
    switched(late);
    late.say('+elected-leader', `master another 127.0.0.1 ${successor.port}`);
    // What a sentinel says now comes behind all that.
    await led(all);
    await client.ping();
    expect(client.stream).toBe(stream);
  });

  it('is given up by what a sentinel tells that other sentinels have named', async () => {
    const [named, told] = (await played(2)) as [Played, Played];
    named.others = [told];
    const client = await led([named]);
    expect(told.listeners).toBe(0);
    // They are known from the first answer on, and listened to from the next connection on.
    const again = met(client, 'ready');
    client.disconnect(true);
    await again;
    const ready = met(client, 'ready');
    agree([named, told]);
    switched(told);
    await ready;
    expect(portOf(client)).toBe(successor.port);
  });

  it('is compared with what a sentinel says that was lost for a while', async () => {
    const all = await played(2);
    const client = await led(all);
    const [, lost] = all as [Played, Played];
    await lost.stop();
    const ready = met(client, 'ready');
    agree([lost]);
    await lost.start();
    await ready;
    expect(portOf(client)).toBe(successor.port);
  });

  it('is compared with what a sentinel says that was away when it was made', async () => {
    const [first, away] = (await played(2)) as [Played, Played];
    await away.stop();
    const client = await led([first, away]);
    const ready = met(client, 'ready');
    agree([away]);
    await away.start();
    await ready;
    expect(portOf(client)).toBe(successor.port);
  });

  it('leaves no connection to a sentinel behind', async () => {
    const all = await played(2);
    const client = await led(all);
    expect(all.map(({ listeners }) => listeners)).toEqual([1, 1]);
    const gone = Promise.all(all.map((one) => one.left()));
    await client.quit();
    await gone;
    expect(all.map(({ listeners }) => listeners)).toEqual([0, 0]);
  });
});
