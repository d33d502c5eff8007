/** The bill of materials, held against what the lock file says is installed. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { installedBy } from './licences.ts';
import { ROOT } from './packed.ts';
import { type Bill, billOfMaterials } from './sbom.ts';

const read = (file: string) => JSON.parse(readFileSync(`${ROOT}${file}`, 'utf8'));
const lock = read('package-lock.json');
const manifest = read('package.json');

describe('the bill of materials', () => {
  let bill: Bill;
  beforeAll(async () => {
    bill = JSON.parse(await billOfMaterials());
  }, 60_000);

  it('is one of CycloneDX, of this package', () => {
    const { bomFormat, specVersion, metadata } = bill;
    expect([bomFormat, specVersion]).toEqual(['CycloneDX', '1.5']);
    const { name, version } = manifest;
    expect(metadata.component).toMatchObject({ name, version, purl: `pkg:npm/${name}@${version}` });
  });

  it('names all that is installed with it and nothing else, under their licences', () => {
    const named = bill.components.map(({ name, version, licenses }) => {
      const { expression, license } = licenses?.[0] ?? {};
      return { name, version, licence: expression ?? license?.id ?? null };
    });
    const inOrder = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    expect(named.sort(inOrder)).toEqual(installedBy(lock).sort(inOrder));
  });

  it('has the hashes by which they are installed', () => {
    for (const [path, { dev, integrity, version }] of Object.entries<Record<string, string>>(lock.packages)) {
      if (path === '' || dev) continue;
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const component = bill.components.find((one) => one['bom-ref'] === `${name}@${version}`);
      const [algorithm, hash = ''] = integrity?.split('-') ?? [];
      expect(algorithm, name).toBe('sha512');
      expect(component?.hashes, name).toEqual([
        { alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') },
      ]);
      expect(decodeURIComponent(component?.purl ?? '')).toBe(`pkg:npm/${name}@${version}`);
    }
  });

  it('says what needs what, the package itself all that it depends on', () => {
    const refs = new Set(bill.components.map((component) => component['bom-ref']));
    const [own, ...others] = bill.dependencies;
    expect(new Set(others.map(({ ref }) => ref))).toEqual(refs);
    for (const { dependsOn } of bill.dependencies) for (const ref of dependsOn) expect(refs).toContain(ref);
    const nameOf = (ref: string) => ref.slice(0, ref.lastIndexOf('@'));
    expect(own?.dependsOn.map(nameOf).sort()).toEqual(Object.keys(manifest.dependencies).sort());
    // Nothing is there that nobody needs.
    const needed = new Set(bill.dependencies.flatMap(({ dependsOn }) => dependsOn));
    expect([...refs].filter((ref) => !needed.has(ref))).toEqual([]);
  });
});
