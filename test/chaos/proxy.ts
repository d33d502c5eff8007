/**
 * A wire that fails as networks do: it cuts its connections and takes no new ones, holds back what is sent over it,
 * or loses one answer after its request has arrived. It counts only what it really did to somebody.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as toSocket } from 'node:net';

export interface ProxyHits {
  /** Cuts that ended at least one connection. */
  cut: number;
  /** Holds during which something was sent. */
  held: number;
  /** Answers that never arrived. */
  swallowed: number;
}

export interface FaultProxy {
  readonly port: number;
  readonly hits: Readonly<ProxyHits>;
  /** Ends all connections at once, and refuses new ones until it is healed. */
  cut(): void;
  /** Keeps back all that is sent in either direction until it is healed. */
  hold(): void;
  /** The next request is delivered; its answer is not, and the connection ends. */
  swallow(): void;
  /** Works again; what was held back is delivered in its order. */
  heal(): void;
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** Only the answer to such a request is worth losing; any, unless said otherwise. */
  readonly worthLosing?: RegExp;
}

type Mode = 'open' | 'cut' | 'held';

/** What is held back for a connection; one that is sent more meanwhile ends. */
const HELD_CHUNKS_MAX = 10_000;

export async function openProxy(targetPort: number, { worthLosing }: ProxyOptions = {}): Promise<FaultProxy> {
  const hits: ProxyHits = { cut: 0, held: 0, swallowed: 0 };
  const pairs = new Set<Pair>();
  let mode: Mode = 'open';
  let isHeldCounted = false;
  let isArmed = false;

  const server = createServer((client) => {
    client.on('error', () => {});
    if (mode === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const pair = new Pair(client, toSocket(targetPort, '127.0.0.1'), () => pairs.delete(pair));
    pairs.add(pair);
    let isReplyLost = false;
    client.on('data', (request) => {
      if (isArmed && (worthLosing === undefined || worthLosing.test(request.toString('latin1')))) {
        isArmed = false;
        isReplyLost = true;
      }
      deliver(pair, () => pair.target.write(request));
    });
    pair.target.on('data', (reply) => {
      deliver(pair, () => {
        if (!isReplyLost) {
          client.write(reply);
          return;
        }
        hits.swallowed += 1;
        pair.end();
      });
    });
  });

  const deliver = (pair: Pair, send: () => void) => {
    if (mode !== 'held') {
      send();
      return;
    }
    if (!isHeldCounted) hits.held += 1;
    isHeldCounted = true;
    if (pair.heldBack.length < HELD_CHUNKS_MAX) pair.heldBack.push(send);
    else pair.end();
  };

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    hits,
    cut() {
      mode = 'cut';
      if (pairs.size > 0) hits.cut += 1;
      for (const pair of [...pairs]) pair.end();
    },
    hold() {
      mode = 'held';
      isHeldCounted = false;
    },
    swallow() {
      isArmed = true;
    },
    heal() {
      mode = 'open';
      isArmed = false;
      for (const pair of pairs) for (const send of pair.heldBack.splice(0)) send();
    },
    async close() {
      mode = 'cut';
      for (const pair of [...pairs]) pair.end();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A client's connection and the one that was opened for it; they end together. */
class Pair {
  readonly client: Socket;
  readonly target: Socket;
  readonly heldBack: (() => void)[] = [];
  readonly #onEnd: () => void;

  constructor(client: Socket, target: Socket, onEnd: () => void) {
    this.client = client;
    this.target = target;
    this.#onEnd = onEnd;
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => this.end());
    }
  }

  /** By reset towards the client, as when a network goes; towards the target what was sent still arrives. */
  end(): void {
    this.heldBack.length = 0;
    if (!this.client.destroyed) this.client.resetAndDestroy();
    this.target.end();
    this.#onEnd();
  }
}
