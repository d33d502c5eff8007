/** Flat replies of Redis, taken apart. */

/** In threes. */
export function inThrees<T>(flat: readonly T[]): [T, T, T][] {
  return Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(i * 3, i * 3 + 3) as [T, T, T]);
}

/** Names and values, in pairs. */
export function pairs<T>(flat: readonly T[]): [T, T][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[i * 2] as T, flat[i * 2 + 1] as T]);
}
