/**
 * A metric's child for some label values, made once: prom-client checks and hashes all labels with each observation, and
 * an order makes some ten of them.
 */
export function labelled<Name extends string, Child>(
  metric: { readonly labels: (labels: Record<Name, string>) => Child },
  ...names: readonly Name[]
): (...values: readonly string[]) => Child {
  const children = new Map<string, Child>();
  return (...values) => {
    // No label that we set holds a newline.
    const key = values.join('\n');
    let child = children.get(key);
    if (child === undefined) {
      const labels = Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
      child = metric.labels(labels as Record<Name, string>);
      children.set(key, child);
    }
    return child;
  };
}
