/**
 * The HTTP client of the participants: for each its connections, one gate before them and one breaker; one
 * deadline over everything that a call does (queueing, connecting, headers and body), and every way in which a call can
 * end told as data.
 */
import type { LookupFunction } from 'node:net';
import { stringify } from '../../json/exact.ts';
import type { Call } from '../../machines/index.ts';
import { type SigningKey, signed } from '../../participant/signature.ts';
import { Breaker, type BreakerSettings } from './breaker.ts';
import type { Clock } from './clock.ts';
import { Connections } from './connections.ts';
import type { Observe, ParticipantState, TraceHeaders } from './contract.ts';
import { Cutoff } from './cutoff.ts';
import { type Answered, exchange, type Request } from './exchange.ts';
import { exchangeHere, type Handle } from './exchange-here.ts';
import { Gate } from './gate.ts';
import { codeOf, type Deferral, type Reply, replyOf, replyOfFailure } from './outcome.ts';
import { withoutSecrets } from './secrets.ts';
import { type ClientTls, connectorBy } from './tunnel.ts';
import { passingOver } from './unasked-continue.ts';

export interface ParticipantSettings {
  /** Base URL of each participant, by name. */
  readonly urls: Readonly<Record<string, string>>;
  /** What answers for those that are in this process, by name: no connection leads to them, and their URL names them to nobody. */
  readonly handlers?: Readonly<Record<string, Handle>>;
  /** What every call to a participant carries beside our own headers: names and values in turn, by its name. Secrets. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** By which key calls to a participant are signed, by its name. Secrets. */
  readonly signingKeys?: Readonly<Record<string, SigningKey>>;
  /** Through which proxy a participant is called, by its name; those that are not named are called directly. */
  readonly proxies: Readonly<Record<string, string | null>>;
  /** What is shown to a participant, and whom to believe for it, by its name. */
  readonly tls?: Readonly<Record<string, ClientTls>>;
  readonly connectionsMax: number;
  /** Calls to one participant that may wait for a connection. */
  readonly queueMax: number;
  readonly connectTimeoutMs: number;
  /** How old a connection may be and still be given a call. */
  readonly connectionLifeMs: number;
  /** What the call of an asynchronous step carries so that its participant can call back: names and values in turn. */
  readonly callbackHeaders?: (sagaId: string, call: Call) => readonly string[];
  /** An answer beyond this is not read to its end: what an action answers is kept in the saga, and written with each commit. */
  readonly answerBytesMax: number;
  readonly breaker: BreakerSettings;
}

/** How a call ended on the wire, for those who watch: what it means for the saga is the reply alone. */
interface Seen {
  readonly status?: number;
  readonly isReplayed?: true;
  /** Why no answer came, in a word. */
  readonly failure?: string;
}

/** The world as the composition root hands it in. */
interface Surroundings {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly observe: Observe;
  /** Where a name leads; else the system is asked. */
  readonly lookup?: LookupFunction;
}

/** Names and values in turn. Without a word about encodings, an answer might come compressed. */
const ACCEPT_HEADERS = ['accept', 'application/json', 'accept-encoding', 'identity'] as const;
const JSON_HEADERS = ['content-type', 'application/json', ...ACCEPT_HEADERS] as const;

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
  readonly exchange: (request: Request, bytesMax: number, cutoff: Cutoff) => Promise<Answered>;
  readonly close: () => Promise<void>;
  readonly origin: string;
  readonly basePath: string;
  /** Names and values in turn, the same with every call. */
  readonly headers: readonly string[];
  /** The same of what has no body. */
  readonly askingHeaders: readonly string[];
  readonly signingKey: SigningKey | null;
  /** Takes the secrets among them out of what it answers. */
  readonly redact: (text: string) => string;
  readonly gate: Gate;
  readonly breaker: Breaker;
}

/** What is asked of a participant, for a person to know. */
export interface Question {
  readonly sagaId: string;
  /** The step, or the item as `step/item`. */
  readonly address: string;
  readonly participant: string;
  /** Below its URL, with its query. */
  readonly path: string;
}

/** What came of it: an answer, or in words why there is none. */
export type Told = {
  readonly url: string;
  /** Takes the participant's own secrets out of what it answered. */
  readonly redact: (text: string) => string;
} & ({ readonly answered: Answered } | { readonly error: string });

export class Participants {
  readonly #participants: ReadonlyMap<string, Participant>;
  readonly #in: Surroundings;
  readonly #answerBytesMax: number;
  readonly #callbackHeaders: NonNullable<ParticipantSettings['callbackHeaders']>;
  /** Of the calls in flight, so that a drain can end them. */
  readonly #inFlight = new Set<Cutoff>();

  constructor(settings: ParticipantSettings, surroundings: Surroundings) {
    this.#in = surroundings;
    this.#answerBytesMax = settings.answerBytesMax;
    this.#callbackHeaders = settings.callbackHeaders ?? (() => []);
    this.#participants = new Map(
      Object.entries(settings.urls).map(([name, url]) => [
        name,
        participantAt(name, new URL(url), settings.headers[name] ?? [], settings, surroundings),
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
   * @param machine of the saga: where calls wait, those of each machine have their turn
   */
  async call(
    sagaId: string,
    call: Call,
    trace: TraceHeaders,
    endsAt: () => number,
    machine: string,
  ): Promise<(Reply & Seen) | Deferral> {
    const participant = this.#named(call.participant);
    return this.#within(endsAt, (cutoff) =>
      this.#throughGate(participant, sagaId, call, trace, endsAt, machine, cutoff),
    );
  }

  /**
   * Asks once, and has no effect. The breaker is neither asked nor told: a participant in trouble is just the one that somebody wants to
   * know about, and what it answers to this says nothing of its calls.
   */
  async inquire(
    { sagaId, address, participant: name, path }: Question,
    trace: TraceHeaders,
    timeoutMs: number,
    machine: string,
  ): Promise<Told> {
    const { gate, exchange: asked, origin, basePath, askingHeaders, signingKey, redact } = this.#named(name);
    const headers = [...askingHeaders, 'saga-id', sagaId, 'saga-step', address];
    addTrace(headers, trace);
    const request: Request = { method: 'GET', path: basePath + path, headers, body: null };
    const { clock } = this.#in;
    if (signingKey !== null) headers.push(...signed(signable(request), null, signingKey, clock.now()));
    const about = { url: origin + request.path, redact };
    const endsAt = clock.monotonic() + timeoutMs;
    return this.#within(
      () => endsAt,
      async (cutoff) => {
        const entry = await gate.enter(machine, cutoff);
        if (entry !== 'entered') return { ...about, error: DEFERRED_BECAUSE[entry] };
        try {
          return { ...about, answered: await asked(request, this.#answerBytesMax, cutoff) };
        } catch (error) {
          return { ...about, error: redact(replyOfFailure(error).error) };
        } finally {
          gate.leave();
        }
      },
    );
  }

  #named(name: string): Participant {
    const participant = this.#participants.get(name);
    if (participant === undefined) throw new Error(`no URL is configured for participant ${name}`);
    return participant;
  }

  async #within<T>(endsAt: () => number, work: (cutoff: Cutoff) => Promise<T>): Promise<T> {
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
      return await work(cutoff);
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
    await Promise.all([...this.#participants.values()].map(({ close }) => close()));
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
    endsAt: () => number,
    machine: string,
    cutoff: Cutoff,
  ): Promise<(Reply & Seen) | Deferral> {
    const { gate, breaker } = to;
    if (breaker.leftMs > 0) return this.#deferral(breaker, 'open');
    const entry = await gate.enter(machine, cutoff);
    if (entry !== 'entered') return this.#deferral(breaker, entry);
    try {
      if (cutoff.reason !== null) return this.#deferral(breaker, 'late');
      const pass = breaker.pass();
      if (pass === null) return this.#deferral(breaker, 'open');
      const reply = await this.#send(to, sagaId, call, trace, endsAt() - this.#in.clock.monotonic(), cutoff);
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
      const error = 'error' in reply ? reply.error : null;
      observe({ type: 'breaker-opened', participant: name, openMs: Math.round(breaker.leftMs), error });
    }
  }

  async #send(
    { exchange: asked, origin, basePath, headers: fixed, askingHeaders, signingKey, redact }: Participant,
    sagaId: string,
    call: Call,
    trace: TraceHeaders,
    leftMs: number,
    cutoff: Cutoff,
  ): Promise<Reply & Seen> {
    const attempt = String(call.attempt);
    // A list that is made as long as it is costs less than one that grows.
    const headers = call.isFetch
      ? // A question has no effect that could happen twice.
        askingHeaders.concat(['saga-id', sagaId, 'saga-step', call.address, 'saga-attempt', attempt])
      : fixed.concat([
          'idempotency-key',
          `${sagaId}:${call.address}:${call.kind}`,
          'saga-id',
          sagaId,
          'saga-step',
          call.address,
          'saga-attempt',
          attempt,
          'saga-timeout-ms',
          String(Math.max(1, Math.floor(leftMs))),
        ]);
    if (call.isAsynchronous && !call.isFetch) headers.push(...this.#callbackHeaders(sagaId, call));
    addTrace(headers, trace);
    const request: Request = call.isFetch
      ? { method: 'GET', path: call.path, headers, body: null }
      : { method: 'POST', path: basePath + call.path, headers, body: stringify(call.body) };
    if (signingKey !== null && request.body !== null)
      headers.push(...signed(signable(request), request.body, signingKey, this.#in.clock.now()));
    const placeOf = (location: string) => placeAt(origin, request.path, location);
    try {
      const answered = await asked(request, this.#answerBytesMax, cutoff);
      const reply = replyOf(call, answered, () => this.#in.clock.now(), placeOf);
      const { status, isReplayed } = answered;
      // Added to what was made for this call alone: to spread it would cost more than to have made it.
      const more = 'error' in reply && { error: redact(reply.error) };
      return Object.assign(reply, { status }, isReplayed && { isReplayed: true as const }, more);
    } catch (error) {
      const failure = error instanceof TimeoutError ? 'timeout' : codeOf(error);
      return { ...replyOfFailure(error), failure };
    }
  }
}

function addTrace(headers: string[], { traceparent, tracestate }: TraceHeaders): void {
  if (traceparent !== undefined) headers.push('traceparent', traceparent);
  if (tracestate !== undefined) headers.push('tracestate', tracestate);
}

function signable({ method, path, headers }: Request) {
  const header = (name: string) =>
    headers.find((_, index) => index % 2 === 1 && headers[index - 1] === name) ?? null;
  return { method, path, header };
}

/** Such a place is kept in the saga, and written with each commit. */
const PLACE_LENGTH_MAX = 2_000;

/** Where a `Location` leads, seen from a request: nowhere, where that is not the participant itself. */
function placeAt(origin: string, from: string, location: string): string | null {
  if (!URL.canParse(location, origin + from)) return null;
  const url = new URL(location, origin + from);
  const place = url.pathname + url.search;
  return url.origin === origin && place.length <= PLACE_LENGTH_MAX ? place : null;
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
  headers: readonly string[],
  settings: ParticipantSettings,
  surroundings: Surroundings,
): Participant {
  const { connectionsMax, queueMax, breaker, signingKeys, handlers = {} } = settings;
  const handle = handlers[name];
  return {
    name,
    ...(handle === undefined
      ? throughConnections(name, url.origin, settings, surroundings)
      : inside(handle, url.origin)),
    origin: url.origin,
    basePath: url.pathname.replace(/\/$/, ''),
    headers: [...JSON_HEADERS, ...headers],
    askingHeaders: [...ACCEPT_HEADERS, ...headers],
    signingKey: signingKeys?.[name] ?? null,
    redact: withoutSecrets(headers),
    gate: new Gate(connectionsMax, queueMax),
    breaker: new Breaker(breaker, surroundings.clock),
  };
}

type Way = Pick<Participant, 'exchange' | 'close'>;

function throughConnections(
  name: string,
  origin: string,
  { proxies, connectTimeoutMs, connectionLifeMs, tls }: ParticipantSettings,
  { clock, random, lookup }: Surroundings,
): Way {
  const proxy = proxies[name] ?? null;
  const connector = passingOver(
    connectorBy({ proxy, timeoutMs: connectTimeoutMs, tls: tls?.[name], ...(lookup && { lookup }) }),
  );
  const connections = new Connections({ origin, connector, lifeMs: connectionLifeMs }, clock, random);
  return {
    exchange: (request, bytesMax, cutoff) =>
      connections.use((connection) => exchange(connection, request, bytesMax, cutoff)),
    close: () => connections.close(),
  };
}

function inside(handle: Handle, origin: string): Way {
  return {
    exchange: (request, bytesMax, cutoff) => exchangeHere(handle, origin, request, bytesMax, cutoff),
    close: async () => {},
  };
}
