/** Style, icon and script of the pages. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Context } from 'hono';

const HERE = import.meta.url;

interface Asset {
  readonly text: string;
  readonly etag: string;
}

const ASSETS = {
  'dashboard.css': { type: 'text/css; charset=utf-8', load: () => besides('style.css') },
  'dashboard.js': { type: 'text/javascript; charset=utf-8', load: script },
  'icon.svg': { type: 'image/svg+xml', load: () => besides('icon.svg') },
} as const;

export type AssetName = keyof typeof ASSETS;
export const ASSET_NAMES = Object.keys(ASSETS) as readonly AssetName[];

const loaded = new Map<AssetName, Promise<Asset>>();

/** Read when it is first asked for, and kept: nothing changes while the process runs. */
export async function answerAsset(c: Context, name: AssetName): Promise<Response> {
  const asset = loaded.get(name) ?? withTag(ASSETS[name].load());
  loaded.set(name, asset);
  const { text, etag } = await asset;
  const headers = { etag, 'cache-control': 'no-cache', 'content-type': ASSETS[name].type };
  if (c.req.header('if-none-match') === etag) return c.body(null, 304, headers);
  return c.body(text, 200, headers);
}

function besides(name: string): Promise<string> {
  return readFile(new URL(name, HERE), 'utf8');
}

/** The build has bundled it; from the sources it is bundled here, by what is installed for development alone. */
async function script(): Promise<string> {
  if (!HERE.endsWith('.ts')) return besides('client.js');
  const { bundle } = await import('./bundle.ts');
  return bundle();
}

async function withTag(text: Promise<string>): Promise<Asset> {
  const found = await text;
  return { text: found, etag: `"${createHash('sha256').update(found).digest('base64url').slice(0, 20)}"` };
}
