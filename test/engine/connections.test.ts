/** How long connections live, where names lead, and what becomes of calls when a connection is no more. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type LookupFunction } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Calling, CONNECTION_LIFE_MS } from './calling.ts';
import { type Listener, listening, type Seen } from './listener.ts';

let calling: Calling;
let others: Listener[] = [];
/** Where the participant's name leads. */
let addresses: readonly string[];

/** Is handed what answers a look-up; `null` where that is done at once. */
let slow: ((answer: () => void) => void) | null = null;

const lookup: LookupFunction = (_, { all }, callback) => {
  const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const answer = () => {
    if (all) callback(null, found);
    else callback(null, found[0]?.address ?? '', found[0]?.family);
  };
  if (slow === null) answer();
  else slow(answer);
};

async function open(connectionsMax?: number): Promise<Calling> {
  addresses = ['127.0.0.1'];
  calling = await Calling.open(connectionsMax, (url) => url.replace('127.0.0.1', 'moving.test'), lookup);
  return calling;
}

/** The same port at another address. */
async function at(host: string): Promise<Listener> {
  const listener = await listening(host, Number(new URL(calling.listener.url).port));
  others.push(listener);
  return listener;
}

afterEach(async () => {
  await calling.close();
  for (const other of others) await other.close();
  others = [];
});

const answerTo = ({ answer }: Seen) => answer(200, { order_id: 'o-1' });

/** Calls, is answered, and tells whether it was well. */
async function called(listener: Listener): Promise<void> {
  const reply = calling.call('action', { boundMs: 600_000 });
  answerTo(await listener.next());
  expect(await reply).toMatchObject({ outcome: 'done' });
}

describe('a participant that moved', () => {
  it.each([1, 3])(
    'is followed under steady traffic, and no call is lost on the way: %i at once',
    async (atOnce) => {
      const { clock, listener } = await open(atOnce);
      const next = await at('127.0.0.2');
      let sent = 0;
      const round = async (to: Listener) => {
        const replies = Array.from({ length: atOnce }, () =>
          calling.call('action', { sagaId: `s-${sent++}`, boundMs: 600_000 }),
        );
        for (let count = 0; count < atOnce; count++) answerTo(await to.next());
        for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ outcome: 'done' });
      };
      await round(listener);
      addresses = ['127.0.0.2'];
      // Half of what is spread by chance, as `random` says here.
      const lifeMs = CONNECTION_LIFE_MS * 0.875;
      for (let at = 500; at < lifeMs; at += 500) {
        await clock.pass(500);
        if (at % 10_000 === 0) await round(listener);
      }
      await clock.pass(500);
      await round(next);
      await clock.pass(500);
      await round(next);
      const saw = [...listener.seen, ...next.seen].map(({ headers }) => headers['saga-id']);
      expect(saw).toHaveLength(sent);
      expect(new Set(saw).size).toBe(sent);
      for (const one of [listener, next]) expect(new Set(one.seen.map(({ from }) => from)).size).toBe(atOnce);
    },
  );

  it('keeps the call that is under way, however long it lasts', async () => {
    const { clock, listener } = await open(1);
    const reply = calling.call('action', { boundMs: 600_000 });
    const seen = await listener.next();
    await clock.pass(5 * CONNECTION_LIFE_MS);
    answerTo(seen);
    expect(await reply).toMatchObject({ outcome: 'done' });
    await called(listener);
    const [first, second] = listener.seen;
    expect(second?.from).not.toBe(first?.from);
    await seen.gone;
  });
});

describe('a name that leads to several addresses', () => {
  it.each([
    ['::1', '127.0.0.1'],
    ['127.0.0.2', '127.0.0.1'],
    ['127.0.0.2', '::1', '127.0.0.1'],
  ])('is called where somebody listens: %s, %s', async (...several) => {
    const { listener } = await open();
    addresses = several;
    await called(listener);
    expect(listener.seen).toHaveLength(1);
  });

  it('where nobody listens the call was never sent', async () => {
    await open();
    addresses = ['::1', '127.0.0.2', '127.0.0.3'];
    expect(await calling.call()).toMatchObject({ outcome: 'retryable' });
    expect(calling.listener.seen).toHaveLength(0);
  });
});

describe('a call that is cut off while it is connecting', () => {
  it('leaves nothing in the way of the next one, and is not sent when the connection comes after all', async () => {
    const { clock, listener } = await open(1);
    let answer = () => {};
    slow = (resolve) => {
      answer = resolve;
    };
    const first = calling.call('action', { sagaId: 'first', boundMs: 700 });
    await clock.pass(700);
    expect(await first).toMatchObject({ outcome: 'unknown' });
    slow = null;
    await called(listener);
    answer();
    await called(listener);
    expect(listener.seen.map(({ headers }) => headers['saga-id'])).toEqual(['s-1', 's-1']);
  });
});

describe('a connection that the participant closes while it is idle', () => {
  it.each(['closes', 'resets'] as const)(
    '%s: the next call is not taken for one that was sent',
    async (how) => {
      const { listener } = await open(1);
      await called(listener);
      const [seen] = listener.seen;
      const { socket } = listener;
      if (how === 'closes') socket()?.destroy();
      else socket()?.resetAndDestroy();
      await seen?.gone;
      const second = calling.call('action', { sagaId: 'second' });
      void listener.next().then(answerTo);
      const reply = await second;
      // Either it was noticed in time, and another connection made; or the call is to be made again. Never unknown.
      expect(['done', 'retryable']).toContain(reply.outcome);
      const came = listener.seen.filter(({ headers }) => headers['saga-id'] === 'second');
      expect(came).toHaveLength(reply.outcome === 'done' ? 1 : 0);
    },
  );
});

describe('a participant that hangs up', () => {
  it('before the TLS handshake is over is retryable: nothing was sent', async () => {
    const hasty = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.destroy()));
    await once(hasty.listen(0, '127.0.0.1'), 'listening');
    calling = await Calling.open(1, () => `https://127.0.0.1:${(hasty.address() as AddressInfo).port}`);
    expect(await calling.call()).toMatchObject({
      outcome: 'retryable',
      error: expect.stringContaining('ECONNRESET'),
    });
    hasty.close();
  });
});
