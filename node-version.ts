/**
 * Whether this Node can run us at all. An older one would fail somewhere in the middle, with a stack that helps nobody; so
 * this is asked before anything else is loaded, and imports nothing.
 */

/** What `engines` in package.json says. */
const NEEDED = { major: 20, minor: 19 } as const;

/** What to tell; `null` where this Node will do. */
export function nodeFault(version: string = process.versions.node): string | null {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < NEEDED.major || (major === NEEDED.major && minor < NEEDED.minor);
  return isOld ? `saga-coordinator needs Node 20.19 or later; this is Node ${version}` : null;
}

/** For a program: says so in one line and ends it. */
export function exitOnOldNode(): void {
  const fault = nodeFault();
  if (fault === null) return;
  process.stderr.write(`${fault}\n`);
  process.exit(1);
}
