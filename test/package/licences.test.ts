import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { installedBy, licenceList, refusedIn } from './licences.ts';

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const lock = JSON.parse(read('package-lock.json'));

describe('what is installed with the package', () => {
  it('stands in docs/licences.md, and may be shipped', () => {
    const installed = installedBy(lock);
    expect(refusedIn(installed)).toEqual([]);
    expect(read('docs/licences.md')).toBe(licenceList(installed));
  });

  it('says in its own package.json what the lock file has of it', () => {
    for (const [path, { license, dev, optional }] of Object.entries<Record<string, unknown>>(lock.packages)) {
      if (path === '' || dev || optional) continue;
      expect(JSON.parse(read(`${path}/package.json`)).license, path).toBe(license);
    }
  });
});

it('refuses by name what is not allowed, or not said', () => {
  const of = (license?: string) => ({ version: '1.0.0', ...(license === undefined ? {} : { license }) });
  const packages = {
    '': of('MIT'),
    'node_modules/either': of('(MIT OR GPL-3.0-only)'),
    'node_modules/both': of('MIT AND GPL-3.0-only'),
    'node_modules/nested': of('(MIT OR (ISC AND GPL-3.0-only))'),
    'node_modules/plain/node_modules/@scope/inner': of('GPL-3.0-only'),
    'node_modules/silent': of(),
    'node_modules/tool': { ...of('GPL-3.0-only'), dev: true },
  };
  expect(refusedIn(installedBy({ packages }))).toEqual([
    '@scope/inner 1.0.0: GPL-3.0-only',
    'both 1.0.0: MIT AND GPL-3.0-only',
    'nested 1.0.0: (MIT OR (ISC AND GPL-3.0-only))',
    'silent 1.0.0: no licence is said',
  ]);
});
