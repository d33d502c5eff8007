/** What the README of examples/starter has its reader change, taken from it. */
export const changed = {
  /** The test that is to fail first. */
  'transfer.test.ts'(readme: string, source: string): string {
    const [, list = ''] = /let the first test expect `(\[.*?\])`/.exec(readme) ?? [];
    return replaced(source, "['debit', 'credit']", list);
  },
  /** The step that mends it. */
  'transfer.ts'(readme: string, source: string): string {
    const [, step = ''] = /^```ts\n(.*?)^```$/ms.exec(readme) ?? [];
    return replaced(source, '  });\n', `  })\n${step}`, source.lastIndexOf('  });\n'));
  },
};

function replaced(source: string, before: string, after: string, at = source.indexOf(before)): string {
  if (at === -1 || after.trim() === '') throw new Error(`the README speaks of another ${before}`);
  return source.slice(0, at) + after + source.slice(at + before.length);
}
