/**
 * The HTTP client of the participants: for each one pool of connections, one gate before it and one breaker; one
 * deadline over everything that a call does (queueing, connecting, headers and body), and every way in which a call can
 * end told as data.
 */
import { Pool } from 'undici';
import type { Call } from '../../machines/index.ts';
import { Breaker, type BreakerSettings } from './breaker.ts';
import type { Clock } from './clock.ts';
import type { Observe, ParticipantState, TraceHeaders } from './contract.ts';
import { Cutoff } from './cutoff.ts';
import { exchange } from './exchange.ts';
import { Gate } from './gate.ts';
import { type Deferral, type Reply, replyOf, replyOfFailure } from './outcome.ts';

export interface ParticipantSettings {
  /** Base URL of each participant, by name. */
  readonly urls: Readonly<Record<string, string>>;
  readonly connectionsMax: number;
  /** Calls to one participant that may wait for a connection. */
  readonly queueMax: number;
  readonly connectTimeoutMs: number;
  /** An answer beyond this is not read to its end: what an action answers is kept in the saga, and written with each commit. */
  readonly answerBytesMax: number;
  readonly breaker: BreakerSettings;
}

/** The world as the composition root hands it in. */
interface Surroundings {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe: Observe;
}

/** Names and values in turn. */
const JSON_HEADERS = ['content-type', 'application/json', 'accept', 'application/json'] as const;

/** No call is put off for less: what follows it costs the store three writes. */
const DEFERRED_LEAST_MS = 100;

/** Why calls are deferred. Nothing of what other sagas' calls were answered: that is their business. */
const DEFERRED_BECAUSE = {
  open: 'not called: its calls have failed too often in a row',
  full: 'not called: too many calls wait for a connection',
  late: 'not called: no connection was free in time',
} as const;

interface Participant {
  readonly name: string;
  readonly pool: Pool;
  readonly basePath: string;
  readonly gate: Gate;
  readonly breaker: Breaker;
}

export class Participants {
  readonly #participants: ReadonlyMap<string, Participant>;
  readonly #in: Surroundings;
  readonly #answerBytesMax: number;
  /** Of the calls in flight, so that a drain can end them. */
  readonly #inFlight = new Set<Cutoff>();

  constructor(settings: ParticipantSettings, surroundings: Surroundings) {
    this.#in = surroundings;
    this.#answerBytesMax = settings.answerBytesMax;
    const { clock } = surroundings;
    this.#participants = new Map(
      Object.entries(settings.urls).map(([name, url]) => [
        name,
        participantAt(name, new URL(url), settings, clock),
      ]),
    );
  }

  /** How each participant's breaker and gate are. */
  get states(): Readonly<Record<string, ParticipantState>> {
    return Object.fromEntries(
      [...this.#participants.values()].map(({ name, breaker: { state }, gate: { inside, queued } }) => [
        name,
        { breaker: state, inFlight: inside, queued },
      ]),
    );
  }

  /**
   * @param endsAt when the whole call must be over, on the monotonic clock; asked again when that moment has come,
   *   because the right to make the call may have been renewed meanwhile
   */
  async call(
    sagaId: string,
    call: Call,
    trace: TraceHeaders,
    endsAt: () => number,
  ): Promise<Reply | Deferral> {
    const participant = this.#participants.get(call.participant);
    if (participant === undefined)
      throw new Error(`no URL is configured for participant ${call.participant}`);
    const cutoff = new Cutoff();
    const { clock } = this.#in;
    const startedAt = clock.monotonic();
    let cancel = () => {};
    const bound = () => {
      const now = clock.monotonic();
      const leftMs = endsAt() - now;
      if (leftMs > 0) cancel = clock.after(leftMs, bound);
      else cutoff.cut(new TimeoutError(now - startedAt));
    };
    bound();
    this.#inFlight.add(cutoff);
    try {
      return await this.#throughGate(participant, sagaId, call, trace, cutoff);
    } finally {
      cancel();
      this.#inFlight.delete(cutoff);
    }
  }

  /** Ends all calls in flight: each counts as unknown, and what still waits at a gate as deferred. */
  abortAll(): void {
    for (const cutoff of this.#inFlight) cutoff.cut(new Error('the coordinator stops'));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#participants.values()].map(({ pool }) => pool.destroy()));
  }

  /**
   * Nothing queues inside undici, where a deadline would not reach it: the gate lets no more calls through than there
   * are connections. The breaker is asked before the queue, where waiting would be in vain, and again after it.
   */
  async #throughGate(
    to: Participant,
    sagaId: string,
    call: Call,
    trace: TraceHeaders,
    cutoff: Cutoff,
  ): Promise<Reply | Deferral> {
    const { gate, breaker } = to;
    if (breaker.leftMs > 0) return this.#deferral(breaker, 'open');
    const entry = await gate.enter(cutoff);
    if (entry !== 'entered') return this.#deferral(breaker, entry);
    try {
      if (cutoff.reason !== null) return this.#deferral(breaker, 'late');
      const pass = breaker.pass();
      if (pass === null) return this.#deferral(breaker, 'open');
      const reply = await this.#send(to, sagaId, call, trace, cutoff);
      const turned = breaker.settled(pass, reply);
      if (turned !== null) this.#tell(to, turned, reply);
      return reply;
    } finally {
      gate.leave();
    }
  }

  /** Spread by chance over as long as the breaker is open this time, so that not all come back at once. */
  #deferral({ leftMs, spanMs }: Breaker, why: keyof typeof DEFERRED_BECAUSE): Deferral {
    const delayMs = Math.round(Math.max(leftMs, DEFERRED_LEAST_MS) + this.#in.random() * spanMs);
    return { outcome: 'deferred', error: DEFERRED_BECAUSE[why], delayMs };
  }

  #tell({ name, breaker }: Participant, turned: 'opened' | 'closed', reply: Reply): void {
    const { observe } = this.#in;
    if (turned === 'closed') observe({ type: 'breaker-closed', participant: name });
    else {
      const error = reply.outcome === 'done' ? null : reply.error;
      observe({ type: 'breaker-opened', participant: name, openMs: Math.round(breaker.leftMs), error });
    }
  }

  async #send(
    { pool, basePath }: Participant,
    sagaId: string,
    call: Call,
    trace: TraceHeaders,
    cutoff: Cutoff,
  ): Promise<Reply> {
    const headers = [
      ...JSON_HEADERS,
      'idempotency-key',
      `${sagaId}:${call.step}:${call.kind}`,
      'saga-id',
      sagaId,
      'saga-step',
      call.step,
      'saga-attempt',
      String(call.attempt),
    ];
    if (trace.traceparent !== undefined) headers.push('traceparent', trace.traceparent);
    if (trace.tracestate !== undefined) headers.push('tracestate', trace.tracestate);
    const request = { path: basePath + call.path, headers, body: JSON.stringify(call.body) };
    try {
      const { status, retryAfter, body } = await exchange(pool, request, this.#answerBytesMax, cutoff);
      return replyOf(call, status, retryAfter, body, this.#in.clock.now());
    } catch (error) {
      return replyOfFailure(error);
    }
  }
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  constructor(ms: number) {
    super(`no answer within ${Math.round(ms)} ms`);
  }
}

function participantAt(
  name: string,
  url: URL,
  { connectionsMax, queueMax, connectTimeoutMs, breaker }: ParticipantSettings,
  clock: Clock,
): Participant {
  return {
    name,
    // The deadline of a call is its signal; undici's own time-outs are coarser, and start at other moments.
    pool: new Pool(url.origin, {
      connections: connectionsMax,
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: { timeout: connectTimeoutMs },
    }),
    basePath: url.pathname.replace(/\/$/, ''),
    gate: new Gate(connectionsMax, queueMax),
    breaker: new Breaker(breaker, clock),
  };
}
