/**
 * The HTTP client of the participants: one pool of connections each, one deadline over everything that a call
 * does (queueing, connecting, headers and body), and every way in which a call can end told as data.
 */
import { type BulkheadPolicy, bulkhead } from 'cockatiel';
import { Pool } from 'undici';
import type { Call } from '../../machines/index.ts';
import type { Clock } from './clock.ts';
import { type Reply, replyOf, replyOfFailure } from './outcome.ts';

export interface ParticipantSettings {
  /** Base URL of each participant, by name. */
  readonly urls: Readonly<Record<string, string>>;
  readonly connectionsMax: number;
  readonly connectTimeoutMs: number;
  /** An answer beyond this is not read to its end: what an action answers is kept in the saga, and written with each commit. */
  readonly answerBytesMax: number;
}

const NEVER_SENT_IN_TIME: Reply = {
  outcome: 'retryable',
  error: 'no connection was free in time',
  retryAfterMs: null,
};

interface Participant {
  readonly pool: Pool;
  readonly basePath: string;
  readonly gate: BulkheadPolicy;
}

export class Participants {
  readonly #participants: ReadonlyMap<string, Participant>;
  readonly #clock: Clock;
  readonly #answerBytesMax: number;
  /** Controllers of the calls in flight, so that a drain can end them. */
  readonly #inFlight = new Set<AbortController>();

  constructor(settings: ParticipantSettings, clock: Clock) {
    this.#clock = clock;
    this.#answerBytesMax = settings.answerBytesMax;
    this.#participants = new Map(
      Object.entries(settings.urls).map(([name, url]) => [name, participantAt(new URL(url), settings)]),
    );
  }

  /**
   * @param endsAt when the whole call must be over, on the monotonic clock; asked again when that moment has come,
   *   because the right to make the call may have been renewed meanwhile
   */
  async call(sagaId: string, call: Call, traceparent: string, endsAt: () => number): Promise<Reply> {
    const participant = this.#participants.get(call.participant);
    if (participant === undefined)
      throw new Error(`no URL is configured for participant ${call.participant}`);
    const controller = new AbortController();
    const startedAt = this.#clock.monotonic();
    let cancel = () => {};
    const bound = () => {
      const now = this.#clock.monotonic();
      const leftMs = endsAt() - now;
      if (leftMs > 0) cancel = this.#clock.after(leftMs, bound);
      else controller.abort(new TimeoutError(now - startedAt));
    };
    bound();
    this.#inFlight.add(controller);
    try {
      return await this.#throughGate(participant, sagaId, call, traceparent, controller.signal);
    } finally {
      cancel();
      this.#inFlight.delete(controller);
    }
  }

  /** Ends all calls in flight: each counts as unknown. */
  abortAll(): void {
    for (const controller of this.#inFlight) controller.abort(new Error('the coordinator stops'));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#participants.values()].map(({ pool }) => pool.destroy()));
  }

  /**
   * Nothing queues inside undici, where a deadline would not reach it: the gate lets no more calls through than there
   * are connections. A call whose time ends at the gate was never sent.
   */
  #throughGate(
    to: Participant,
    sagaId: string,
    call: Call,
    traceparent: string,
    signal: AbortSignal,
  ): Promise<Reply> {
    let sent = false;
    // The signal is not the gate's affair: cockatiel (3.2) wakes nobody behind a queued call that it finds aborted, so
    // one whose time is over passes like any other, and at once.
    const through = to.gate.execute(async () => {
      if (signal.aborted) return NEVER_SENT_IN_TIME;
      sent = true;
      return this.#send(to, sagaId, call, traceparent, signal);
    });
    if (sent) return through;
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        if (!sent) resolve(NEVER_SENT_IN_TIME);
      });
      through.then(resolve, reject);
    });
  }

  async #send(
    to: Participant,
    sagaId: string,
    call: Call,
    traceparent: string,
    signal: AbortSignal,
  ): Promise<Reply> {
    try {
      const { statusCode, headers, body } = await to.pool.request({
        method: 'POST',
        path: to.basePath + call.path,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'idempotency-key': `${sagaId}:${call.step}:${call.kind}`,
          'saga-id': sagaId,
          'saga-step': call.step,
          'saga-attempt': String(call.attempt),
          traceparent,
        },
        body: JSON.stringify(call.body),
        signal,
      });
      const text = await readBounded(body, this.#answerBytesMax);
      const retryAfter = headers['retry-after'];
      return replyOf(
        call,
        statusCode,
        typeof retryAfter === 'string' ? retryAfter : undefined,
        text,
        this.#clock.now(),
      );
    } catch (error) {
      return replyOfFailure(signal.aborted ? signal.reason : error);
    }
  }
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  constructor(ms: number) {
    super(`no answer within ${Math.round(ms)} ms`);
  }
}

function participantAt(url: URL, { connectionsMax, connectTimeoutMs }: ParticipantSettings): Participant {
  return {
    // The deadline of a call is its signal; undici's own time-outs are coarser, and start at other moments.
    pool: new Pool(url.origin, {
      connections: connectionsMax,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: connectTimeoutMs },
    }),
    basePath: url.pathname.replace(/\/$/, ''),
    gate: bulkhead(connectionsMax, Number.POSITIVE_INFINITY),
  };
}

/** `null` for a body of more bytes. */
async function readBounded(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > bytesMax) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
