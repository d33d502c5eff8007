/** A real browser for the dashboard's pages. A page that logs an error, or breaks its own security policy, fails its test. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { browserPath } from '../setup.ts';

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface VisitOptions extends BrowserContextOptions {
  /** Nothing is shown before the pages' own font is there: no test depends on how fast it comes. */
  readonly fontOnly?: boolean;
}

export interface Visitor {
  /** A page in a context of its own: no cookie of another test is there. */
  page(options?: VisitOptions): Promise<Page>;
  /** What pages complained about since it was last asked. */
  complaints(): string[];
  /** Closes all pages: an open one goes on following its coordinator. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/** A coordinator that is down, and a form that is refused, are no faults of the page. */
const EXPECTED =
  /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of (401|409)/;

/** Each launch has a new, empty profile. `fontconfig`: a file that says where fonts are, instead of the machine's own. */
export async function openBrowser(fontconfig?: string): Promise<Visitor> {
  const env = { ...process.env, ...(fontconfig !== undefined && { FONTCONFIG_FILE: fontconfig }) };
  const browser: Browser = await chromium.launch({ executablePath: browserPath(), args: FLAGS, env });
  const complaints: string[] = [];
  const complain = (text: string) => {
    if (!EXPECTED.test(text)) complaints.push(text);
  };
  return {
    async page({ fontOnly = false, ...options } = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      if (fontOnly) {
        await page.route('**/dashboard.css', async (route) => {
          const css = await (await route.fetch()).text();
          await route.fulfill({
            contentType: 'text/css',
            body: css.replaceAll('font-display: optional', 'font-display: block'),
          });
        });
      }
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complain(message.text());
      });
      page.on('pageerror', (error) => complain(error.message));
      return page;
    },
    complaints: () => complaints.splice(0),
    async leave() {
      await Promise.all(browser.contexts().map((context) => context.close()));
    },
    close: () => browser.close(),
  };
}
