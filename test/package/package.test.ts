/** What package.json and the lock file say of the package. What is in it once it is packed, `npm run package` looks at. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DOORS, namesIn } from './api.ts';

const read = (file: string) => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
const manifest = read('package.json');
const lock = read('package-lock.json');

it('says in the lock file what npm install would write there, so that a fresh clone stays clean', () => {
  const { name, version, license, bin, engines, dependencies, devDependencies } = manifest;
  const root = { name, version, license, bin, engines, dependencies, devDependencies };
  expect(lock.packages['']).toEqual(root);
  expect(lock.version).toBe(version);
});

it('needs other packages in ranges that begin with what is tested, and exactly what only we use', () => {
  const tested = (name: string) => lock.packages[`node_modules/${name}`].version;
  for (const [name, range] of Object.entries(manifest.dependencies))
    expect(range, name).toBe(`${name === 'xstate' ? '~' : '^'}${tested(name)}`);
  for (const [name, version] of Object.entries(manifest.devDependencies))
    expect(version, name).toBe(tested(name));
});

it('names no registry in the lock file', () => {
  const entries = Object.entries<object>(lock.packages);
  expect(entries.length).toBeGreaterThan(100);
  expect(entries.filter(([, entry]) => 'resolved' in entry).map(([path]) => path)).toEqual([]);
});

it('has a source for each door and each command', () => {
  const doors = Object.values<string | { types: string; default: string }>(manifest.exports);
  const built = [
    ...doors.flatMap((door) => Object.values(door)),
    ...Object.values<string>(manifest.bin),
  ].filter((path) => typeof path === 'string' && path.includes('dist/'));
  expect(built.length).toBeGreaterThan(2);
  const sources = built.map((path) => path.replace(/^(\.\/)?dist\//, '').replace(/(\.d)?\.[jt]s$/, '.ts'));
  for (const source of sources)
    expect(existsSync(new URL(`../../${source}`, import.meta.url)), source).toBe(true);
});

it('promises the names that docs/api.md lists, door by door', () => {
  const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const listed = [...text('docs/api.md').matchAll(/^## (saga-coordinator\S*)\n\n(.*)$/gm)].map(
    ([, door, names = '']) => [door, [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort()],
  );
  const exported = Object.entries(DOORS).map(([door, path]) => [door, namesIn(text(`${path}.ts`))]);
  // A program exports nothing.
  const named = Object.keys(manifest.exports).filter((door) => door !== './start' && !door.endsWith('.json'));
  expect(named).toHaveLength(exported.length);
  expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(exported));
});
