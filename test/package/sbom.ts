/**
 * The bill of materials of what is installed with the package, as npm writes it (CycloneDX 1.5). It is made of the lock file without
 * anything of development: npm, asked to leave that out by itself, leaves out what both need, too.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './packed.ts';

/** As far as we look at one. */
export interface Bill {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly { readonly expression?: string; readonly license?: { readonly id: string } }[];
}

interface Entry {
  readonly dev?: boolean;
  readonly devDependencies?: unknown;
}

/** @returns what npm has written */
export async function billOfMaterials(): Promise<string> {
  const read = (file: string) => JSON.parse(readFileSync(`${ROOT}${file}`, 'utf8'));
  const { devDependencies: _, ...manifest } = read('package.json');
  const { packages, ...lock } = read('package-lock.json');
  const shipped = Object.entries<Entry>(packages).filter(([, { dev }]) => dev !== true);
  const withoutDevelopment = shipped.map(([path, { devDependencies: __, ...entry }]) => [path, entry]);
  const parent = mkdtempSync(join(tmpdir(), 'sbom-'));
  try {
    // npm calls the package by its folder.
    const folder = join(parent, manifest.name);
    mkdirSync(folder);
    const write = (file: string, value: object) => writeFileSync(join(folder, file), JSON.stringify(value));
    write('package.json', manifest);
    write('package-lock.json', { ...lock, packages: Object.fromEntries(withoutDevelopment) });
    const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
    const { stdout } = await promisify(execFile)('npm', args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  } finally {
    rmSync(parent, { recursive: true });
  }
}
