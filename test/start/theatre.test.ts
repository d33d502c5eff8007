/** The crash theatre for real: `npm start` with faults switched on, what its buttons kill, and what comes of the orders. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { openBrowser, type Visitor } from '../dashboard/browser.ts';
import { programOf } from '../programs.ts';
import { beside, isAlive, type Run } from './processes.ts';
import { type Place, place, SERVICES_ENTRY } from './start-command.ts';

/** What nobody waits for where all is well: two starts of a coordinator, and a lease that ends. */
const PATIENCE = { timeout: 90_000, interval: 100 };
const TIMEOUT_MS = 180_000;

let here: Place;
let visitor: Visitor;
beforeAll(async () => {
  visitor = await openBrowser();
});
afterAll(() => visitor?.close());
beforeEach(async () => {
  here = await place();
});
afterEach(async () => {
  await visitor.leave();
  await here.clear();
});

const start = (env: NodeJS.ProcessEnv = {}): Run =>
  here.run(beside('./run-supervisor.ts'), [SERVICES_ENTRY, programOf(beside('../../server/main.ts'))], {
    FAULTS: '1',
    COORDINATOR_ID: 'one',
    ...env,
  });

const post = async (path: string, fields: Record<string, string>) => {
  const answer = await fetch(`${here.url}${path}`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: { accept: 'text/html' },
    redirect: 'manual',
  });
  await answer.text();
  return answer.status;
};
const html = async () =>
  (await fetch(`${here.url}/theatre`, { headers: { accept: 'text/html' } })).text().catch(() => '');

interface Entry {
  readonly kind: string;
  readonly saga_id: string;
  readonly outcome: string;
}

/** How often each saga's payment was made, as the payment service has it in its own journal. */
async function charges(): Promise<number[]> {
  const answer = await fetch(`http://127.0.0.1:${here.servicePorts[2]}/ledger`);
  const { entries } = (await answer.json()) as { entries: readonly Entry[] };
  const made = new Map<string, number>();
  for (const { kind, saga_id, outcome } of entries)
    if (kind === 'action' && outcome === 'performed') made.set(saga_id, (made.get(saga_id) ?? 0) + 1);
  return [...made.values()];
}

const figure = (page: Page, tile: string) => page.locator(`#sums .tile:has-text("${tile}") .figure`);

it('kills the very coordinator that shows the page, which comes back to it, and every order ends once', {
  timeout: TIMEOUT_MS,
}, async () => {
  const run = start({ ACTION_TIMEOUT_MS: '60000' });
  const [, pid] = await run.says(/coordinator {3}http.* \(pid (\d+)\)/);
  const page = await visitor.page();
  await page.goto(`${here.url}/theatre`);
  await page.locator('#live.is-live').waitFor();
  await page.evaluate(() => Object.assign(globalThis, { marked: true }));
  const set = async (service: string, fault: string, share: string) => {
    await page.locator('select[name=service]').selectOption(service);
    await page.locator('select[name=fault]').selectOption(fault);
    await page.locator('select[name=share]').selectOption(share);
    await page.locator('#faults').getByText('Set', { exact: true }).click();
    await page.locator(`#stub-${service}`).getByText('so far').waitFor();
  };
  // Payments are made of which nobody hears, so that they are asked for again.
  await set('payment', 'lose', 'five');
  // Held until it is killed, so that it is killed with all of them in its hands.
  await set('shipping', 'hang', 'every');
  await page.locator('#start').getByText('10', { exact: true }).click();
  await page.locator('#stub-shipping').getByText('10 so far').waitFor();
  await page.locator('#lane-one').getByText('holds 10, took over 0').waitFor();

  await page.locator('#kill-coordinator-one-on').click();
  await page.locator('#banner').getByText('does not answer').waitFor();
  expect(isAlive(Number(pid))).toBe(false);
  await page.locator('#lane-one').getByText('took over 10').waitFor({ timeout: PATIENCE.timeout });
  await page.locator('#banner').waitFor({ state: 'hidden' });
  await page
    .locator('#lane-one')
    .getByText(/boot 2.*killed 1 ×/s)
    .waitFor();
  await page.locator('#faults').getByText('Clear all').click();
  await vi.waitFor(async () => expect(await figure(page, 'Completed').textContent()).toBe('10'), PATIENCE);
  expect(await figure(page, 'In flight').textContent()).toBe('0');
  expect(await figure(page, 'Charged twice').textContent()).toBe('0');
  expect(await charges()).toEqual(Array(10).fill(1));
  expect(await page.locator('#stub-payment td').nth(2).textContent()).toBe('5');
  // All the while it was the same page.
  expect(await page.evaluate(() => 'marked' in globalThis)).toBe(true);
  expect(visitor.complaints().filter((text) => !/status of 503/.test(text))).toEqual([]);

  run.signal('SIGINT');
  expect(await run.ended()).toBe(0);
});

it('kills one of two coordinators, the services and Redis, by plain forms, and every order ends', {
  timeout: TIMEOUT_MS,
}, async () => {
  const run = start({ COORDINATOR_PROCESSES: '2', ACTION_TIMEOUT_MS: '8000', ACTION_ATTEMPTS_MAX: '50' });
  await run.says(/Ctrl-C drains and stops/);
  await vi.waitFor(async () => expect(await html()).toMatch(/id="kill-coordinator-one-2-on"/), PATIENCE);
  expect(
    await post('/theatre/faults', { service: 'payment', endpoint: 'action', fault: 'hang', share: 'every' }),
  ).toBe(303);
  expect(await post('/theatre/orders', { n: '10' })).toBe(303);
  await vi.waitFor(
    async () => expect(await html()).toMatch(/id="lane-one-1".*?holds [1-9].*?id="lane-one-2"/s),
    PATIENCE,
  );
  // Kept away, so that the other one takes over what it held.
  const status = await post('/theatre/kill', { kind: 'coordinator', name: 'one.1', away: '30' });
  expect([200, 303]).toContain(status);
  await vi.waitFor(async () => expect(await html()).toMatch(/id="lane-one-2".*?took over [1-9]/s), PATIENCE);
  expect(await html()).toMatch(/id="lane-one-1".*?down.*?killed 1 ×/s);

  for (const [kind, name] of [
    ['services', 'services'],
    ['redis', 'Redis'],
  ] as const) {
    expect(await post('/theatre/kill', { kind, name, away: '0' })).toBe(303);
    await run.says(new RegExp(`${name} \\(pid \\d+\\) runs again`));
    await vi.waitFor(
      async () => expect(await html()).toMatch(new RegExp(`id="other-${kind}".*?killed 1 ×`, 's')),
      PATIENCE,
    );
  }
  // With the services their faults are gone.
  await vi.waitFor(
    async () => expect(await html()).toMatch(/Completed in all<\/span><span class="figure">10</),
    PATIENCE,
  );
  expect(await charges()).toEqual(Array(10).fill(1));
  run.signal('SIGINT');
  expect(await run.ended()).toBe(0);
});
