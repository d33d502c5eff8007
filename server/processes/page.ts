/**
 * The metrics of all processes on one page in Prometheus's text format: each family once, with everybody's lines, which
 * their `coordinator` label tells apart.
 */
export function onePage(pages: readonly string[]): string {
  const families = new Map<string, { readonly head: string[]; readonly samples: string[] }>();
  for (const page of pages) {
    let name = '';
    for (const line of page.split('\n')) {
      if (line === '') continue;
      const isHead = line.startsWith('#');
      if (isHead) name = line.split(' ', 3)[2] ?? '';
      const family = families.get(name) ?? { head: [], samples: [] };
      families.set(name, family);
      if (!isHead) family.samples.push(line);
      else if (!family.head.includes(line)) family.head.push(line);
    }
  }
  return [...families.values()]
    .map(({ head, samples }) => `${[...head, ...samples].join('\n')}\n`)
    .join('\n');
}
