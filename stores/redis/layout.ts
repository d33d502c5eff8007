/**
 * How the keys of a store are laid out. It stands in the store itself, in the mark that decides (`{p00}:meta`), and whoever opens
 * the store follows it: with another layout every saga would be looked for in the wrong place.
 *
 * | the mark says | the store has |
 * |---|---|
 * | `16` | 16 partitions, whose hash tags are numbered: `{p07}` |
 * | `48 spread` | 48 partitions, whose hash tags spread evenly over the masters of a Cluster: `{p07-o4}` |
 * | `48 spread, 16 before` | the same, and was moved there from 16 numbered ones |
 * | `16 to 48 spread` | is being moved: no coordinator may use it |
 */
import { Cluster } from 'ioredis';
import type { Client } from './client.ts';
import { SPREAD_TAGS } from './tags.ts';

export interface Layout {
  readonly partitions: number;
  readonly isSpread: boolean;
  /** Partitions that it had before it was moved: keys of then stand where that number has put them, and else `null`. */
  readonly before: number | null;
}

export const SPREAD: Layout = { partitions: SPREAD_TAGS.length, isSpread: true, before: null };
const NUMBERED_USUALLY = 16;

/** Of a store that is begun. */
export function newLayout(client: Client, partitions: number | null): Layout {
  const wanted = partitions ?? (client instanceof Cluster ? SPREAD.partitions : NUMBERED_USUALLY);
  return wanted === SPREAD.partitions ? SPREAD : { partitions: wanted, isSpread: false, before: null };
}

export function encodeLayout({ partitions, isSpread, before }: Layout): string {
  return `${partitions}${isSpread ? ' spread' : ''}${before === null ? '' : `, ${before} before`}`;
}

/** `null` for a text that is none. */
export function decodeLayout(text: string): Layout | null {
  const [, partitions, spread, before] = /^(\d{1,5})( spread)?(?:, (\d{1,5}) before)?$/.exec(text) ?? [];
  if (partitions === undefined) return null;
  const layout = {
    partitions: Number(partitions),
    isSpread: spread !== undefined,
    before: before === undefined ? null : Number(before),
  };
  return layout.isSpread && layout.partitions !== SPREAD.partitions ? null : layout;
}

/** What the mark says while the store is being moved from so many numbered partitions to those that spread. */
export function movingFrom(partitions: number): string {
  return `${partitions} to ${encodeLayout(SPREAD)}`;
}

/** From how many partitions a store is being moved; `null` where it is not. */
export function isMovingFrom(text: string): number | null {
  const [, partitions] = /^(\d{1,5}) to 48 spread$/.exec(text) ?? [];
  return partitions === undefined ? null : Number(partitions);
}
