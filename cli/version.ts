import { readFileSync } from 'node:fs';

const HERE = import.meta.url;

/** Of the package. Its package.json stands beside the sources' folder, and above that of the compiled files. */
export const VERSION: string = JSON.parse(
  readFileSync(new URL(HERE.endsWith('.ts') ? '../package.json' : '../../package.json', HERE), 'utf8'),
).version;
