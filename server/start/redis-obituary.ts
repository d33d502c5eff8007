/** Why a private Redis ended instead of starting, in words that help and that lose nothing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const LOG_LINES_SHOWN = 10;

/** What its log says since then, and what to do about it. */
export function obituary(
  { program, how }: { readonly program: string; readonly how: string },
  logBytesBefore: number,
  folder: string,
): string {
  const log = join(folder, 'redis.log');
  const text = readFileSync(log).subarray(logBytesBefore).toString().trimEnd();
  return [
    `${program} ended (${how}) instead of starting; ${log} says:`,
    ...text
      .split('\n')
      .filter((line) => !CUTS.test(line))
      .slice(-LOG_LINES_SHOWN),
    ...(UNREADABLE.test(text) ? [whatToDo(program, text, folder)] : []),
  ].join('\n  ');
}

/** What the server itself advises: it ends the file where it can be read no further, and what was acknowledged behind that is gone. */
const CUTS = /redis-check-|valkey-check-/;
const NEWER = /Can't handle RDB format version|Wrong signature trying to load|Unknown command|Unknown RDB/i;
const UNREADABLE = new RegExp(`${NEWER.source}|Bad file format|${CUTS.source}`, 'i');

function whatToDo(program: string, text: string, folder: string): string {
  const version = /(?:Redis|Valkey) version=([\d.]+)/.exec(text)?.[1];
  const own = version === undefined ? program : `${program} ${version}`;
  const isForeign = NEWER.test(text) || (isOfValkey(folder) && !text.includes('Valkey version'));
  const cause = isForeign
    ? `The data in ${folder} cannot be loaded by ${own}: a newer or another server wrote it. Put that server first on PATH`
    : `The data in ${folder} cannot be read by ${own}. Keep a copy of it, and put back a backup`;
  return `${cause}; or set DATA_DIR to another folder, to begin with an empty store. Do not repair it with a check tool: that cuts off acknowledged writes.`;
}

/** From Valkey 9 on a snapshot begins with its name; a Redis takes that for a damaged file. */
function isOfValkey(folder: string): boolean {
  const files = join(folder, 'appendonlydir');
  if (!existsSync(files)) return false;
  const base = readdirSync(files).find((name) => name.endsWith('.base.rdb'));
  return base !== undefined && readFileSync(join(files, base)).subarray(0, 6).toString('latin1') === 'VALKEY';
}
