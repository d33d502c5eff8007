/** Who listens on a port, as Linux shows it to the same user. Elsewhere nobody is known. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENS = '0A';

/** `pid 4711 (node server/main.ts)`; `null` where it cannot be seen. */
export function portHolder(port: number): string | null {
  const sockets = new Set(['tcp', 'tcp6'].flatMap((table) => listening(table, port)));
  if (sockets.size === 0) return null;
  for (const pid of entries('/proc').filter((name) => /^\d+$/.test(name))) {
    const holds = entries(`/proc/${pid}/fd`).some((fd) => sockets.has(linkAt(`/proc/${pid}/fd/${fd}`)));
    if (holds) return `pid ${pid}${commandOf(pid)}`;
  }
  return null;
}

function listening(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return textAt(`/proc/net/${table}`)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address?.endsWith(`:${hex}`) && state === LISTENS)
    .map((fields) => `socket:[${fields[9]}]`);
}

/** Only what is run: arguments may be secrets. */
function commandOf(pid: string): string {
  const [program = '', ...args] = textAt(`/proc/${pid}/cmdline`).split('\0');
  const module = args.findLast((arg) => /\.[cm]?[jt]s$/.test(arg));
  const words = [program, module].filter((word) => word).map((word) => word?.split('/').slice(-2).join('/'));
  return words.length === 0 ? '' : ` (${words.join(' ')})`;
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textAt(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
