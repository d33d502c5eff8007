/** Work for many sagas, a bounded part of it at the same time: each costs the store a round trip or two. */
const AT_ONCE_MAX = 16;

/** Does the work for each item, for some of them at the same time; answers in the order of the items. */
export async function atOnce<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  // One iterator for all: whoever is free takes the next.
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) done[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE_MAX, items.length) }, worker));
  return done;
}
