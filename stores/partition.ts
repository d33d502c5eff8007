/**
 * Saga ids: `<partition in hex>-<UUIDv7>`. The partition stands in the id, so any coordinator finds a saga's
 * keys from its id alone; the UUID sorts by time, so an index in order of ids is an index in order of age.
 */
import { hash, randomInt } from 'node:crypto';
import { v7 } from 'uuid';

const PARTITIONS_MAX = 16_384;
/** A UUIDv7's sequence has 32 bits: begun in their lower half it does not wrap within a millisecond. */
const SEQ_START_MAX = 2 ** 31;
const PARTITIONED_ID =
  /^([0-9a-f]{2,})-([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})$/;

/** The name of a partition in ids and keys: at least two hexadecimal digits. */
export function partitionName(partition: number): string {
  return partition.toString(16).padStart(2, '0');
}

/** The partition that an id names, or `null` where it is no id of a store with so many partitions. */
export function partitionOf(id: string, partitions: number): number | null {
  const digits = PARTITIONED_ID.exec(id)?.[1];
  if (digits === undefined) return null;
  const partition = Number.parseInt(digits, 16);
  // One partition has one name: `007-` would be a second id of what `07-` names.
  return partition < partitions && partitionName(partition) === digits ? partition : null;
}

/** The part of an id that sorts by time. */
export function uuidOf(id: string): string {
  return id.slice(id.indexOf('-') + 1);
}

/** When a saga began by the store's clock, in milliseconds: that is what a UUIDv7 begins with. */
export function bornAtMs(id: string): number {
  return Number.parseInt(uuidOf(id).slice(0, 13).replace('-', ''), 16);
}

export function isUuid(text: string): boolean {
  return PARTITIONED_ID.test(`00-${text}`);
}

export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}

/** The partition in which an idempotency key lives, and with it every saga begun under that key. */
export function partitionOfKey(key: string, partitions: number): number {
  return Number.parseInt(digestOf(key).slice(0, 12), 16) % partitions;
}

/** What one partition may hold of a bound over all of them: at least one. */
export function shareOf(max: number, partitions: number): number {
  return Math.ceil(max / partitions);
}

export function assertPartitions(partitions: number): void {
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX) {
    throw new RangeError(`partitions must be a whole number from 1 to ${PARTITIONS_MAX}, not ${partitions}`);
  }
}

export interface IdSource {
  readonly partitions: number;
  /** Milliseconds of the store's clock, so that ids sort by the time by which sagas are stamped. */
  readonly now: () => number;
  /** In [0, 1). Left out, ids come from the system's secure randomness. */
  readonly random?: (() => number) | undefined;
}

/** Makes the ids of one store instance: each is greater than the one before, whatever the clock does. */
export function idMaker({ partitions, now, random }: IdSource): (key: string | null) => string {
  let msecs = 0;
  let seq = 0;
  return (key) => {
    const ms = Math.floor(now());
    if (ms > msecs) {
      msecs = ms;
      seq = random ? Math.floor(random() * SEQ_START_MAX) : randomInt(SEQ_START_MAX);
    } else {
      seq += 1;
    }
    const partition =
      key !== null
        ? partitionOfKey(key, partitions)
        : random
          ? Math.floor(random() * partitions)
          : randomInt(partitions);
    const bytes = random && { random: Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)) };
    return `${partitionName(partition)}-${v7({ msecs, seq, ...bytes })}`;
  };
}
