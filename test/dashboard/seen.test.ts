/** What an operator sees while coordinators come and go, before the door, on a small screen, and by other senses. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ORDER, openWorld, submit, type World } from '../coordinator/world.ts';
import { CLIENT, startIssuer } from '../server/issuer.ts';
import { axeFinds } from './axe.ts';
import { openBrowser, type Visitor } from './browser.ts';
import { everyPage, type Stored, storedAt } from './every-page.ts';
import { FAMILIES, type InstalledFonts, installFonts } from './installed-fonts.ts';
import { BEYOND, BROKEN, CUT, OPEN, OVERLAPS, ROWS } from './layout.ts';
import { isLive, standsStill } from './looking.ts';

let world: World;
let url: string;
let visitor: Visitor;
/** A saga that is parked, and one that is done. */
let held: string;
let done: string;
let stored: Stored;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator({ FAULTS: '1' })).url;
  visitor = await openBrowser();
  const { shipping, payment } = world.services;
  shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  held = (await submit(url, { ...ORDER, customer_id: 'cust_2' })).body.saga_id;
  shipping.faults.clear();
  payment.faults.clear();
  done = (await submit(url)).body.saga_id;
  stored = await storedAt(url, held, done);
});
afterAll(async () => {
  await visitor?.close();
  await world?.close();
});
afterEach(async () => {
  await visitor.leave();
  expect(visitor.complaints()).toEqual([]);
});

/** Made of the parts of the others: `npm run pages` looks at them, too. */
const ALIKE = /cause=|resolve|\/test$|compare|bulks|start|docs|no\/such/;
const pages = () => everyPage(stored).filter((path) => !ALIKE.test(path));

describe('a coordinator that is killed', () => {
  it('is noticed, nothing leads into the void, and it is followed again when it is back', async () => {
    const first = await world.process({ COORDINATOR_ID: 'mortal' });
    const page = await visitor.page();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`${first.url}/sagas`);
    await isLive(page);
    // What the browser asked for by then it has sent before this.
    await page.evaluate(`fetch('/livez')`);
    expect(asked.filter((path) => path === '/sagas')).toEqual(['/sagas']);
    const idle = await visitor.page();
    await idle.goto(`${first.url}/machines`);
    await first.end();
    await standsStill(page, 'The coordinator does not answer.', '#live.is-reconnecting');
    // A page that follows nothing learns of it from a click, which leads nowhere.
    await idle.locator('.top a', { hasText: 'Audit' }).click();
    await idle.locator('#banner', { hasText: 'does not answer' }).waitFor();
    await page.locator('.search input').fill('x');
    await page.keyboard.press('Enter');
    await page.locator('.filters button').click({ force: true });
    await page.locator('.top a', { hasText: 'Machines' }).click();
    await page.evaluate(`fetch('/livez').catch(() => {})`);
    expect([page.url(), idle.url()]).toEqual([`${first.url}/sagas`, `${first.url}/machines`]);
    const { body } = await submit(url);
    await world.process({ COORDINATOR_ID: 'mortal', COORDINATOR_PORT: new URL(first.url).port });
    await isLive(page);
    await page.locator(`[id="saga-${body.saga_id}"] .tone-completed`).waitFor();
    for (const one of [page, idle]) await one.locator('#banner').waitFor({ state: 'hidden' });
  });
});

it('a store that is gone is told by the page, which is live again when it is back', async () => {
  const page = await visitor.page();
  await page.goto(`${url}/sagas/${held}`);
  await isLive(page);
  await world.redis.kill();
  try {
    await standsStill(page, 'does not reach its store', '#live.is-away');
    await page.locator('#help a', { hasText: 'Retry' }).click({ force: true });
    expect(await page.locator('dialog').count()).toBe(0);
  } finally {
    await world.redis.restart();
  }
  await isLive(page);
  await page.locator('#banner').waitFor({ state: 'hidden' });
  await page.locator('#help a', { hasText: 'Retry' }).dblclick();
  await page.locator('dialog[open] [name=reason]').waitFor();
  expect(await page.locator('dialog').count()).toBe(1);
});

it('a page that waits for its first connection does not speak of reconnecting', async () => {
  const page = await visitor.page();
  await page.route('**/api/coordinator/events', () => {});
  await page.goto(`${url}/sagas`);
  await page.locator('#live.is-connecting', { hasText: 'Connecting' }).waitFor();
});

describe('with a token', () => {
  const TOKEN = 'a-token-of-twenty-letters';
  let guarded: string;
  beforeAll(async () => {
    guarded = (await world.coordinator({ COORDINATOR_ID: 'guarded', API_TOKEN: TOKEN })).url;
  });

  it('a browser shows it once, then reads, follows and commands, until it logs out', async () => {
    const page = await visitor.page();
    await page.goto(`${guarded}/sagas?status=ABORTED`);
    await page.waitForURL('**/login?to=*');
    await page.locator('[name=token]').fill('not-the-token-of-twenty');
    await page.keyboard.press('Enter');
    await page.locator('[role=alert]').waitFor();
    await page.locator('[name=token]').fill(TOKEN);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/sagas?status=ABORTED');
    await isLive(page);
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.goto(`${guarded}/sagas/${held}`);
    await isLive(page);
    await page.locator('#help a', { hasText: 'Retry' }).click();
    await page.locator('dialog[open] [name=reason]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('button', { hasText: 'Log out' }).click();
    await page.waitForURL('**/login');
    await page.goto(guarded);
    await page.waitForURL('**/login?to=*');
  });
});

it('a browser logs in at a provider, whose page is of another site, and acts as whom that knows', async () => {
  const issuer = await startIssuer();
  try {
    issuer.asksOnPage = true;
    issuer.person = { groups: ['operators'] };
    const { url: at } = await world.coordinator({
      COORDINATOR_ID: 'known',
      OIDC_ISSUER: issuer.url,
      OIDC_CLIENT_ID: CLIENT.id,
      OIDC_CLIENT_SECRET: CLIENT.secret,
      OIDC_ROLES: 'groups operators operator',
    });
    // The provider is at an address, and this at a name: cookies are as between any two sites.
    const own = at.replace('127.0.0.1', 'localhost');
    const page = await visitor.page();
    await page.goto(`${own}/sagas/${held}`);
    await page.getByText('Log in with your organisation').click();
    await page.locator('#yes').click();
    await page.waitForURL(`${own}/sagas/${held}`);
    await isLive(page);
    expect(await page.evaluate('document.cookie')).toBe('');
    await page.locator('#help a', { hasText: 'Retry' }).click();
    await page.locator('dialog[open]', { hasText: 'The log will say that ada did it.' }).waitFor();
    await page.keyboard.press('Escape');
    await page.locator('button', { hasText: 'Log out' }).click();
    await page.waitForURL('**/login');
    await page.goto(own);
    await page.waitForURL('**/login?to=*');
  } finally {
    await issuer.close();
  }
});

it('axe finds nothing on any page of a telephone, in light and in dark', async () => {
  const page = await visitor.page({ viewport: { width: 390, height: 844 } });
  for (const path of pages()) {
    await page.goto(url + path);
    expect(await axeFinds(page), path).toEqual([]);
  }
  visitor.complaints();
});

it('the colours are those that the reader wants, on every page', async () => {
  const page = await visitor.page({ colorScheme: 'light' });
  const ground = `getComputedStyle(document.body).backgroundColor`;
  await page.goto(`${url}/machines`);
  const light = await page.evaluate(ground);
  await page.locator('#theme').click();
  expect(await page.evaluate(ground)).toBe(light);
  await page.locator('#theme', { hasText: 'light' }).click();
  const dark = await page.evaluate(ground);
  expect(dark).not.toBe(light);
  await page.goto(`${url}/audit`);
  expect(await page.evaluate(ground)).toBe(dark);
  await page.locator('#theme', { hasText: 'dark' }).click();
  expect(await page.evaluate(ground)).toBe(light);
});

const FONTS_OF_CHARTS = `[...document.querySelectorAll('svg.chart text, svg.timeline text')]
  .filter((text) => text.getClientRects().length > 0)
  .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)`;

/** Beside the statechart the timeline has less room than on a narrower page, where it stands below. */
const SHOWN = [
  [320, '.course'],
  [390, '.course'],
  [768, '.timeline'],
  [1024, '.course'],
  [1440, '.timeline'],
] as const;

it('no text of a chart is smaller than 11 px at any width', async () => {
  const page = await visitor.page();
  for (const [width, shown] of SHOWN) {
    await page.setViewportSize({ width, height: 800 });
    await page.goto(`${url}/sagas/${held}`);
    const sizes = (await page.evaluate(FONTS_OF_CHARTS)) as number[];
    expect(sizes.length, `at ${width}`).toBeGreaterThan(10);
    expect(Math.min(...sizes), `at ${width}`).toBeGreaterThanOrEqual(10.99);
    for (const one of ['.course', '.timeline'])
      expect(await page.locator(one).isVisible(), `${one} at ${width}`).toBe(one === shown);
  }
});

it('nothing lies on anything else, no short word is broken, and a row has two lines on a telephone', async () => {
  const page = await visitor.page({ fontOnly: true });
  for (const path of pages()) {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(url + path);
    await page.evaluate('document.fonts.ready');
    for (const width of [390, 320, 768]) {
      await page.setViewportSize({ width, height: 844 });
      for (const wrong of [OVERLAPS, BROKEN, CUT, ...(width < 768 ? [ROWS] : [])])
        expect(await page.evaluate(wrong), `${path} at ${width}`).toEqual([]);
    }
  }
  visitor.complaints();
});

/** Telephones, the narrowest and the usual, and the same at twice the size of everything. */
const WIDTHS = [320, 390].flatMap((width) => [width, width / 2]);
/** Other fonts are wider or narrower everywhere alike. */
const NARROWEST = [320, 160];

/** Every text that is neither a number nor a status is followed by a word as no form refuses it, with no place to break it. */
const LENGTHEN = `document.querySelectorAll('body :not(svg, svg *, select *, script, textarea, .number, .number *, .badge)').forEach((one) => {
  if (one.childElementCount === 0 && one.textContent.trim() !== '') one.textContent += 'W'.repeat(90);
})`;

describe.each(FAMILIES)('where only %s is installed', (family) => {
  let fonts: InstalledFonts;
  let browser: Visitor;
  beforeAll(async () => {
    fonts = installFonts(family);
    browser = await openBrowser(fonts.fontconfig);
  });
  afterEach(() => browser.leave());
  afterAll(async () => {
    await browser?.close();
    fonts?.remove();
  });

  // The pages' own font is the same on any machine.
  it.each([
    ['what stands in for the font of the pages', false],
    ...(family === FAMILIES[0] ? [['the font of the pages', true] as const] : []),
  ] as const)('nothing is wider than a telephone, in %s', async (_, isThere) => {
    const page = await browser.page({ fontOnly: isThere });
    if (!isThere) await page.route('**/*.woff2', (route) => route.abort());
    for (const path of pages()) {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto(url + path);
      await page.evaluate('document.fonts.ready');
      // What is closed keeps the layout of another width until it is opened, and is read when it is.
      await page.evaluate(OPEN);
      for (const lengthen of ['', LENGTHEN]) {
        await page.evaluate(lengthen);
        for (const width of isThere ? WIDTHS : NARROWEST) {
          await page.setViewportSize({ width, height: 844 });
          const where = `${path} at ${width}${lengthen && ', with long words'}`;
          const found = await page.evaluate(`[document.documentElement.scrollWidth, ...${BEYOND}]`);
          expect(found, where).toEqual([width]);
        }
      }
    }
  });

  it('the texts of a picture keep to their boxes, and off its signs', async () => {
    const page = await browser.page({ fontOnly: true });
    const bare = await browser.page();
    await bare.route('**/*.woff2', (route) => route.abort());
    for (const path of [`/sagas/${held}`, `/sagas/${done}`]) {
      for (const one of [page, bare]) {
        await one.goto(url + path);
        await one.evaluate('document.fonts.ready');
        expect(await one.evaluate(OUTSIDE), path).toEqual([]);
      }
      // As in a viewer that knows nothing of the pages' fonts.
      await bare.evaluate(`document.body.style.fontFamily = 'sans-serif'`);
      expect(await bare.evaluate(OUTSIDE), path).toEqual([]);
      // What is forced to a width would fit in any font; in its own nothing needs to be forced.
      expect(await page.evaluate(FORCED), path).toEqual([]);
    }
    // As a document of its own, which brings no font.
    await bare.goto(`${url}/machines/order.svg`);
    expect(await bare.evaluate(OUTSIDE)).toEqual([]);
  });
});

const OUTSIDE = `[...document.querySelectorAll('[data-state] text')].flatMap((text) => {
  const node = text.closest('[data-state]');
  const [inner, outer, sign] = [text, node.querySelector('rect'), node.querySelector('.sign')].map((one) =>
    one?.getBoundingClientRect());
  const isIn = inner.left > outer.left && inner.right < outer.right;
  const isOff = !sign || inner.right <= sign.left || inner.top >= sign.bottom;
  return isIn && isOff ? [] : [text.textContent];
})`;

/** The table knows no kerning. */
const FORCED = `[...document.querySelectorAll('svg text[textLength]')].flatMap((text) => {
  const width = Number(text.getAttribute('textLength'));
  text.removeAttribute('textLength');
  const own = text.getComputedTextLength();
  return Math.abs(own - width) < 0.03 * width + 0.6 ? [] : [text.textContent + ': ' + own + ' for ' + width];
})`;
