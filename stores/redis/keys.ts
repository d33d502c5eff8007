/**
 * The names of all keys. Every key of a partition carries the partition's hash tag, so a Redis Cluster keeps them
 * in one slot and one script may write them together. `{p07}` is a tag that is numbered; one that spreads is as in tags.ts, and
 * a prefix stands before it, because inside it would change the slot.
 *
 * | key | type | holds |
 * |---|---|---|
 * | `{p07}:saga:<id>` | hash | the record, see record.ts |
 * | `{p07}:log:<id>` | list | log entries as JSON, in order; where some were dropped, their number stands in their place. None of a saga that rests, see packing.ts |
 * | `{p07}:due:<machine>@<version>` | sorted set | running sagas by due time |
 * | `{p07}:ended` | sorted set | ended sagas by purge time |
 * | `{p07}:sagas`, `{p07}:status:<STATUS>` | sorted set | all sagas, and those of one status, in order of age |
 * | `{p07}:parked` | sorted set | parked sagas by cause: `<key of the cause> <id>` |
 * | `{p07}:counters` | hash | `<machine>|<counter>` to its sum; `settled:<place>`, the ring of throughput.ts; causes, see parked.ts |
 * | `{p07}:events` | stream | id, seq, state and status of each log entry, capped |
 * | `{p07}:audit` | list | entries of the audit, each linked to the one before it, see audit-chain.ts |
 * | `{p07}:key:<sha-256>` | string | id of the saga begun under an idempotency key, and the body's digest; 38 bytes where it rests, see record.ts |
 * | `{p07}:find:<two letters>` | string | what leads to sagas by the values of their terms, see terms.ts |
 * | `{p07}:compacted` | hash | nothing: under it a hash is made that takes another's place, see lua/compact.lua |
 * | `{p07}:meta` | hash | the layout (see layout.ts), the store id, and how far its ended sagas were compacted and the sagas of older releases were indexed. `{p00}:meta` is the mark that decides, whatever the tags; in it lie the secret of secret() and the vocabularies of packing.ts |
 * | `{boots}` | hash | boot numbers by coordinator name |
 * | `{boots}:structures` | hash | the structure under which each `<machine>@<version>` was declared |
 * | `{boots}:versions` | sorted set | machine versions by the end of their last declaration |
 * | `{boots}:live` | sorted set | declarations by their end: `<machine>@<version> <boot> <coordinator's name>` |
 * | `{boots}:clock` | hash | what is added to Redis's clock since that was set back, see lua/tick.lua |
 * | `{boots}:history` | hash | the minutes of the last day, see history.ts |
 * | `{boots}:notes` | hash | texts that coordinators share, by name, see notes.ts |
 * | `{boots}:waited` | string | nothing: what is written before a WAIT, see replica-wait.ts |
 */
import { partitionName } from '../partition.ts';
import type { SagaStatus } from '../saga-store.ts';
import { SPREAD_TAGS } from './tags.ts';

/** A machine version as keys name it: `order@1`; both parts are escaped, so no two versions share a name. */
export type MachineName = string;

export function machineName(machine: { readonly id: string; readonly version: string }): MachineName {
  return `${encodeURIComponent(machine.id)}@${encodeURIComponent(machine.version)}`;
}

/** `null` for a text that names no machine. */
export function machineOfName(name: MachineName): { readonly id: string; readonly version: string } | null {
  const at = name.indexOf('@');
  const [id, version] = [decoded(name.slice(0, Math.max(0, at))), decoded(name.slice(at + 1))];
  return at < 0 || id === null || version === null ? null : { id, version };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** The field of a counter: counters are kept per machine, over all its versions. */
export function counterField(machine: MachineName, counter: string): string {
  return `${machine.slice(0, machine.indexOf('@'))}|${counter}`;
}

/** Whether a counter, as it is called in the contract or in Redis, is one of what is held: a record keeps what it has raised it by. */
export function isHeld(counter: string): boolean {
  return counter.endsWith('.held');
}

/** In which field. */
export function heldField(counter: string): string {
  return `held:${counter}`;
}

/** `null` for a field that is no counter. */
export function counterOf(field: string): { readonly machine: string; readonly counter: string } | null {
  const bar = field.indexOf('|');
  const machine = bar < 0 ? null : decoded(field.slice(0, bar));
  return machine === null ? null : { machine, counter: field.slice(bar + 1) };
}

export function bootsKey(prefix: string): string {
  return `{${prefix}boots}`;
}

export function clockKey(prefix: string): string {
  return `${bootsKey(prefix)}:clock`;
}

export function historyKey(prefix: string): string {
  return `${bootsKey(prefix)}:history`;
}

export function waitedKey(prefix: string): string {
  return `${bootsKey(prefix)}:waited`;
}

export function notesKey(prefix: string): string {
  return `${bootsKey(prefix)}:notes`;
}

/** Who runs which machines; in one slot, so that one script may write them together. */
export interface DeclarationKeys {
  readonly structures: string;
  readonly versions: string;
  readonly live: string;
}

export function declarationKeys(prefix: string): DeclarationKeys {
  const tag = bootsKey(prefix);
  return { structures: `${tag}:structures`, versions: `${tag}:versions`, live: `${tag}:live` };
}

/** A prefix stands inside the hash tag; braces in it would end the tag early. */
export function assertPrefix(prefix: string): void {
  if (/[{}\s]/.test(prefix)) throw new RangeError(`The key prefix must not have braces or spaces: ${prefix}`);
}

/** The keys of one partition. */
export interface PartitionKeys {
  readonly meta: string;
  readonly counters: string;
  readonly events: string;
  readonly ended: string;
  readonly sagas: string;
  readonly audit: string;
  readonly parked: string;
  /** Under which a hash is made that takes another's place. */
  readonly compacted: string;
  readonly status: Readonly<Record<SagaStatus, string>>;
  saga(id: string): string;
  log(id: string): string;
  due(machine: MachineName): string;
  /** What leads to sagas by values whose hash begins with these two letters. */
  find(bucket: string): string;
  /** Of an idempotency key by its SHA-256; an empty digest names a key that never exists. */
  key(digest: string): string;
}

/** What all keys of a partition begin with. */
export function tagOf(prefix: string, partition: number, isSpread: boolean): string {
  return isSpread ? `${prefix}{${SPREAD_TAGS[partition]}}` : `{${prefix}p${partitionName(partition)}}`;
}

/** The mark by which a store's layout is known before anything else is. */
export function rootKey(prefix: string): string {
  return `${tagOf(prefix, 0, false)}:meta`;
}

export function partitionKeys(prefix: string, partition: number, isSpread = false): PartitionKeys {
  const tag = tagOf(prefix, partition, isSpread);
  return {
    meta: `${tag}:meta`,
    counters: `${tag}:counters`,
    events: `${tag}:events`,
    ended: `${tag}:ended`,
    sagas: `${tag}:sagas`,
    audit: `${tag}:audit`,
    parked: `${tag}:parked`,
    compacted: `${tag}:compacted`,
    status: {
      STARTED: `${tag}:status:STARTED`,
      COMPLETED: `${tag}:status:COMPLETED`,
      FAILED: `${tag}:status:FAILED`,
      ABORTED: `${tag}:status:ABORTED`,
    },
    saga: (id) => `${tag}:saga:${id}`,
    log: (id) => `${tag}:log:${id}`,
    due: (machine) => `${tag}:due:${machine}`,
    find: (bucket) => `${tag}:find:${bucket}`,
    key: (digest) => `${tag}:key:${digest}`,
  };
}
