/** A store whose records are sealed on their way in and opened on their way out; in everything else the store that it is given. */
import {
  type AuditFilter,
  type AuditPage,
  type Claimed,
  type CommitResult,
  type CreateResult,
  type Filter,
  type Idempotency,
  matches,
  type NewSaga,
  type Page,
  type SagaStore,
} from '../saga-store.ts';
import type { Keyring } from './keyring.ts';
import { Opener, openedAct, openedCause } from './open.ts';
import { type Depth, sealDeed, sealedCause, sealSignal, sealTerm, sealWrite } from './seal.ts';

export interface Keys {
  /** As they are just now. */
  readonly ring: Keyring;
  /** Looks for keys that have come since. Answers whether there are others than before. */
  refresh(): Promise<boolean>;
}

export interface SealingOptions {
  readonly keys: Keys;
  /** `off`: nothing is sealed any more, and what was is opened. */
  readonly depth: Depth | 'off';
}

/** Of what no saga has: an id that is none of a saga's. */
function noteId(name: string): string {
  return `note ${name}`;
}

/** Without keys, writes go straight through; what cannot be read then is told all the same. */
export function sealedStore(store: SagaStore, { keys, depth }: SealingOptions): SagaStore {
  const hasKeys = keys.ring.ids.length > 0;

  /** Reads once more where a key was missing that has come meanwhile. */
  async function opened<T>(read: (note: (opener: Opener) => Opener) => T): Promise<T> {
    for (let again = false; ; again = true) {
      const openers: Opener[] = [];
      const found = read((opener) => {
        openers.push(opener);
        return opener;
      });
      const isMissing = openers.some(({ missing }) => missing !== null);
      if (!isMissing || again || !(await keys.refresh())) return found;
    }
  }

  /** The body's digest as it may stand there: as it is written now, then as it was written before, by another key or by none. */
  function digestsOf({ digest }: Idempotency): readonly string[] {
    const keyed = keys.ring.hashes(digest);
    return depth === 'whole' ? [...keyed, digest] : [digest, ...keyed];
  }

  /** What is answered under the first digest that is none of another body. */
  async function underDigests<R extends { readonly kind: string } | null>(
    idempotency: Idempotency,
    ask: (idempotency: Idempotency) => Promise<R>,
  ): Promise<R> {
    const { key } = idempotency;
    const [first = idempotency.digest, ...others] = digestsOf(idempotency);
    const result = await ask({ key, digest: first });
    if (result?.kind !== 'key-reused') return result;
    for (const digest of others) {
      const again = await ask({ key, digest });
      if (again?.kind !== 'key-reused') return again;
    }
    return result;
  }

  function create(saga: NewSaga): Promise<CreateResult> {
    const sealed = depth === 'off' ? saga : sealWrite(keys.ring, depth, saga.id, saga);
    const { idempotency } = saga;
    if (idempotency === null) return store.create(sealed);
    return underDigests(idempotency, (one) => store.create({ ...sealed, idempotency: one }));
  }

  async function openSignalled(id: string, result: CommitResult): Promise<CommitResult> {
    if (result.kind !== 'signalled') return result;
    const signals = await opened((note) => note(new Opener(keys.ring, id)).signals(result.signals));
    return { kind: 'signalled', signals };
  }

  async function list(filter: Filter, cursor: string | null, limit: number): Promise<Page> {
    const { error, ...rest } = filter;
    // What is held can be searched only when it is opened.
    const isSearched = hasKeys && error !== undefined;
    const asked: Filter = isSearched ? { status: 'ABORTED', ...rest } : filter;
    const { label, sought } = filter;
    const hashed = {
      ...asked,
      ...(label !== undefined && { labelHashes: keys.ring.hashes(label) }),
      ...(sought && { sought: { ...sought, hashes: keys.ring.hashes(sought.text) } }),
    };
    const page = await store.list(hashed, cursor, limit);
    const sagas = await opened((note) =>
      page.sagas.map((saga) => note(new Opener(keys.ring, saga.id)).listing(saga)),
    );
    return { ...page, sagas: isSearched ? sagas.filter((saga) => matches({ error }, saga, 0)) : sagas };
  }

  async function claim(...args: Parameters<SagaStore['claim']>): Promise<Claimed[]> {
    const claimed = await store.claim(...args);
    return opened((note) =>
      claimed.map(({ record, ...rest }) => ({
        ...rest,
        record: note(new Opener(keys.ring, record.id)).record(record),
      })),
    );
  }

  /** Who asked by his own words can be searched only when they are opened. */
  async function listAudit(filter: AuditFilter, cursor: string | null, limit: number): Promise<AuditPage> {
    const { by, ...rest } = filter;
    const page = await store.audit.list(hasKeys ? rest : filter, cursor, limit);
    const entries = page.entries.map((entry) => openedAct(keys.ring, entry));
    return { ...page, entries: entries.filter((entry) => by === undefined || entry.by === by) };
  }

  return {
    info: store.info,
    audit: {
      list: listAudit,
      tell: (deed) => store.audit.tell(hasKeys && depth !== 'off' ? sealDeed(keys.ring, depth, deed) : deed),
      read: (chain, from, limit) => store.audit.read(chain, from, limit),
      trim: (keepMs, entriesMax) => store.audit.trim(keepMs, entriesMax),
    },
    history: store.history,
    notes: {
      read: async (name) => {
        const note = await store.notes.read(name);
        return note && opened((see) => see(new Opener(keys.ring, noteId(name))).note(note));
      },
      write: (name, expected, next) => {
        const isSealing = hasKeys && depth !== 'off' && next !== null;
        const text = isSealing ? keys.ring.seal(noteId(name), 'note', next.text) : next?.text;
        return store.notes.write(name, expected, next && { ...next, text: text ?? '' });
      },
    },
    newId: (key) => store.newId(key),
    now: () => store.now(),
    jumped: () => store.jumped(),
    dueInMs: (machines) => store.dueInMs(machines),
    boot: (name) => store.boot(name),
    secret: () => store.secret(),
    declare: (machines, owner, leaseMs) => store.declare(machines, owner, leaseMs),
    gone: (afterMs) => store.gone(afterMs),
    declared: () => store.declared(),
    create: hasKeys ? create : (saga) => store.create(saga),
    known: (idempotency) =>
      hasKeys ? underDigests(idempotency, (one) => store.known(one)) : store.known(idempotency),
    commit: !hasKeys
      ? (id, expected, write) => store.commit(id, expected, write)
      : async (id, expected, write) => {
          const written = depth === 'off' ? write : sealWrite(keys.ring, depth, id, write);
          return openSignalled(id, await store.commit(id, expected, written));
        },
    migrate: (id, expected, migration) =>
      store.migrate(
        id,
        expected,
        hasKeys && depth !== 'off' ? sealWrite(keys.ring, depth, id, migration) : migration,
      ),
    claim,
    signal: (id, signal, expectedSeq) =>
      store.signal(
        id,
        hasKeys && depth !== 'off' ? sealSignal(keys.ring, depth, id, signal) : signal,
        expectedSeq,
      ),
    renew: (held, leaseMs) => store.renew(held, leaseMs),
    release: (held) => store.release(held),
    due: (machines, limit) => store.due(machines, limit),
    running: (machines, cursor, limit) => store.running(machines, cursor, limit),
    get: async (id) => {
      const record = await store.get(id);
      return record && opened((note) => note(new Opener(keys.ring, id)).record(record));
    },
    statuses: (ids) => store.statuses(ids),
    log: async (id) => {
      const log = await store.log(id);
      return opened((note) => {
        const opener = note(new Opener(keys.ring, id));
        return log.map((entry) => opener.entry(entry));
      });
    },
    list,
    statistics: () => store.statistics(),
    tally: async () => {
      const { causes, ...tally } = await store.tally();
      return { ...tally, causes: causes.map((cause) => openedCause(keys.ring, cause)) };
    },
    countParked: ({ parked, ...saga }, writeId) => {
      const isSealing = hasKeys && depth === 'whole' && parked !== null;
      return store.countParked(
        { ...saga, parked: isSealing ? sealedCause(keys.ring, parked) : parked },
        writeId,
      );
    },
    backlog: (machines) => store.backlog(machines),
    memory: () => store.memory(),
    changes: (after, until, limit) => store.changes(after, until, limit),
    purge: (limit, earlyMs) => store.purge(limit, earlyMs),
    compact: (limit, afterMs, keepMs) => store.compact(limit, afterMs, keepMs),
    index: (limit, termsOf) =>
      store.index(limit, (record) => {
        const terms = termsOf(new Opener(keys.ring, record.id).record(record));
        return hasKeys && depth !== 'off' ? terms.map((one) => sealTerm(keys.ring, one)) : terms;
      }),
    ping: () => store.ping(),
    tryWrite: () => store.tryWrite(),
    close: () => store.close(),
  };
}
