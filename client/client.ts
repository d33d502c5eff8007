/** A client of a coordinator: its API by methods, with the types of openapi.json. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { parse, stringify } from '../json/exact.ts';
import { type Followed, follow } from './following.ts';
import type { components } from './schema.ts';
import { isIdempotencyKey, type Start, sendStart, untilSettled, type Waiting } from './starting.ts';
import { type Answer, type Fetch, type Question, Transport } from './transport.ts';

/** Every shape of the API, by its name in openapi.json. */
export type Schemas = components['schemas'];

/** A saga whole: state, facts with their secrets redacted, what is held, and its log. Times are RFC 3339 in UTC. */
export type Saga = Schemas['Saga'];
/** The same as the answer to a start. */
export type StartedSaga = Schemas['StartedSaga'];
export type SagaListing = Schemas['SagaListing'];
export type SagaPage = Schemas['SagaPage'];
export type SagaStatus = Schemas['SagaStatus'];
export type SagaEvent = Exclude<Schemas['StreamEvent'], { event: 'store' }>;
/** What a participant said of a call. */
export type Inquiry = Schemas['Inquiry'];
/** An act on many sagas, with each of them as it stands. */
export type Bulk = Schemas['Bulk'];
export type Statistics = Schemas['Statistics'];
export type Health = Schemas['Health'];
export type Machine = Schemas['Machine'];
export type MachineSummary = Schemas['MachineSummary'];

export interface ClientOptions {
  /** Of the coordinator, with the path under which it is mounted: `http://127.0.0.1:9000`. */
  readonly url: string;
  /** What it wants as `Authorization: Bearer`; none unless set. */
  readonly token?: string | undefined;
  /** What sends requests: the global `fetch` unless set. */
  readonly fetch?: Fetch;
  /** How long it waits before it asks again where nobody answered, in milliseconds; a second unless set. */
  readonly retryMs?: number;
}

/** The JSON object that a saga begins with, as its machine says. */
export type Input = Readonly<Record<string, unknown>>;

export interface StartOptions {
  /** Of the machine; the newest unless set. */
  readonly version?: string;
  /** Up to 255 plain characters, without quotes and backslashes. The same key and input are the same saga; a random one unless set. */
  readonly idempotencyKey?: string;
  /** Ends the wait; what was started goes on. */
  readonly signal?: AbortSignal;
}

export interface WaitOptions extends StartOptions {
  /** How long to wait for the end, in milliseconds; five minutes unless set. */
  readonly waitMs?: number;
}

/** Which sagas; each that is set must hold. */
export interface ListOptions {
  /** What the id begins with. */
  readonly id?: string;
  readonly status?: SagaStatus;
  /** A state, with all states nested in it. */
  readonly state?: string;
  readonly machine?: string;
  readonly label?: string;
  readonly failedStep?: string;
  /** A text in the reason why something is still held; parked sagas only. */
  readonly error?: string;
  /** Seconds without a transition; unfinished sagas only. */
  readonly stuckForSeconds?: number;
  readonly since?: Date;
  readonly until?: Date;
  /** How many on one page, at most 500; 50 unless set. */
  readonly limit?: number;
  /** As a page gave it. */
  readonly cursor?: string;
}

export interface SentEvent {
  /** As the machine has it. */
  readonly name: string;
  readonly data: Input;
  /** Its own among the events of the saga: sent again, it is the same event. A random one unless set. */
  readonly id?: string;
}

/** Who asks something of a saga, and why: both stand in its log. */
export interface Asked {
  readonly reason: string;
  /** `operator` unless set. */
  readonly by?: string;
  /** The `seq` of the saga's last log entry as it was looked at: where it has moved on since, the answer is `saga-moved`. */
  readonly seq?: number;
}

/** What needs to be bound to the saga as it was seen. */
export type AskedOfSeen = Asked & { readonly seq: number };

const WAIT_MS = 5 * 60_000;
const WAIT_SECONDS_MAX = 30;
const SAGAS = '/api/coordinator/sagas';
const BULKS = '/api/coordinator/bulks';

/**
 * Every method throws {@link ProblemError} where the coordinator refuses, and {@link UnreachableError} where none answers.
 * Numbers that no double can hold come as objects whose text is the number as it was written.
 */
export class SagaClient {
  readonly #transport: Transport;
  readonly #retryMs: number | null;

  /** @throws TypeError for what is no http URL, and for a token that no header can carry */
  constructor({ url, token, fetch, retryMs }: ClientOptions) {
    this.#retryMs = retryMs ?? null;
    this.#transport = new Transport(url, token ?? null, fetch);
  }

  /**
   * Starts a saga and waits until it has ended or is parked. Survives lost answers, and coordinators that end: it asks again
   * under its idempotency key, which joins the saga. With `status` STARTED the saga runs on, and the wait is over.
   */
  async run(machine: string, input: Input, options: WaitOptions = {}): Promise<StartedSaga> {
    const { waitMs = WAIT_MS, signal } = options;
    const waiting: Waiting = {
      waitMs,
      waitSecondsMax: WAIT_SECONDS_MAX,
      now: () => performance.now(),
      pause: (ms) => pause(ms, undefined, { signal }),
      retryMs: this.#retryMs,
    };
    const { body } = await untilSettled(this.#transport, startOf(machine, input, options), waiting);
    return body as StartedSaga;
  }

  /** Starts a saga, and answers as soon as it is stored: from then on it is carried to its end, whoever dies. */
  async begin(machine: string, input: Input, options: StartOptions = {}): Promise<StartedSaga> {
    const start = startOf(machine, input, options);
    return (await sendStart(this.#transport, start, 'respond-async')).body as StartedSaga;
  }

  /** @throws ProblemError of type `saga-not-found` */
  get(id: string): Promise<Saga> {
    return this.#get(sagaPath(id));
  }

  /** One page, newest first; `cursor` of the answer leads to the next, and is null on the last. */
  list(options: ListOptions = {}): Promise<SagaPage> {
    return this.#get(`${SAGAS}${queryOf(options)}`);
  }

  /** All sagas of a listing, newest first, page by page as they are asked for. */
  async *all(options: Omit<ListOptions, 'cursor'> = {}): AsyncGenerator<SagaListing, undefined> {
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await this.list({ ...options, ...(cursor === undefined ? {} : { cursor }) });
      yield* page.sagas;
      cursor = page.cursor;
    }
    return undefined;
  }

  /** Tells a saga of something that happened outside. It is kept until the saga waits for it, or ends. */
  async event(id: string, event: SentEvent): Promise<Schemas['EventAccepted']> {
    const body = { ...event, id: event.id ?? randomUUID() };
    return this.#post<Schemas['EventAccepted']>(sagaPath(id, '/events'), body);
  }

  /** Has the saga undone, after a call in flight has settled. */
  cancel(id: string, asked: Asked): Promise<Saga> {
    return this.#operate(id, 'cancel', asked);
  }

  /** Tries again now: the pending call, or the compensations that failed. */
  retry(id: string, asked: Asked): Promise<Saga> {
    return this.#operate(id, 'retry', asked);
  }

  /**
   * Counts a step's compensation as done. `withProof` has its participant asked first: where that does not say that it is undone, the answer is
   * `unproven`; what it says stands in the reason.
   */
  skip(
    id: string,
    step: string,
    { withProof = false, ...asked }: AskedOfSeen & { readonly withProof?: boolean },
  ): Promise<Saga> {
    return this.#operate(id, 'skip', asked, withProof ? { step, with_proof: true } : { step });
  }

  /** Has the participant asked, once, what stands of a step's call. The saga stays as it is. */
  askParticipant(id: string, step: string): Promise<Inquiry> {
    return this.#post<Inquiry>(sagaPath(id, '/ask'), { step });
  }

  /** Ends a parked saga by hand. */
  resolve(id: string, as: 'COMPLETED' | 'FAILED', asked: AskedOfSeen): Promise<Saga> {
    return this.#operate(id, 'resolve', asked, { as });
  }

  /** Retries many: by filter, or those that a dry run (`dry_run`) has named. */
  retryMany(body: Schemas['RetryMany']): Promise<Schemas['BulkRetry']> {
    return this.#post<Schemas['BulkRetry']>('/api/coordinator/sagas:retry', body);
  }

  /** What an act on many would come to, by what parks them. Nothing is changed. */
  previewBulk(body: Schemas['BulkPreviewRequest']): Promise<Schemas['BulkPreview']> {
    return this.#post<Schemas['BulkPreview']>(`${BULKS}:preview`, body);
  }

  /** Asks the same of up to 500 sagas: of one first, then of ten, then of the others, and of none when those fail again. */
  beginBulk(body: Schemas['BulkRequest']): Promise<Bulk> {
    return this.#post<Bulk>(BULKS, body);
  }

  /** Each of its sagas as it stands now. @throws ProblemError of type `not-found` */
  bulk(id: string): Promise<Bulk> {
    return this.#get(bulkPath(id));
  }

  /** Those that began last, newest first. */
  async bulks(): Promise<readonly Schemas['BulkSummary'][]> {
    return (await this.#get<Schemas['Bulks']>(BULKS)).bulks;
  }

  /** Goes on with the sagas that were not asked, although some have failed again. */
  continueBulk(id: string, asked: Pick<Asked, 'by'> = {}): Promise<Bulk> {
    return this.#post<Bulk>(bulkPath(id, '/continue'), asked);
  }

  /** Asks no more sagas. Those that were asked go on. */
  stopBulk(id: string): Promise<Bulk> {
    return this.#post<Bulk>(bulkPath(id, '/stop'), {});
  }

  statistics(): Promise<Statistics> {
    return this.#get('/api/coordinator/statistics');
  }

  health(): Promise<Health> {
    return this.#get('/api/coordinator/health');
  }

  async machines(): Promise<readonly MachineSummary[]> {
    return (await this.#get<Schemas['MachineList']>('/api/coordinator/machines')).machines;
  }

  /** @param version the newest unless set */
  machine(id: string, version?: string): Promise<Machine> {
    const query = version === undefined ? '' : `?${new URLSearchParams({ version })}`;
    return this.#get(`/api/coordinator/machines/${encodeURIComponent(id)}${query}`);
  }

  /**
   * What happens to all sagas, or to one, until `signal` aborts or whoever reads has seen enough. When the stream breaks off, it goes on where
   * it was, here or at another coordinator; `gap` says that something was left out all the same.
   */
  async *watch(
    options: { readonly saga?: string; readonly after?: string; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<SagaEvent, undefined> {
    const { saga, after = null, signal } = options;
    // An abort ends the pause, too, and is no error.
    const rest = (ms: number) => pause(this.#retryMs ?? ms, undefined, { signal }).catch(() => {});
    for await (const event of follow(this.#transport, eventsPath(saga), { after, signal, pause: rest })) {
      const told = sagaEventIn(event);
      if (told !== null) yield told;
    }
    return undefined;
  }

  /** Asks for any path of the API, as it has no method of its own here. */
  ask(path: string, question?: Question): Promise<Answer> {
    return this.#transport.ask(path, question);
  }

  async #get<T>(path: string): Promise<T> {
    return (await this.#transport.ask(path)).body as T;
  }

  async #post<T>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    const answer = await this.#transport.ask(path, { method: 'POST', headers, body: stringify(body) });
    return answer.body as T;
  }

  #operate(id: string, kind: string, { seq, ...asked }: Asked, more: object = {}): Promise<Saga> {
    const headers: Record<string, string> = seq === undefined ? {} : { 'if-match': `"${seq}"` };
    return this.#post(sagaPath(id, `/${kind}`), { ...asked, ...more }, headers);
  }
}

/** Of the stream of all sagas, or of one. */
export function eventsPath(saga: string | undefined): string {
  return saga === undefined ? '/api/coordinator/events' : sagaPath(saga, '/events');
}

export function sagaPath(id: string, rest = ''): string {
  return `${SAGAS}/${encodeURIComponent(id)}${rest}`;
}

export function bulkPath(id: string, rest = ''): string {
  return `${BULKS}/${encodeURIComponent(id)}${rest}`;
}

/** @throws TypeError for a key that no header can carry */
function startOf(
  machine: string,
  input: Input,
  { version, idempotencyKey = randomUUID(), signal }: StartOptions,
): Start {
  if (!isIdempotencyKey(idempotencyKey))
    throw new TypeError('an idempotency key has up to 255 plain characters, without quotes and backslashes');
  const body = stringify({ machine, ...(version === undefined ? {} : { version }), input });
  return { path: SAGAS, body, idempotencyKey, signal };
}

function queryOf({ id, failedStep, stuckForSeconds, since, until, ...plain }: ListOptions): string {
  const given = {
    ...plain,
    saga_id: id,
    failed_step: failedStep,
    stuck_for: stuckForSeconds,
    since: since?.toISOString(),
    until: until?.toISOString(),
  };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, String(value));
  return query.size === 0 ? '' : `?${query}`;
}

/** `null` for what is none, or of a kind that is not known here: a newer coordinator may tell of more. */
function sagaEventIn(event: Followed): SagaEvent | null {
  if (event.type !== 'ready' && event.type !== 'saga' && event.type !== 'gap') return null;
  if (!('data' in event) || event.data === null) return null;
  return { event: event.type, id: event.id, data: parse(event.data) } as SagaEvent;
}
