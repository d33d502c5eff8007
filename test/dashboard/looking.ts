/** What several tests wait for on a page, and hold it against. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

export const isLive = (page: Page): Promise<void> => page.locator('#live.is-live').waitFor();

/** What is shown stands there, says of when it is, and asks for nothing. */
export async function standsStill(page: Page, says: string, hasPill: string): Promise<void> {
  const banner = page.locator('#banner', { hasText: says });
  await banner.waitFor();
  await page.locator(hasPill).waitFor();
  expect(await banner.locator('time').first().getAttribute('datetime')).toMatch(/^20\d\d-.*Z$/);
  expect(await banner.locator('time').first().textContent()).toMatch(/^\d\d:\d\d:\d\d$/);
  expect(await page.locator('main .button:not([aria-disabled=true], .off)').count()).toBe(0);
}

/** A page without its tags. */
export const plain = (html: string): string =>
  html
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();

/** What the overview says needs a person, in its order. */
export const causesOn = (html: string) =>
  [...html.matchAll(/<h3>(.*?)<\/h3>(.*?)<\/li>/gs)].map(([, title = '', rest = '']) => ({
    title: plain(title),
    text: plain(rest),
    href: /href="(\/sagas\?cause=[^"]*)"/.exec(rest)?.[1] ?? '',
  }));
