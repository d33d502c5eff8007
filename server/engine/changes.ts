/**
 * The feed of changes for those who watch. However many they are, one poll of the store serves all of them, and while
 * nobody watches nothing is asked. Whoever comes with a position is first told what it missed, up to where the poll
 * stands, and what the poll finds meanwhile waits for it; so nothing is told twice and nothing is left out.
 */
import { type SagaChange, type SagaStore, StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Clock } from './clock.ts';
import type { Notice, Observe, Watch, WatchRequest } from './contract.ts';

export interface ChangesSettings {
  /** How often the store is asked while somebody watches. */
  readonly watchPollMs: number;
  readonly watchersMax: number;
}

/** Changes read in one go. */
const PAGE = 1_600;
/** Changes that wait for a watcher that is slower than they come; one more, and it is told of a gap instead. */
export const QUEUE_MAX = 5_000;

interface Means {
  readonly store: SagaStore;
  readonly clock: Clock;
  readonly observe: Observe;
}

export class ChangeFeed {
  readonly #in: Means;
  readonly #settings: ChangesSettings;
  readonly #watchers = new Set<Watcher>();
  /** How far the poll has read; `null` before it has begun. */
  #position: string | null = null;
  #polling = false;
  /** Whether the last poll reached the store. */
  #isReachable = true;
  #wake: (() => void) | null = null;

  constructor(means: Means, settings: ChangesSettings) {
    this.#in = means;
    this.#settings = settings;
  }

  /** `null` where as many watch already as may. */
  watch({ after, sagaId }: WatchRequest): Watch | null {
    if (this.#watchers.size >= this.#settings.watchersMax) return null;
    const retryMs = this.#settings.watchPollMs;
    const watcher = new Watcher(this.#in, after, sagaId, retryMs, () => {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#wake?.();
    });
    this.#watchers.add(watcher);
    if (!this.#isReachable) watcher.tellStore(false);
    if (this.#polling) this.#wake?.();
    else void this.#poll();
    return watcher;
  }

  /** Sends everybody away: the coordinator drains. */
  close(): void {
    for (const watcher of [...this.#watchers]) watcher.close();
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    this.#position = null;
    this.#isReachable = true;
    while (this.#watchers.size > 0) {
      // A watcher joins behind a poll that began after it came: then the poll has all that it may know already.
      const coming = [...this.#watchers];
      const isAtEnd = await this.#read();
      if (isAtEnd && this.#position !== null) for (const watcher of coming) watcher.join(this.#position);
      const isAwaited = isAtEnd === true && [...this.#watchers].some((watcher) => watcher.isComing);
      if (isAtEnd !== false && !isAwaited) await this.#pause();
    }
    this.#polling = false;
  }

  /** Whether all that there is has been read; `null` where the store is away. */
  async #read(): Promise<boolean | null> {
    const { store, observe } = this.#in;
    try {
      const page = await store.changes(this.#position, null, PAGE);
      this.#position = page.position;
      this.#reached(true);
      for (const watcher of this.#watchers) watcher.tell(page.changes, page.gap, page.position);
      return !page.more;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      observe({ type: 'store-fault', doing: 'changes', error });
      this.#reached(false);
      return null;
    }
  }

  #reached(isReachable: boolean): void {
    if (this.#isReachable === isReachable) return;
    this.#isReachable = isReachable;
    for (const watcher of this.#watchers) watcher.tellStore(isReachable);
  }

  #pause(): Promise<void> {
    if (this.#watchers.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#wake = null;
        resolve();
      };
      const cancel = this.#in.clock.after(this.#settings.watchPollMs, wake);
      this.#wake = wake;
    });
  }
}

/** What has a place in the feed. */
type Told = Exclude<Notice, { readonly kind: 'store' }>;

class Watcher implements Watch {
  readonly #in: Means;
  readonly #sagaId: string | null;
  readonly #retryMs: number;
  readonly #leave: () => void;
  readonly #after: string | null;
  #state: 'coming' | 'here' | 'gone' = 'coming';
  /** What was told up to. */
  #told: string;
  /** Where the poll stands. */
  #polled = '';
  /** What it reads from the store by itself, from where to where; `null` where the poll tells it everything. */
  #behind: { readonly from: string; readonly until: string } | null = null;
  #missed: Told[] = [];
  #queue: Told[] = [];
  /** What of the store's health is still to be told: only the last of it matters. */
  #health: Notice | null = null;
  #wake: (() => void) | null = null;

  constructor(means: Means, after: string | null, sagaId: string | null, retryMs: number, leave: () => void) {
    this.#in = means;
    this.#after = after;
    this.#told = after ?? '';
    this.#sagaId = sagaId;
    this.#retryMs = retryMs;
    this.#leave = leave;
  }

  get isComing(): boolean {
    return this.#state === 'coming';
  }

  get position(): string {
    const isUpToDate = this.#missed.length + this.#queue.length === 0 && this.#behind === null;
    return isUpToDate && this.#polled !== '' ? this.#polled : this.#told;
  }

  join(position: string): void {
    if (this.#state !== 'coming') return;
    this.#state = 'here';
    this.#polled = position;
    const from = this.#after ?? position;
    if (from !== position) this.#behind = { from, until: position };
    this.#missed.push({ kind: 'ready', position: from });
    this.#wake?.();
  }

  tell(changes: readonly SagaChange[], gap: boolean, position: string): void {
    if (this.#state !== 'here') return;
    this.#polled = position;
    this.#queue.push(...this.#notices(changes, gap, position));
    if (this.#queue.length > QUEUE_MAX) this.#queue = [{ kind: 'gap', position }];
    if (this.#queue.length > 0) this.#wake?.();
  }

  tellStore(isReachable: boolean): void {
    this.#health = { kind: 'store', isReachable };
    this.#wake?.();
  }

  async next(waitMs: number): Promise<Notice | 'nothing' | null> {
    const until = this.#in.clock.monotonic() + waitMs;
    for (;;) {
      if (this.#state === 'gone') return null;
      const health = this.#health;
      if (health !== null) {
        this.#health = null;
        return health;
      }
      const notice = this.#missed.shift() ?? (this.#behind === null ? this.#queue.shift() : undefined);
      if (notice !== undefined) {
        this.#told = notice.position;
        return notice;
      }
      const remainingMs = until - this.#in.clock.monotonic();
      if (remainingMs <= 0) return 'nothing';
      if (this.#behind === null) await this.#pause(remainingMs);
      else if (!(await this.#catchUp(this.#behind))) await this.#pause(Math.min(remainingMs, this.#retryMs));
    }
  }

  close(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#queue = [];
    this.#missed = [];
    this.#leave();
    this.#wake?.();
  }

  /** Reads a page of what was missed, at the watcher's own pace. */
  async #catchUp({ from, until }: { from: string; until: string }): Promise<boolean> {
    const { store, observe } = this.#in;
    try {
      const page = await store.changes(from, until, PAGE);
      this.#missed = this.#notices(page.changes, page.gap, page.position);
      this.#behind = page.more ? { from: page.position, until } : null;
      return true;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      observe({ type: 'store-fault', doing: 'changes', error });
      return false;
    }
  }

  #notices(changes: readonly SagaChange[], gap: boolean, position: string): Told[] {
    const told: Told[] = changes
      .filter(({ id }) => this.#sagaId === null || id === this.#sagaId)
      .map((change) => ({ kind: 'saga', ...change }));
    // Behind the changes, so that whoever looks afresh then sees no less than they told.
    return gap ? [...told, { kind: 'gap', position }] : told;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#wake = null;
        resolve();
      };
      const cancel = this.#in.clock.after(ms, wake);
      this.#wake = wake;
    });
  }
}
