/** Every link of a document to another place of the repository leads somewhere, down to the heading. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const documents = ['.', 'docs', 'docs/decisions', 'findings', 'examples']
  .filter((folder) => existsSync(join(ROOT, folder)))
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: folder === 'examples', encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
      .map((name) => join(folder, name)),
  );

/** Without code, in which brackets mean something else. */
const proseOf = (path: string) =>
  readFileSync(path, 'utf8')
    .replaceAll(/^```[\s\S]*?^```/gm, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ''));

/** As GitHub names headings. */
function anchorsOf(path: string): Set<string> {
  const headings = proseOf(path).matchAll(/^#+ (.+)$/gm);
  const names = [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set(names);
}

function brokenIn(document: string): string[] {
  const links = proseOf(join(ROOT, document)).matchAll(/\]\(([^()\s]+)\)/g);
  return [...links].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? join(ROOT, document) : join(ROOT, dirname(document), file);
    const isThere = existsSync(target) && relative(ROOT, target).startsWith('..') === false;
    const isKnown = anchor === undefined || (statSync(target).isFile() && anchorsOf(target).has(anchor));
    return isThere && isKnown ? [] : [link];
  });
}

it.each(documents)('%s leads nowhere wrong', (document) => {
  expect(brokenIn(document)).toEqual([]);
});
