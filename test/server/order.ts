/** Orders that are wrong in one place. */
import { ORDER } from '../coordinator/world.ts';

/** The order with the value at a JSON pointer replaced; `undefined` removes it. */
export function changed(pointer: string, value: unknown): unknown {
  const order = structuredClone(ORDER) as unknown;
  const parts = pointer.split('/').slice(1);
  const last = parts.pop() ?? '';
  // biome-ignore lint/suspicious/noExplicitAny: it walks whatever shape the pointer names.
  const parent = parts.reduce<any>((node, part) => node[part], order);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return order;
}

/** The order with one more member, as text: JSON.stringify could not write `__proto__`. */
export function orderWith(member: string): string {
  return JSON.stringify(ORDER).replace(/\}$/, `,${member}}`);
}
