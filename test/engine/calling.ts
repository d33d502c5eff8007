/** The real HTTP client of the participants, on virtual time, before one listener. */
import type { LookupFunction } from 'node:net';
import type { Call, Kind } from '../../machines/index.ts';
import type { SigningKey } from '../../participant/signature.ts';
import type { EngineEvent, TraceHeaders } from '../../server/engine/contract.ts';
import type { Deferral, Reply } from '../../server/engine/outcome.ts';
import { Participants } from '../../server/engine/participants.ts';
import { begun, callIn, drive, orderMachine } from '../machines/placed-order.ts';
import { type Listener, listening } from './listener.ts';
import { VirtualClock } from './virtual-clock.ts';

const saga = orderMachine();
const action = callIn(saga, begun(saga));
const compensation = callIn(saga, drive(saga, ['refused']));

export const ANSWER_BYTES_MAX = 100_000;
export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Opens only where a test fails so often. */
export const BREAKER = { failuresMax: 5, openMs: 2_000, openMaxMs: 30_000 };
export const QUEUE_MAX = 16;
export const CONNECTION_LIFE_MS = 60_000;

export class Calling {
  /** What the client of the participants has told. */
  readonly events: EngineEvent[] = [];
  readonly clock = new VirtualClock();
  readonly listener: Listener;
  readonly participants: Participants;

  private constructor(
    listener: Listener,
    connectionsMax: number,
    url: (base: string) => string,
    lookup?: LookupFunction,
    headers: readonly string[] = [],
    proxy: string | null = null,
    signingKey: SigningKey | null = null,
  ) {
    this.listener = listener;
    this.participants = new Participants(
      {
        urls: { order: url(listener.url) },
        headers: { order: headers },
        proxies: { order: proxy },
        signingKeys: signingKey === null ? {} : { order: signingKey },
        connectionsMax,
        queueMax: QUEUE_MAX,
        connectTimeoutMs: 10_000,
        connectionLifeMs: CONNECTION_LIFE_MS,
        answerBytesMax: ANSWER_BYTES_MAX,
        callbackHeaders: (sagaId, { step, attempt }) => [
          'saga-callback-token',
          `${sagaId} ${step} ${attempt}`,
        ],
        breaker: BREAKER,
      },
      {
        clock: this.clock,
        random: () => 0.5,
        observe: (event) => void this.events.push(event),
        ...(lookup && { lookup }),
      },
    );
  }

  static async open(
    connectionsMax = 8,
    url = (base: string) => base,
    lookup?: LookupFunction,
    headers?: readonly string[],
    proxy?: string,
    signingKey?: SigningKey,
  ): Promise<Calling> {
    return new Calling(await listening(), connectionsMax, url, lookup, headers, proxy, signingKey);
  }

  /** Calls the order service, for a saga of its own unless one is named. */
  call(
    kind: Kind = 'action',
    { sagaId = 's-1', boundMs = 1_000, over = {} as Partial<Call>, trace = {} as TraceHeaders } = {},
  ): Promise<Reply | Deferral> {
    const call = { ...(kind === 'action' ? action : compensation), ...over };
    const endsAt = this.clock.monotonic() + boundMs;
    return this.participants.call(
      sagaId,
      call,
      { traceparent: TRACEPARENT, ...trace },
      () => endsAt,
      'order',
    );
  }

  async close(): Promise<void> {
    await this.participants.close();
    await this.listener.close();
  }
}
