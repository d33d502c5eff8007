/** Puts every mutant of some files into a copy of the tree, each behind a switch. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Instrumenter } from '@stryker-mutator/instrumenter';

export interface Mutant {
  readonly id: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly kind: string;
  readonly original: string;
  readonly replacement: string;
  /** The line that it begins in, without what it is indented by. */
  readonly text: string;
}

const nothing = () => {};
const quiet = {
  isTraceEnabled: () => false,
  isDebugEnabled: () => false,
  isInfoEnabled: () => false,
  isWarnEnabled: () => false,
  isErrorEnabled: () => false,
  isFatalEnabled: () => false,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  fatal: nothing,
};

/** Rewrites `files` (paths in `directory`), and returns what was put into them. */
export async function instrument(directory: string, files: readonly string[]): Promise<Mutant[]> {
  const sources = new Map<string, string>();
  for (const file of files) sources.set(file, await readFile(join(directory, file), 'utf8'));
  const given = [...sources].map(([name, content]) => ({ name, content, mutate: true }));
  const options = { plugins: null, excludedMutations: [], ignorers: [] };
  const result = await new Instrumenter(quiet).instrument(given, options);
  for (const { name, content } of result.files) await writeFile(join(directory, name), content);
  return result.mutants.map(({ id, fileName, location, mutatorName, replacement }) => {
    const lines = (sources.get(fileName) ?? '').split('\n');
    const { start, end } = location;
    // Lines and columns are counted from 0.
    const within = lines.slice(start.line, end.line + 1);
    within.push((within.pop() ?? '').slice(0, end.column));
    within[0] = (within[0] ?? '').slice(start.column);
    return {
      id,
      file: fileName,
      line: start.line + 1,
      kind: mutatorName,
      original: onOneLine(within.join('\n')),
      replacement: onOneLine(replacement),
      text: (lines[start.line] ?? '').trim(),
    };
  });
}

const onOneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim();
