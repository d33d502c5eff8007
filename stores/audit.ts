/**
 * Who did what: the contract of the audit, which every store keeps beside its sagas. What a person or an outside caller has asked of a
 * saga is told there in the same atomic move that does it, and stays when the saga is purged.
 *
 * Entries are chained: each carries the hash of the one before it, so that a changed, removed, swapped or inserted one is seen by
 * whoever verifies. There is one chain for each partition, because no move spans two.
 */

/** Where a saga stood. */
export interface Standing {
  /** Of its statechart, as listings have it. */
  readonly state: string;
  readonly status: 'STARTED' | 'COMPLETED' | 'FAILED' | 'ABORTED';
}

/** One entry, as it is stored, shown and exported. */
export interface AuditEntry {
  /** Name of the partition. */
  readonly chain: string;
  /** Counted from 1 in its chain. */
  readonly seq: number;
  /** RFC 3339, by the store's clock; in a chain it never goes back. */
  readonly at: string;
  /** Kind of the request, or `start`; `unreadable` of one that cannot be read; `trimmed` and `begun-anew` of what the audit did itself. */
  readonly action: string;
  /** Who asked, as far as that was known: `user:…`, `token:…`. Empty where the store itself did it. */
  readonly actor: string;
  /** Who asked, as he said himself. */
  readonly by: string;
  readonly reason: string;
  readonly saga_id: string | null;
  /** `order@1`. */
  readonly machine: string | null;
  /** Id of the request. */
  readonly request: string | null;
  readonly asked_at: string | null;
  /** Of a skip. */
  readonly step: string | null;
  /** Of a resolve. */
  readonly as: string | null;
  /** Of an event: its name. */
  readonly event: string | null;
  /** `ignored`: it fitted nowhere any more. */
  readonly outcome: 'done' | 'ignored' | null;
  readonly before: Standing | null;
  readonly after: Standing | null;
  /** The saga's revision, and the id of the write that did it, which names its coordinator. */
  readonly revision: number | null;
  readonly write_id: string | null;
  /** Of `trimmed`: the last entry that was dropped. */
  readonly dropped: { readonly seq: number; readonly hash: string } | null;
  /** What stands in `by`, `reason` and `step`, where records are sealed. */
  readonly sealed?: string;
  /** By which key `mac` was made. */
  readonly key_id: string | null;
  /** Hash of the entry before it; zeros where there is none. */
  readonly prev: string;
  /** SHA-256 of all the others but `mac`, in the form of RFC 8785; in hexadecimal digits. */
  readonly hash: string;
  /** HMAC-SHA-256 of `hash` as it is written, where the store has a key. */
  readonly mac: string | null;
}

/** What somebody did that belongs to no saga. */
export interface Deed extends Pick<AuditEntry, 'action' | 'actor' | 'by' | 'reason' | 'sealed'> {
  /** Unique to this deed, the same in each repetition of it. */
  readonly request: string;
}

/** A line of a chain that is no entry: somebody else has written it. */
export interface UnreadableLine {
  readonly chain: string;
  readonly unreadable: string;
}
export type AuditLine = AuditEntry | UnreadableLine;

/** Every one given must hold. */
export interface AuditFilter {
  readonly actor?: string;
  readonly by?: string;
  readonly saga_id?: string;
  readonly action?: string;
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** Where the next page begins; `null` where this one was the last. A page can be short and have a next. */
  readonly cursor: string | null;
  /** Chains of which not all could be read, in words. Nearly always empty. */
  readonly damage: readonly string[];
}

/** A part of one chain. */
export interface AuditPart {
  readonly lines: readonly AuditLine[];
  /** From where to go on; `null` at the end. */
  readonly next: number | null;
}

export interface AuditKey {
  /** Told with each entry. */
  readonly id: string;
  readonly secret: string;
}

export interface AuditLog {
  /** As people read it: opened where it was sealed. Newest first, of all chains. Looks at a bounded number of entries a call. Throws BadCursorError. */
  list(filter: AuditFilter, cursor: string | null, limit: number): Promise<AuditPage>;

  /** Tells of a deed, in the chain of the first partition. A repetition right behind it tells nothing. */
  tell(deed: Deed): Promise<void>;

  /** One chain as it lies there, sealed where it was, and so as it can be verified. Oldest first; `from` is 0 at first. */
  read(chain: number, from: number, limit: number): Promise<AuditPart>;

  /**
   * Drops entries that are older than `keepMs`, in whole days of the store's clock, and the oldest where there are more than
   * `entriesMax` over all partitions. In each chain an entry `trimmed` says up to which, so that it still verifies.
   * Answers how many were dropped.
   */
  trim(keepMs: number, entriesMax: number): Promise<number>;
}

/** What an entry says of the write that it is told with. */
export interface Told {
  readonly sagaId: string;
  readonly revision: number;
  readonly writeId: string;
}
