/** Under which licences the packages stand that are installed with this one, as the lock file has them. */

/** What asks for nothing but to be named; OFL-1.1 is that of fonts. Whoever adds another has read it. */
const ALLOWED = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'OFL-1.1']);

export interface LockFile {
  readonly packages: Readonly<
    Record<string, { readonly version?: string; readonly license?: string; readonly dev?: boolean }>
  >;
}

export interface Installed {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression; `null` where the package says none. */
  readonly licence: string | null;
}

/** All that an installation without development brings, by name. */
export function installedBy({ packages }: LockFile): Installed[] {
  return Object.entries(packages)
    .filter(([path, { dev }]) => path !== '' && dev !== true)
    .map(([path, { version = '', license = null }]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      licence: license,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
}

/** Those that may not be shipped as things are, each with why. */
export function refusedIn(installed: readonly Installed[]): string[] {
  return installed
    .filter(({ licence }) => licence === null || !isAllowed(licence))
    .map(({ name, version, licence }) => `${name} ${version}: ${licence ?? 'no licence is said'}`);
}

/** Of `OR` one is enough, of `AND` all are needed; what is written otherwise is for a person to read. */
function isAllowed(expression: string): boolean {
  const plain = expression.replace(/^\((.*)\)$/, '$1');
  if (/[()]/.test(plain)) return false;
  return plain.split(' OR ').some((one) => one.split(' AND ').every((name) => ALLOWED.has(name)));
}

/** docs/licences.md. */
export function licenceList(installed: readonly Installed[]): string {
  const counts = new Map<string, number>();
  for (const { licence } of installed) counts.set(String(licence), (counts.get(String(licence)) ?? 0) + 1);
  const sums = [...counts].sort((a, b) => b[1] - a[1]).map(([licence, count]) => `${count} ${licence}`);
  return [
    '# Licences of what is installed with it',
    '',
    'The package itself is under [MIT](../LICENSE). Made of the lock file by `npm run licences`, which fails where one is not on the list of',
    'test/package/licences.ts; a test holds this page to it.',
    '',
    `${installed.length} packages: ${sums.join(', ')}.`,
    '',
    '| package | version | licence |',
    '|---|---|---|',
    ...installed.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`),
    '',
  ].join('\n');
}
