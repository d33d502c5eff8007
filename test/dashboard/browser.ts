/** A real browser for the dashboard's pages. A page that logs an error, or breaks its own security policy, fails its test. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

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

export interface Visitor {
  /** A page in a context of its own: no cookie of another test is there. */
  page(options?: BrowserContextOptions): Promise<Page>;
  /** What pages complained about since it was last asked. */
  complaints(): string[];
  close(): Promise<void>;
}

/** A coordinator that is down, and a form that is refused, are no faults of the page. */
const EXPECTED =
  /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of (401|409)/;

/** Each launch has a new, empty profile. */
export async function openBrowser(): Promise<Visitor> {
  const browser: Browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const complaints: string[] = [];
  const complain = (text: string) => {
    if (!EXPECTED.test(text)) complaints.push(text);
  };
  return {
    async page(options = {}) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complain(message.text());
      });
      page.on('pageerror', (error) => complain(error.message));
      return page;
    },
    complaints: () => complaints.splice(0),
    close: () => browser.close(),
  };
}
