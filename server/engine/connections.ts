/**
 * The connections to one participant. Each carries one call at a time and is kept for the next, but not for ever: one
 * that is old is closed before its next call, and the one in its place asks anew where the participant is. So steady
 * traffic follows a participant that moved. None is ever closed with a call on it.
 *
 * undici's own `Pool` with `clientTtl` forgets calls where all its connections are old at once: docs/decisions/connections.md.
 */
import { type buildConnector, Client } from 'undici';
import type { Clock } from './clock.ts';
import { NeverSentError } from './exchange.ts';
import { heeding } from './tls-faults.ts';

export interface ConnectionSettings {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Opens a socket, or fails: while it does, nothing of a call was sent. */
  readonly connector: buildConnector.connector;
  /** How old a connection may be and still be given a call. */
  readonly lifeMs: number;
}

interface Connection {
  readonly client: Client;
  /** Until when it may be given calls, on the monotonic clock; `null` while it is not connected. */
  goodUntilMs: number | null;
  /** What the participant said in TLS when it ended the connection. */
  refusal: Error | null;
}

/** By as much of its life some connections are closed sooner, so that those of one rush do not end in another. */
const SPREAD = 0.25;

export class Connections {
  readonly #settings: ConnectionSettings;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Used last stands last, and is used first: what is not needed grows old, and undici closes its socket. */
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();

  constructor(settings: ConnectionSettings, clock: Clock, random: () => number) {
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
  }

  /** Runs one call on a connection that nobody else has meanwhile. There are never more of them than calls at once. */
  async use<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const connection = this.#take();
    try {
      return await call(connection.client);
    } catch (error) {
      const { refusal } = connection;
      if (refusal === null) throw error;
      throw error instanceof NeverSentError ? new NeverSentError(refusal) : refusal;
    } finally {
      // A call that was cut off has left its connection busy: with connecting, or with an answer that nobody reads.
      if (connection.client.stats.size > 0) void this.#end(connection);
      else this.#idle.push(connection);
    }
  }

  /** Cuts off what is under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((connection) => this.#end(connection)));
  }

  #take(): Connection {
    const now = this.#clock.monotonic();
    for (let last = this.#idle.pop(); last !== undefined; last = this.#idle.pop()) {
      if (last.goodUntilMs === null || now < last.goodUntilMs) return last;
      void this.#end(last);
    }
    return this.#begin();
  }

  #begin(): Connection {
    const { origin, connector, lifeMs } = this.#settings;
    // The deadline of a call is its cutoff; undici's own time-outs are coarser, and start at other moments.
    const client = new Client(origin, {
      connect: heeding(connector, (refusal) => {
        connection.refusal = refusal;
      }),
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveMaxTimeout: lifeMs,
    });
    const connection: Connection = { client, goodUntilMs: null, refusal: null };
    client.on('connect', () => {
      connection.goodUntilMs = this.#clock.monotonic() + lifeMs * (1 - SPREAD * this.#random());
    });
    client.on('disconnect', () => {
      connection.goodUntilMs = null;
    });
    this.#open.add(connection);
    return connection;
  }

  #end(connection: Connection): Promise<void> {
    this.#open.delete(connection);
    return connection.client.destroy();
  }
}
