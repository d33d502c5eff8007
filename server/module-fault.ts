/** What is wrong with a module that somebody else wrote, and where in it: in a few lines, without what is ours in the stack. */
import { spawnSync } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const OURS = fileURLToPath(new URL('..', import.meta.url));
const ROOMS = /^(?:json|machines|server|services-stub|stores)\//;
/** Of a message: a schema's own may be as long as what it has refused. */
const LINES_MAX = 4;
const LETTERS_MAX = 600;
const CHECK_MS = 5_000;

interface Fault {
  readonly why: string;
  /** `file:line:column`, with as much of it as is known; `null` where nothing is. */
  readonly at: string | null;
}

/**
 * `TypeError: no key`, and below it `  at ./booking.ts:4:9` where that is known.
 * @param path of the module, absolute
 * @param folder from where paths are read, and so shown
 * @param origin where its saga is defined, which is shown of an error that the module's own lines did not throw
 */
export function moduleFault(error: unknown, path: string, folder: string, origin?: Error): string {
  const { why, at: place } = compilersFault(error) ?? nodesFault(error, path);
  // Whoever loads the module is in the error's stack, too.
  const isTold = place?.includes(path) || origin === undefined;
  const at = isTold ? place : nodesFault(origin, path).at;
  const lines = why.slice(0, LETTERS_MAX).split('\n').slice(0, LINES_MAX);
  if (at !== null) lines.push(`  at ${shown(at, folder)}`);
  else if (isOfSyntax(error)) lines.push('  in what it imports');
  return lines.join('\n');
}

/** A file that a compiler cannot read: of what tsx or esbuild says, the first error. */
function compilersFault(error: unknown): Fault | null {
  const found = /^(.+:\d+:\d+): ERROR: (.+)$/m.exec(messageOf(error));
  if (found === null) return null;
  const [, at = '', why = ''] = found;
  return { at, why: `SyntaxError: ${why}` };
}

function nodesFault(error: unknown, path: string): Fault {
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  // Of what cannot be linked Node puts the place before all, and of what cannot be read it tells only those who ask.
  const [, linked] = /^(file:\/\/\S+:\d+)\n/.exec(stack) ?? [];
  const at = linked ?? framesIn(stack).find((frame) => isTheirs(frame, path)) ?? null;
  return { why, at: at ?? (isOfSyntax(error) ? unreadable(path) : null) };
}

function isOfSyntax(error: unknown): boolean {
  return error instanceof SyntaxError;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}

/** The places of a stack, `file:line:column` each. */
function framesIn(stack: string): string[] {
  return [...stack.matchAll(/^ {4}at (?:.*\()?((?:file:\/\/|\/|[A-Z]:\\)[^()]*:\d+:\d+)\)?$/gm)].map(
    ([, at = '']) => at,
  );
}

/** The module may lie beside our own, and what it calls does not tell where it is wrong. */
function isTheirs(at: string, path: string): boolean {
  const file = pathIn(at).replace(/:\d+:\d+$/, '');
  if (file === path) return true;
  const isOurs = file.startsWith(OURS) && ROOMS.test(file.slice(OURS.length));
  return !isOurs && !/[\\/]node_modules[\\/]/.test(file);
}

function pathIn(at: string): string {
  return at.startsWith('file:') ? fileURLToPath(at) : at;
}

/** Where Node itself cannot read the module; it reads it, and runs none of it. */
function unreadable(path: string): string | null {
  const { stderr } = spawnSync(process.execPath, ['--check', path], { encoding: 'utf8', timeout: CHECK_MS });
  const [, at, marked] = /^(.+:\d+)\n.*\n( *)\^/.exec(stderr) ?? [];
  return at === undefined || marked === undefined ? null : `${at}:${marked.length + 1}`;
}

function shown(at: string, folder: string): string {
  const path = pathIn(at);
  const below = relative(folder, path);
  return below.startsWith('..') ? path : `./${below}`;
}
