/** Style, font, icon and script of the pages. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'hono';
import { isKnown } from '../etags.ts';

const HERE = import.meta.url;

interface Asset {
  readonly body: string | Uint8Array<ArrayBuffer>;
  readonly etag: string;
}

const FONT_FILE = fileURLToPath(
  import.meta.resolve('@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2'),
);
const FONT = new Uint8Array(readFileSync(FONT_FILE));
/** Under a name that only these bytes have, so that a browser asks for them once. */
export const FONT_NAME = `figtree-${digestOf(FONT)}.woff2`;

interface Source {
  readonly type: string;
  readonly load: () => Promise<Asset['body']>;
  /** Its name changes with it. */
  readonly isKept: boolean;
}

/** Before anything is drawn: colours that come later would flash. */
const THEME = `try {
  document.documentElement.dataset.theme = localStorage.getItem('theme') ?? '';
} catch {}
`;

const ASSETS: ReadonlyMap<string, Source> = new Map([
  ['dashboard.css', { type: 'text/css; charset=utf-8', load: style, isKept: false }],
  ['dashboard.js', { type: 'text/javascript; charset=utf-8', load: script, isKept: false }],
  ['theme.js', { type: 'text/javascript; charset=utf-8', load: async () => THEME, isKept: false }],
  ['icon-needed.svg', { type: 'image/svg+xml', load: () => besides('icon-needed.svg'), isKept: false }],
  ['icon.svg', { type: 'image/svg+xml', load: () => besides('icon.svg'), isKept: false }],
  [FONT_NAME, { type: 'font/woff2', load: async () => FONT, isKept: true }],
]);

const loaded = new Map<string, Promise<Asset>>();

/** Read when it is first asked for, and kept: nothing changes while the process runs. */
export async function answerAsset(c: Context, name: string): Promise<Response> {
  const source = ASSETS.get(name);
  if (source === undefined) return c.notFound();
  const asset = loaded.get(name) ?? withTag(source.load());
  loaded.set(name, asset);
  const { body, etag } = await asset;
  const caching = source.isKept ? 'public, max-age=31536000, immutable' : 'no-cache';
  const headers = { etag, 'cache-control': caching, 'content-type': source.type };
  if (isKnown(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  return c.body(body, 200, headers);
}

function besides(name: string): Promise<string> {
  return readFile(new URL(name, HERE), 'utf8');
}

async function style(): Promise<string> {
  return (await besides('style.css')).replace(basename(FONT_FILE), FONT_NAME);
}

/** The build has bundled it; from the sources it is bundled here, by what is installed for development alone. */
async function script(): Promise<string> {
  if (!HERE.endsWith('.ts')) return besides('client.js');
  const { bundle } = await import('./bundle.ts');
  return bundle();
}

async function withTag(loading: Promise<Asset['body']>): Promise<Asset> {
  const body = await loading;
  return { body, etag: `"${digestOf(body)}"` };
}

function digestOf(body: Asset['body']): string {
  return createHash('sha256').update(body).digest('base64url').slice(0, 20);
}
