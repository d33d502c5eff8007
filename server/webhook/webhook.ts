/**
 * Tells a webhook what needs a person: sagas that are parked or stuck, breakers that open. At least once, in order, by one coordinator at a
 * time: how far it is stands in the store, and is moved on when the webhook has taken a message. One that is not taken is sent again until it is.
 */
import { randomBytes } from 'node:crypto';
import { type SagaListing, type SagaStore, StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { EngineEvent } from '../engine/contract.ts';
import type { Deliver } from './deliver.ts';
import {
  breakerMessage,
  gapMessage,
  type Message,
  parkedMessage,
  stuckId,
  stuckMessage,
} from './messages.ts';
import { OUTBOX_MAX, stateIn, type WebhookState } from './state.ts';

const LOOK_EVERY_MS = 1000;
/** After a message that was not taken: doubled each time, up to the most. */
const AGAIN_MS = { first: 1000, most: 60_000 } as const;
/** Who tells is believed to go on for so long after it was heard of. */
const RUNNER_MS = 60_000;
const CHANGES_AT_ONCE = 200;
const STUCK_EVERY_MS = 60_000;
/** Pages of sagas that are looked through for stuck ones, of a hundred each. */
const STUCK_PAGES_MAX = 10;
const STUCK_PAGE = 100;
const WRITES_MAX = 20;
const NOTE = 'webhook';

interface Parts {
  readonly store: Pick<SagaStore, 'notes' | 'changes' | 'list' | 'get' | 'now'>;
  readonly clock: Clock;
  readonly deliver: Deliver;
  /** Name of this coordinator. */
  readonly coordinator: string;
  /** 0 where nobody is to be told of stuck sagas. */
  readonly stuckAfterMs: number;
  /** Is told of each message that was not taken, and of the first that is again. */
  readonly tell: (what: {
    readonly message: Message;
    readonly failures: number;
    readonly why: string | null;
  }) => void;
  /** Is told of a bug: it is tried again. */
  readonly fault: (error: unknown) => void;
}

/** Somebody else tells it by now. */
class LostError extends Error {}
class NotTakenError extends Error {}

export class Webhook {
  readonly #in: Parts;
  readonly #id = randomBytes(8).toString('hex');
  /** Of this coordinator, and not in the store yet. */
  #own: Message[] = [];
  #failures = 0;
  readonly #ending = new AbortController();
  #cancel: (() => void) | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: Parts) {
    this.#in = parts;
  }

  readonly observe = (event: EngineEvent): void => {
    if (event.type !== 'breaker-opened' || this.#own.length >= OUTBOX_MAX) return;
    this.#own.push(breakerMessage(this.#in.coordinator, event, this.#in.store.now()));
  };

  start(): void {
    this.#running = this.#round().then((ms) => {
      if (this.#isOver) return;
      this.#cancel = this.#in.clock.after(ms, () => this.start());
    });
  }

  get #isOver(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Leaves the rest to others, at once: what was sent and not answered is sent again by them. */
  async stop(): Promise<void> {
    this.#ending.abort();
    this.#cancel?.();
    await this.#running;
    await this.#change((state) => (this.#isMine(state) ? { ...state, runner: null } : null)).catch(
      () => null,
    );
  }

  /** Answers after how many milliseconds to look again. */
  async #round(): Promise<number> {
    try {
      await this.#keepOwn();
      const state = await this.#take();
      if (state !== null) await this.#tellAll(state);
      return LOOK_EVERY_MS;
    } catch (error) {
      if (error instanceof NotTakenError)
        return Math.min(AGAIN_MS.most, AGAIN_MS.first * 2 ** Math.min(this.#failures - 1, 10));
      if (!(error instanceof LostError || error instanceof StoreUnavailableError)) this.#in.fault(error);
      return LOOK_EVERY_MS;
    }
  }

  /** What was noticed here is told also where this coordinator ends. */
  async #keepOwn(): Promise<void> {
    // More may come meanwhile.
    const own = [...this.#own];
    if (own.length === 0) return;
    const kept = await this.#change((state) => ({
      ...state,
      outbox: [...state.outbox, ...own].slice(-OUTBOX_MAX),
    }));
    if (kept !== null) this.#own = this.#own.slice(own.length);
  }

  /** `null` where another coordinator tells it. */
  async #take(): Promise<WebhookState | null> {
    const now = this.#in.store.now();
    const state = await this.#read();
    if (state.runner !== null && !this.#isMine(state) && state.runner.untilMs > now) return null;
    if (this.#isMine(state) && state.runner !== null && state.runner.untilMs - now > RUNNER_MS / 2)
      return state;
    return this.#change((found) => {
      const isFree = found.runner === null || this.#isMine(found) || found.runner.untilMs <= now;
      return isFree ? { ...found, runner: this.#lease() } : null;
    });
  }

  async #tellAll({ position, outbox, stuckLookedAtMs }: WebhookState): Promise<void> {
    for (const message of outbox) {
      await this.#say(message);
      await this.#move((state) => ({ ...state, outbox: state.outbox.filter(({ id }) => id !== message.id) }));
    }
    await this.#tellChanges(position);
    const { stuckAfterMs, store } = this.#in;
    if (stuckAfterMs > 0 && store.now() - stuckLookedAtMs >= STUCK_EVERY_MS) await this.#tellStuck();
  }

  async #tellChanges(from: string | null): Promise<void> {
    const { store } = this.#in;
    const { changes, position, gap } = await store.changes(from, null, CHANGES_AT_ONCE);
    if (gap && from !== null) await this.#say(gapMessage(from, store.now()));
    for (const change of changes) {
      if (change.status !== 'ABORTED') continue;
      const saga = await store.get(change.id);
      await this.#say(parkedMessage(change, saga, store.now()));
      await this.#move((state) => ({ ...state, position: change.position }));
    }
    if (position !== from) await this.#move((state) => ({ ...state, position }));
  }

  async #tellStuck(): Promise<void> {
    const sagas = await this.#stuck();
    const { stuck: known } = await this.#read();
    for (const saga of sagas) {
      if (known.includes(stuckId(saga))) continue;
      await this.#say(stuckMessage(saga, this.#in.store.now()));
      await this.#move((state) => ({ ...state, stuck: [...state.stuck, stuckId(saga)] }));
    }
    const stuck = sagas.map(stuckId);
    await this.#move((state) => ({ ...state, stuck, stuckLookedAtMs: this.#in.store.now() }));
  }

  async #stuck(): Promise<SagaListing[]> {
    const { store, stuckAfterMs } = this.#in;
    const found: SagaListing[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < STUCK_PAGES_MAX; page += 1) {
      const part: Awaited<ReturnType<SagaStore['list']>> = await store.list(
        { status: 'STARTED', stuckForMs: stuckAfterMs },
        cursor,
        STUCK_PAGE,
      );
      found.push(...part.sagas);
      cursor = part.cursor;
      if (cursor === null) break;
    }
    return found;
  }

  /** @throws NotTakenError */
  async #say(message: Message): Promise<void> {
    if (this.#isOver) throw new LostError();
    const why = await this.#in.deliver(message, this.#ending.signal);
    if (why !== null && this.#isOver) throw new LostError();
    if (why !== null) {
      this.#failures += 1;
      this.#in.tell({ message, failures: this.#failures, why });
      throw new NotTakenError(why);
    }
    if (this.#failures > 0) this.#in.tell({ message, failures: this.#failures, why: null });
    this.#failures = 0;
  }

  /** As long as this is who tells it. @throws LostError */
  async #move(change: (state: WebhookState) => WebhookState): Promise<void> {
    const moved = await this.#change((state) =>
      this.#isMine(state) ? { ...change(state), runner: this.#lease() } : null,
    );
    if (moved === null) throw new LostError();
  }

  #isMine({ runner }: WebhookState): boolean {
    return runner?.id === this.#id;
  }

  #lease() {
    return { id: this.#id, untilMs: this.#in.store.now() + RUNNER_MS };
  }

  async #read(): Promise<WebhookState> {
    return stateIn((await this.#in.store.notes.read(NOTE))?.text);
  }

  /** @param change answers `null` where nothing is to be changed; it may be asked several times */
  async #change(change: (state: WebhookState) => WebhookState | null): Promise<WebhookState | null> {
    const { notes } = this.#in.store;
    for (let write = 0; write < WRITES_MAX; write += 1) {
      const note = await notes.read(NOTE);
      const changed = change(stateIn(note?.text));
      if (changed === null) return null;
      const next = { mark: randomBytes(12).toString('hex'), text: JSON.stringify(changed) };
      if (await notes.write(NOTE, note?.mark ?? null, next)) return changed;
    }
    return null;
  }
}
