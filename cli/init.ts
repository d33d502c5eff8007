/** A folder to begin with: examples/starter, which the tests of this project run, with the name and the dependency that fit. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from './command.ts';
import { EXIT, UsageError } from './surroundings.ts';
import { asJson, shown } from './text.ts';
import { VERSION } from './version.ts';

/** The package, of which this file is a source or a compiled one. */
const PACKAGE = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '..' : '../..', import.meta.url));

export const init: Command = {
  summary: 'a folder with a saga, its tests and a participant, to begin with',
  words: [{ name: 'DIR' }],
  options: {
    from: { value: 'SPEC', says: 'what npm installs saga-coordinator from (as here)' },
  },
  async run({ words: [written = ''], values, asJson: json, around: { out } }) {
    const folder = resolve(written);
    try {
      if (existsSync(folder) && readdirSync(folder).length > 0)
        throw new UsageError(`${written} is there already, and not empty`);
      mkdirSync(folder, { recursive: true });
      // Not what somebody has made of it in a checkout.
      const isOurs = (path: string) => !/^(node_modules|data|package-lock\.json)$/.test(basename(path));
      cpSync(join(PACKAGE, 'examples/starter'), folder, { recursive: true, filter: isOurs });
      // npm would take a file of this name as its own.
      renameSync(join(folder, 'gitignore'), join(folder, '.gitignore'));
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new UsageError(`${written} cannot be written: ${(error as Error).message}`);
    }
    const manifest = join(folder, 'package.json');
    const about = JSON.parse(readFileSync(manifest, 'utf8'));
    about.name = nameOf(folder);
    about.dependencies['saga-coordinator'] =
      typeof values.from === 'string' ? values.from : sourceFor(folder);
    writeFileSync(manifest, `${JSON.stringify(about, null, 2)}\n`);
    const files = readdirSync(folder).sort();
    out.write(
      json
        ? `${asJson({ folder, files }, 2)}\n`
        : `${shown(written)} has ${files.length} files. README.md says what they are; begin with\n\n  cd ${shown(written)} && npm install && npm test && npm start\n`,
    );
    return EXIT.ok;
  },
};

/** As npm allows it. */
function nameOf(folder: string): string {
  const name = basename(folder)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '');
  return name === '' ? 'my-saga' : name;
}

/** Where this package came from: an archive or a folder stays one, seen from the new folder; else its version. */
function sourceFor(folder: string): string {
  const fileAt = (path: string) => `file:${relative(folder, path).replaceAll('\\', '/')}`;
  const home = dirname(PACKAGE.replace(/[\\/]$/, ''));
  if (basename(home) !== 'node_modules') return fileAt(PACKAGE);
  const project = dirname(home);
  const spec = existsSync(join(project, 'package.json'))
    ? JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).dependencies?.['saga-coordinator']
    : undefined;
  if (typeof spec !== 'string') return `^${VERSION}`;
  return spec.startsWith('file:') ? fileAt(resolve(project, spec.slice('file:'.length))) : spec;
}
