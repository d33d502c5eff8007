/** Moves a store to other partitions from the command line: the one thing that is done to a store without a coordinator. */

import { StoreRefusedError, StoreUnavailableError } from '../saga-store.ts';
import { connect } from './connect.ts';
import { type Repartitioned, type Repartitioning, repartition, undoRepartition } from './repartition.ts';

export type Moved =
  | ({ readonly kind: 'moved' } & Repartitioned)
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unavailable'; readonly why: string };

/** @throws RangeError where URL or prefix cannot be read */
export async function repartitionStore(
  url: string,
  prefix: string,
  isUndone: boolean,
  tell: NonNullable<Repartitioning['tell']>,
): Promise<Moved> {
  const redis = connect(url);
  try {
    const move = isUndone ? undoRepartition : repartition;
    return { kind: 'moved', ...(await move({ redis, prefix, tell })) };
  } catch (error) {
    if (error instanceof StoreRefusedError) return { kind: 'refused', why: error.message };
    if (error instanceof StoreUnavailableError) return { kind: 'unavailable', why: error.message };
    throw error;
  } finally {
    redis.disconnect();
  }
}
