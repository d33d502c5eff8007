/** What an operator sees while coordinators come and go, before the door, on a small screen, and by other senses. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ORDER, openWorld, submit, type World } from '../coordinator/world.ts';
import { openBrowser, type Visitor } from './browser.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RUN_AXE = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] })`;

let world: World;
let url: string;
let visitor: Visitor;
/** A saga that is parked, and one that is done. */
let held: string;
let done: string;

beforeAll(async () => {
  world = await openWorld();
  url = (await world.coordinator()).url;
  visitor = await openBrowser();
  const { shipping, payment } = world.services;
  shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
  payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
  held = (await submit(url, { ...ORDER, customer_id: 'cust_2' })).body.saga_id;
  shipping.faults.clear();
  payment.faults.clear();
  done = (await submit(url)).body.saga_id;
});
afterAll(async () => {
  await visitor?.close();
  await world?.close();
});
afterEach(() => expect(visitor.complaints()).toEqual([]));

const isLive = (page: Page) => page.locator('#live.is-live').waitFor();

describe('a coordinator that is killed', () => {
  it('is noticed, and followed again when it is back', async () => {
    const first = await world.process({ COORDINATOR_ID: 'mortal' });
    const page = await visitor.page();
    await page.goto(`${first.url}/sagas`);
    await isLive(page);
    await first.end();
    await page.locator('#live.is-reconnecting').waitFor();
    const { body } = await submit(url);
    await world.process({ COORDINATOR_ID: 'mortal', COORDINATOR_PORT: new URL(first.url).port });
    await isLive(page);
    await page.locator(`[id="saga-${body.saga_id}"] .tone-completed`).waitFor();
  });
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

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  const pages = () => [
    '/',
    '/sagas',
    `/sagas/${held}`,
    `/sagas/${done}`,
    `/sagas/${done}?at=3`,
    `/sagas/${held}/retry`,
    '/machines',
    '/sagas/no-such-saga',
  ];

  it('axe finds nothing serious on any page', async () => {
    const page = await visitor.page({ colorScheme });
    for (const path of pages()) {
      await page.goto(url + path);
      // Injected by the debugger's protocol, which the page's own policy does not bind.
      await page.evaluate(AXE);
      const { passes, violations } = (await page.evaluate(RUN_AXE)) as AxeResults;
      expect(passes.length).toBeGreaterThan(10);
      const found = violations.flatMap(({ id, impact, nodes }) =>
        impact === 'serious' || impact === 'critical' ? nodes.map(({ html }) => `${id}: ${html}`) : [],
      );
      expect(found, path).toEqual([]);
    }
    visitor.complaints();
  });

  it('nothing is wider than a telephone', async () => {
    const page = await visitor.page({ colorScheme, viewport: { width: 390, height: 844 } });
    for (const path of pages()) {
      await page.goto(url + path);
      expect(await page.evaluate('document.documentElement.scrollWidth'), path).toBe(390);
    }
    visitor.complaints();
  });
});

interface AxeResults {
  readonly passes: readonly unknown[];
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}
