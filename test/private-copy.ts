/** Copies of the tree that may be spoilt: what tests need of it, beside the same node_modules. */
import { cp, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const COPIED = [
  'cli',
  'client',
  'docs',
  'json',
  'machines',
  'server',
  'stores',
  'node-version.ts',
  'participant',
  'services-stub',
  'test',
  'testing',
  'index.ts',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];
const root = resolve(import.meta.dirname, '..');

/** The folder of a new copy, which the caller removes. */
export async function privateCopy(names: readonly string[] = COPIED): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'mutation-'));
  for (const name of names) await cp(join(root, name), join(directory, name), { recursive: true });
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}
