/** The font that is shipped: that it is served to be kept, and that the table of its widths is what a browser measures. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { FONT_NAME } from '../../server/dashboard/assets.ts';
import { openWorld, send, type World } from '../coordinator/world.ts';
import { openBrowser, type Visitor } from './browser.ts';

const TABLE = new URL('../../server/dashboard/advances.ts', import.meta.url).pathname;
const WEIGHTS = [400, 600];
const RANGES = [
  [0x20, 0x7e],
  [0xa1, 0xff],
  [0x2013, 0x2014],
  [0x2018, 0x2019],
  [0x201c, 0x201d],
  [0x2026, 0x2026],
] as const;
/** What has no ink or no glyph of its own: the soft hyphen. */
const LEFT_OUT = 0xad;
const CHARS = RANGES.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at))
  .filter((code) => code !== LEFT_OUT)
  .map((code) => String.fromCharCode(code));

let world: World;
let url: string;
let visitor: Visitor;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
  visitor = await openBrowser();
});
afterAll(async () => {
  await visitor?.close();
  await world?.close();
});
afterEach(() => expect(visitor.complaints()).toEqual([]));

/** In thousandths of the font's size, with kerning and digits as the pages have them. */
const MEASURE = `(chars, weight) => {
  const box = document.createElement('div');
  box.style.cssText = 'position:absolute;white-space:pre;font-size:1000px;font-weight:' + weight;
  document.body.append(box);
  return chars.map((char) => {
    box.textContent = char;
    return Math.round(box.getBoundingClientRect().width);
  });
}`;

it('has the widths that the table says; with -u the table is written anew', async () => {
  const page = await visitor.page({ fontOnly: true });
  await page.goto(`${url}/machines`);
  await page.evaluate('document.fonts.ready');
  expect(await page.evaluate(`document.fonts.check('15px Figtree')`)).toBe(true);
  const tables: string[] = [];
  for (const weight of WEIGHTS) {
    const widths = await page.evaluate(`(${MEASURE})(${JSON.stringify(CHARS)}, ${weight})`);
    tables.push(`  ${weight}: [\n${inLines(widths as number[])}\n  ],`);
  }
  const text = `/**
 * Widths of the font's characters in thousandths of its size, by weight. Written by test/dashboard/font.test.ts, which
 * measures them in a browser.
 */
export const MEASURED =
  ${JSON.stringify(CHARS.join('')).replace(/^"(.*)"$/, (_, inner) => `'${inner.replaceAll('\\"', '"').replaceAll("'", "\\'")}'`)};

export const ADVANCES = {
${tables.join('\n')}
} as const;
`;
  await expect(text).toMatchFileSnapshot(TABLE);
});

/** As the formatter lays out numbers. */
function inLines(numbers: readonly number[]): string {
  const lines: string[] = [];
  let line = '   ';
  for (const number of numbers) {
    if (line.length + ` ${number},`.length > 110) {
      lines.push(line);
      line = '   ';
    }
    line += ` ${number},`;
  }
  return [...lines, line].join('\n');
}

it('is small, kept for a year under a name of its own, and asked for at once', async () => {
  const { status, headers } = await send(`${url}/assets/${FONT_NAME}`);
  expect(status).toBe(200);
  expect(headers['content-type']).toBe('font/woff2');
  expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
  expect(Number(headers['content-length'])).toBeLessThan(25 * 1024);
  const { body: css } = await send(`${url}/assets/dashboard.css`);
  expect(css).toContain(`url("${FONT_NAME}")`);
  const { body: page } = await send(url, { headers: { accept: 'text/html' } });
  expect(page).toMatch(new RegExp(`<link rel="preload" href="/assets/${FONT_NAME}" as="font"`));
});
