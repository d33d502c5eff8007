/** The package as its users get it: packed by npm, from a build of its own. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Packed {
  /** The archive's file. */
  readonly tarball: string;
  /** Paths in it, from the package's root. */
  readonly files: readonly string[];
  readonly bytes: number;
  readonly unpackedBytes: number;
  remove(): void;
}

/** Packs the checkout, which builds it first. */
export async function pack(): Promise<Packed> {
  const folder = mkdtempSync(join(tmpdir(), 'packed-'));
  // What the build says goes to standard output, too: npm's own answer is its last lines.
  const args = ['pack', '--json', '--foreground-scripts=false', '--pack-destination', folder];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  const [found] = listIn(JSON.parse(stdout.slice(stdout.search(/^[[{]$/m))));
  if (found === undefined) throw new Error('npm pack names no package');
  return {
    tarball: join(folder, found.filename),
    files: found.files.map(({ path }) => path),
    bytes: found.size,
    unpackedBytes: found.unpackedSize,
    remove: () => rmSync(folder, { recursive: true }),
  };
}

interface NpmPacked {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

/** npm 11 and those before say a list; later ones an object by the package's name. */
function listIn(said: readonly NpmPacked[] | Readonly<Record<string, NpmPacked>>): readonly NpmPacked[] {
  return Array.isArray(said) ? said : Object.values(said);
}
