/** By the values of labels in turn, each of which a map finds by the hash that a text keeps of itself. */
type Tree<Child> = Map<string, Tree<Child> | Child>;

/** A metric's child for some label values, made once: prom-client checks and hashes all labels each time. */
export function labelled<Name extends string, Child>(
  metric: { readonly labels: (labels: Record<Name, string>) => Child },
  ...names: readonly Name[]
): (...values: readonly string[]) => Child {
  const root: Tree<Child> = new Map();
  return (...values) => {
    let at = root;
    for (let index = 0; index < values.length - 1; index += 1) {
      const value = values[index] as string;
      let next = at.get(value) as Tree<Child> | undefined;
      if (next === undefined) {
        next = new Map();
        at.set(value, next);
      }
      at = next;
    }
    const last = values.at(-1) as string;
    let child = at.get(last) as Child | undefined;
    if (child === undefined) {
      const labels = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
      child = metric.labels(labels as Record<Name, string>);
      at.set(last, child);
    }
    return child;
  };
}
