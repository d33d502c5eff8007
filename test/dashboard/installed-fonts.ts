/** A machine on which one family of fonts is installed and no other, for a browser that is started on it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';

const resolve = createRequire(import.meta.url).resolve;

/** Wide, and Debian's default beside its Chromium; and Liberation Sans under another name, as wide as Arial. */
export const FAMILIES = ['dejavu-sans', 'arimo'] as const;

export interface InstalledFonts {
  /** For the variable FONTCONFIG_FILE. */
  readonly fontconfig: string;
  remove(): void;
}

export function installFonts(family: (typeof FAMILIES)[number]): InstalledFonts {
  const folder = mkdtempSync(join(tmpdir(), 'fonts-'));
  for (const weight of [400, 700]) {
    const woff = readFileSync(resolve(`@fontsource/${family}/files/${family}-latin-${weight}-normal.woff`));
    writeFileSync(join(folder, `${weight}.ttf`), unpacked(woff));
  }
  const fontconfig = join(folder, 'fonts.conf');
  writeFileSync(
    fontconfig,
    `<?xml version="1.0"?><fontconfig><dir>${folder}</dir><cachedir>${folder}/cache</cachedir></fontconfig>\n`,
  );
  return { fontconfig, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const SFNT_HEAD = 12;
const SFNT_ENTRY = 16;
const WOFF_HEAD = 44;
const WOFF_ENTRY = 20;

/** WOFF is an sfnt whose tables are each compressed; systems install the sfnt. */
function unpacked(woff: Buffer): Buffer {
  const count = woff.readUInt16BE(12);
  const head = Buffer.alloc(SFNT_HEAD + count * SFNT_ENTRY);
  woff.copy(head, 0, 4, 8);
  head.writeUInt16BE(count, 4);
  const log = Math.floor(Math.log2(count));
  head.writeUInt16BE(2 ** log * 16, 6);
  head.writeUInt16BE(log, 8);
  head.writeUInt16BE((count - 2 ** log) * 16, 10);
  const tables: Buffer[] = [];
  let offset = head.length;
  for (let index = 0; index < count; index += 1) {
    const entry = WOFF_HEAD + index * WOFF_ENTRY;
    const [at, packed, length] = [4, 8, 12].map((field) => woff.readUInt32BE(entry + field)) as [
      number,
      number,
      number,
    ];
    const stored = woff.subarray(at, at + packed);
    const table = packed < length ? inflateSync(stored) : stored;
    const out = SFNT_HEAD + index * SFNT_ENTRY;
    woff.copy(head, out, entry, entry + 4);
    woff.copy(head, out + 4, entry + 16, entry + 20);
    head.writeUInt32BE(offset, out + 8);
    head.writeUInt32BE(length, out + 12);
    const padded = Buffer.concat([table, Buffer.alloc(-length & 3)]);
    tables.push(padded);
    offset += padded.length;
  }
  return Buffer.concat([head, ...tables]);
}
