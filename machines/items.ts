/** The items of a step that is done for each of a list: pure moves of the list, one for each thing that happens to an item. */
import { DefinitionError, defined } from './defined.ts';
import type { Each, Step } from './parts.ts';
import { addressOf } from './parts.ts';
import type { Item, SagaContext, SagaData } from './saga.ts';

type Items = readonly Item[];

/**
 * The items as they stand before the first call.
 * @throws DefinitionError for too many, and for two of one key
 */
export function itemsAhead({ name }: Step, each: Each, data: SagaData): Items {
  const values = defined(name, 'the items', () => each.items(data as never));
  if (values.length > each.itemsMax)
    throw new DefinitionError(
      name,
      'the items',
      new RangeError(`${values.length}, and at most ${each.itemsMax} may be`),
    );
  const items = values.map((value): Item => {
    const key = String(defined(name, 'the key', () => each.key(value as never)));
    return { key, value, phase: 'ahead', attempt: 0, retryAt: null };
  });
  const keys = items.map(({ key }) => key);
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined)
    throw new DefinitionError(name, 'the key', new RangeError(`two items have the key ${twice}`));
  return promoted(items, each.concurrency);
}

/** The items as they stand before the first compensation: those are undone of which a call may have been made. */
export function itemsBack(items: Items, concurrency: number): Items {
  return promoted(
    items.map((item) => {
      if (item.phase === 'undone' || item.phase === 'never') return item;
      const phase = item.phase === 'ahead' ? 'never' : 'ahead';
      return { ...item, phase, attempt: 0, retryAt: null } as const;
    }),
    concurrency,
  );
}

/** Announces as many calls as may be under way at once: an item that waits for its next attempt keeps its place. */
export function promoted(items: Items, concurrency: number): Items {
  let places = concurrency - items.filter(isUnderWay).length;
  return items.map((item) => {
    if (item.phase !== 'ahead' || places <= 0) return item;
    places -= 1;
    return { ...item, phase: 'calling', attempt: 1, retryAt: null };
  });
}

function isUnderWay({ phase }: Item): boolean {
  return phase === 'calling' || phase === 'waiting';
}

/** No call of them is under way, nor will one be: where all is to stop, what waits does so no more, and nothing is announced. */
export function areSettled(items: Items, isStopping: boolean): boolean {
  return items.every(
    ({ phase }) => phase !== 'calling' && (isStopping || (phase !== 'waiting' && phase !== 'ahead')),
  );
}

export function itemsOf({ items }: SagaContext, step: string): Items {
  return items?.[step] ?? [];
}

/** Names of the items of which a call may have been made, whatever came of it. */
export function itemsCalled({ items = {} }: SagaContext): string[] {
  return Object.entries(items).flatMap(([step, list]) =>
    list.filter((item) => isUnderWay(item) || item.phase === 'failed').map(({ key }) => addressOf(step, key)),
  );
}

/** The item that an event is about. */
export function itemAt(context: SagaContext, step: string, address: string | undefined): Item | undefined {
  return itemsOf(context, step).find(({ key }) => addressOf(step, key) === address);
}

/** The context with something of one item changed. */
export function withItem(
  context: SagaContext,
  step: string,
  address: string | undefined,
  change: Partial<Item>,
): Items {
  return itemsOf(context, step).map((item) =>
    addressOf(step, item.key) === address ? { ...item, ...change } : item,
  );
}

/** Data as the functions of a step see them that is done for each item. */
export function dataWith(data: SagaData, item: Item | undefined): SagaData {
  return item === undefined ? data : { ...data, item: item.value };
}
