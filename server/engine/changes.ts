/**
 * The feed of changes for those who watch. However many they are, one poll of the store serves all of them, and while
 * nobody watches nothing is asked. Whoever comes with a position is first told what it missed, up to where the poll
 * stands, and what the poll finds meanwhile waits for it; so nothing is told twice and nothing is left out.
 *
 * Many who watch must not slow down what they watch. All who watch the same are given the very same list, so that it is
 * made, kept and written out once; they are told a few at a time, and between them whatever else has come goes first.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { type Changes, type SagaStore, StoreUnavailableError } from '../../stores/saga-store.ts';
import type { Clock } from './clock.ts';
import type { Notice, Observe, Watch, WatchRequest } from './contract.ts';

export interface ChangesSettings {
  /** How often the store is asked while somebody watches. */
  readonly watchPollMs: number;
  readonly watchersMax: number;
}

/** Changes read in one go. */
const PAGE = 800;
/** Changes that wait for a watcher that is slower than they come; one more, and it is sent away to come again. */
export const QUEUE_MAX = 2_000;
/** Watchers that are told in one turn of the event loop: about a millisecond of writing. */
export const TOLD_IN_A_TURN = 25;

interface Means {
  readonly store: SagaStore;
  readonly clock: Clock;
  readonly observe: Observe;
}

/** What watchers do to the feed. */
interface Feed extends Means {
  readonly retryMs: number;
  /**
   * Reads for one of them, in its turn: many who come back at once wait for each other, and nobody else for them. `null`
   * where it has gone meanwhile.
   */
  read(after: string, until: string, isThere: () => boolean): Promise<Changes | null>;
  leave(watcher: Watcher): void;
}

export class ChangeFeed {
  readonly #in: Means;
  readonly #settings: ChangesSettings;
  readonly #feed: Feed;
  readonly #watchers = new Set<Watcher>();
  /** How far the poll has read; `null` before it has begun. */
  #position: string | null = null;
  #polling = false;
  /** Whether the last poll reached the store. */
  #isReachable = true;
  #wake: (() => void) | null = null;
  #lastRead: Promise<unknown> = Promise.resolve();

  constructor(means: Means, settings: ChangesSettings) {
    this.#in = means;
    this.#settings = settings;
    this.#feed = {
      ...means,
      retryMs: settings.watchPollMs,
      read: (after, until, isThere) => {
        const read = async () => (isThere() ? means.store.changes(after, until, PAGE) : null);
        const found = this.#lastRead.then(read, read);
        this.#lastRead = found;
        return found;
      },
      leave: (watcher) => {
        this.#watchers.delete(watcher);
        if (this.#watchers.size === 0) this.#wake?.();
      },
    };
  }

  /** `null` where as many watch already as may. */
  watch({ after, sagaId }: WatchRequest): Watch | null {
    if (this.#watchers.size >= this.#settings.watchersMax) return null;
    const watcher = new Watcher(this.#feed, after, sagaId);
    this.#watchers.add(watcher);
    // Without a poll nobody knows how the store is: the next one says so.
    if (!this.#polling) void this.#poll();
    else {
      if (!this.#isReachable) watcher.tellStore(healthOf(false));
      this.#wake?.();
    }
    return watcher;
  }

  /** Where whoever came now would begin, or a little before. Nothing is asked for it while somebody watches. */
  async position(): Promise<string> {
    if (this.#polling && this.#isReachable && this.#position !== null) return this.#position;
    return (await this.#in.store.changes(null, null, 1)).position;
  }

  /** Sends everybody away: the coordinator drains. */
  close(): void {
    for (const watcher of [...this.#watchers]) watcher.close();
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    while (this.#watchers.size > 0) {
      // A watcher joins behind a poll that began after it came: then the poll has all that it may know already.
      const coming = [...this.#watchers];
      const isAtEnd = await this.#read();
      if (isAtEnd && this.#position !== null) for (const watcher of coming) watcher.join(this.#position);
      const isAwaited = isAtEnd === true && [...this.#watchers].some((watcher) => watcher.isComing);
      if (isAtEnd !== false && !isAwaited) await this.#pause();
    }
    // Whoever comes next begins anew.
    this.#polling = false;
    this.#position = null;
    this.#isReachable = true;
  }

  /** Whether all that there is has been read; `null` where the store is away. */
  async #read(): Promise<boolean | null> {
    const { store, observe } = this.#in;
    try {
      const page = await store.changes(this.#position, null, PAGE);
      this.#position = page.position;
      await this.#reached(true);
      const noticesOf = sharedBy(page);
      await this.#tell((watcher) => watcher.tell(noticesOf, page.position));
      return !page.more;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      observe({ type: 'store-fault', doing: 'changes', error });
      await this.#reached(false);
      return null;
    }
  }

  async #reached(isReachable: boolean): Promise<void> {
    if (this.#isReachable === isReachable) return;
    this.#isReachable = isReachable;
    const health = healthOf(isReachable);
    await this.#tell((watcher) => watcher.tellStore(health));
  }

  /** @param tell answers whether there was anything to tell */
  async #tell(tell: (watcher: Watcher) => boolean): Promise<void> {
    let told = 0;
    for (const watcher of this.#watchers) {
      if (!tell(watcher)) continue;
      told += 1;
      if (told % TOLD_IN_A_TURN === 0) await turn();
    }
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

function healthOf(isReachable: boolean): readonly Notice[] {
  return [{ kind: 'store', isReachable }];
}

/** What has a place in the feed. */
type Told = Exclude<Notice, { readonly kind: 'store' }>;
type NoticesOf = (sagaId: string | null) => readonly Told[];

/** What a page says to those who watch all sagas, and to those who watch one: one list for all of them. */
function sharedBy({ changes, gap, position }: Changes): NoticesOf {
  // Behind the changes, so that whoever looks afresh then sees no less than they told.
  const last: readonly Told[] = gap ? [{ kind: 'gap', position }] : [];
  const all: Told[] = [];
  const bySaga = new Map<string, Told[]>();
  for (const change of changes) {
    const notice: Told = { kind: 'saga', ...change };
    all.push(notice);
    const ofOne = bySaga.get(change.id);
    if (ofOne === undefined) bySaga.set(change.id, [notice]);
    else ofOne.push(notice);
  }
  for (const list of [all, ...bySaga.values()]) list.push(...last);
  return (sagaId) => (sagaId === null ? all : (bySaga.get(sagaId) ?? last));
}

class Watcher implements Watch {
  readonly #feed: Feed;
  readonly #sagaId: string | null;
  readonly #after: string | null;
  #state: 'coming' | 'here' | 'late' | 'gone' = 'coming';
  /** What was told up to. */
  #told: string;
  /** Where the poll stands, once it has joined that. */
  #polled: string;
  /** What it reads from the store by itself, from where to where; `null` where the poll tells it everything. */
  #behind: { readonly from: string; readonly until: string } | null = null;
  #isReading = false;
  /** When the store may be asked again that was away. */
  #readAgainAt = 0;
  /** What its next question is answered with. */
  #fault: { readonly error: unknown } | null = null;
  #missed: (readonly Told[])[] = [];
  #queue: (readonly Told[])[] = [];
  /** Notices in the queue. */
  #queued = 0;
  /** What of the store's health is still to be told: only the last of it matters. */
  #health: readonly Notice[] | null = null;
  #wake: (() => void) | null = null;

  constructor(feed: Feed, after: string | null, sagaId: string | null) {
    this.#feed = feed;
    this.#after = after;
    this.#told = after ?? '';
    this.#polled = this.#told;
    this.#sagaId = sagaId;
  }

  get isComing(): boolean {
    return this.#state === 'coming';
  }

  get position(): string {
    const isUpToDate =
      this.#state === 'here' && this.#missed.length + this.#queue.length === 0 && this.#behind === null;
    return isUpToDate ? this.#polled : this.#told;
  }

  join(position: string): void {
    if (this.#state !== 'coming') return;
    this.#state = 'here';
    this.#polled = position;
    const from = this.#after ?? position;
    if (from !== position) this.#behind = { from, until: position };
    this.#missed.push([{ kind: 'ready', position: from }]);
    this.#wake?.();
  }

  tellStore(health: readonly Notice[]): boolean {
    this.#health = health;
    this.#wake?.();
    return true;
  }

  /** Answers whether there was anything to tell. */
  tell(noticesOf: NoticesOf, position: string): boolean {
    if (this.#state !== 'here') return false;
    this.#polled = position;
    const notices = noticesOf(this.#sagaId);
    if (notices.length === 0) return false;
    this.#queue.push(notices);
    this.#queued += notices.length;
    if (this.#queued > QUEUE_MAX) {
      this.#state = 'late';
      this.#forget();
    }
    this.#wake?.();
    return true;
  }

  async next(waitMs: number): Promise<readonly Notice[] | 'nothing' | 'late' | null> {
    const { clock } = this.#feed;
    const until = clock.monotonic() + waitMs;
    for (;;) {
      if (this.#fault !== null) throw this.#fault.error;
      if (this.#state === 'gone') return null;
      if (this.#state === 'late') {
        this.close();
        return 'late';
      }
      const health = this.#health;
      if (health !== null) {
        this.#health = null;
        return health;
      }
      const notices = this.#missed.shift() ?? (this.#behind === null ? this.#fromQueue() : undefined);
      if (notices !== undefined) {
        this.#told = notices.at(-1)?.position ?? this.#told;
        return notices;
      }
      const now = clock.monotonic();
      if (now >= until) return 'nothing';
      if (this.#behind !== null && !this.#isReading && now >= this.#readAgainAt)
        void this.#catchUp(this.#behind);
      const wakesAt = this.#readAgainAt > now ? Math.min(until, this.#readAgainAt) : until;
      await this.#pause(wakesAt - now);
    }
  }

  close(): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    this.#forget();
    this.#feed.leave(this);
    this.#wake?.();
  }

  #forget(): void {
    this.#queue = [];
    this.#queued = 0;
    this.#missed = [];
    this.#behind = null;
  }

  #fromQueue(): readonly Told[] | undefined {
    const notices = this.#queue.shift();
    this.#queued -= notices?.length ?? 0;
    return notices;
  }

  /** Reads a page of what was missed, at the watcher's own pace. */
  async #catchUp({ from, until }: { from: string; until: string }): Promise<void> {
    this.#isReading = true;
    try {
      const page = await this.#feed.read(from, until, () => this.#state === 'here');
      if (page === null) return;
      const notices = sharedBy(page)(this.#sagaId);
      if (notices.length > 0) this.#missed.push(notices);
      this.#behind = page.more ? { from: page.position, until } : null;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) {
        this.#fault = { error };
        return;
      }
      this.#feed.observe({ type: 'store-fault', doing: 'changes', error });
      this.#readAgainAt = this.#feed.clock.monotonic() + this.#feed.retryMs;
    } finally {
      this.#isReading = false;
      this.#wake?.();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#wake = null;
        resolve();
      };
      const cancel = this.#feed.clock.after(ms, wake);
      this.#wake = wake;
    });
  }
}
