/**
 * The dashboard over a full store. `npm run pages` fills it with 20,000 sagas of three machines, asks for what each page promises, counts
 * what it costs, and looks at every page in a browser: at every width, at twice the size, in both colour schemes, and with two sets of
 * fonts. That takes a quarter of an hour, so that the suite leaves it out: what of it can be asked of few sagas has tests of its own.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { request } from 'undici';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { ORDER, openWorld, send, settled, submit, type World } from '../coordinator/world.ts';
import { axeFinds } from './axe.ts';
import { openBrowser, type Visitor } from './browser.ts';
import { commandsOf } from './commands.ts';
import { everyPage, type Stored, storedAt } from './every-page.ts';
import { FAMILIES, installFonts } from './installed-fonts.ts';
import { BEYOND, BROKEN, CUT, OVERLAPS, ROWS } from './layout.ts';
import { causesOn, isLive, plain, standsStill } from './looking.ts';
import { aDay, fillWith, KINDS, type Kind, MACHINES, type Many } from './many-sagas.ts';

const ALL = process.env.PAGES === 'all';
const SAGAS = 20_000;
const HTML = { accept: 'text/html' };
const EUROS_EACH = 25;
const KILOBYTE = 1024;
/** Sagas of an export that are read at once. */
const PART = 500;
/** Longer than the round in which coordinators write down what they have counted. */
const IDLE_MS = 12_000;

let world: World;
let url: string;
let guarded: string;
let store: RedisStore;
let redis: ReturnType<typeof connect>;
let many: Many;
let stored: Stored;
/** What the coordinator that has filled the store says of its participants. */
let met: string;

async function open(): Promise<void> {
  world = await openWorld({ sagas: MACHINES, redis: { appendfsync: 'no' }, faultsOn: true });
  // What it does by itself would be counted, too; and what hangs, hangs as long as it is looked at.
  const patient = { POLL_MS: '3600000', ACTION_TIMEOUT_MS: '3600000', BREAKER_FAILURES_MAX: '1000' };
  const filling = await world.coordinator({ ...patient, POLL_MS: '20', COORDINATOR_ID: 'filling' });
  redis = connect(world.redis.url);
  store = await RedisStore.open({ redis });
  many = await fillWith(world, filling.url, store, SAGAS);
  await store.history.add(aDay(Date.now()));
  met = plain((await send(`${filling.url}/participants`, { headers: HTML })).body);
  await filling.stop();
  url = (await world.coordinator({ ...patient, COORDINATOR_ID: 'one', FAULTS: '1' })).url;
  const token = { API_TOKEN: 'a-token-of-twenty-letters' };
  guarded = (await world.coordinator({ ...patient, ...token, COORDINATOR_ID: 'guarded' })).url;
  stored = await storedAt(url, many['both held'].model, many.done.model);
}

const page = async (path: string): Promise<string> => (await send(url + path, { headers: HTML })).body;
/** Lines of an export, which comes in parts, however long it is. */
async function exported(path: string): Promise<string[]> {
  const { headers, body } = await request(`${url}/api/coordinator${path}`);
  const lines = (await body.text()).split(/\r?\n/).filter((line) => line !== '');
  if (lines.length > PART) expect(headers['content-length'], path).toBeUndefined();
  return lines;
}
const api = async (path: string) => (await send(`${url}/api/coordinator${path}`)).body;
const sumOf = (...kinds: readonly Kind[]) => kinds.reduce((sum, kind) => sum + many[kind].n, 0);

/** The least of a few: what coordinators do by themselves meanwhile can only add to it. */
async function costOf(path: string, headers: Record<string, string> = HTML): Promise<number> {
  const counted: number[] = [];
  for (let at = 0; at < 3; at += 1) {
    const before = await commandsOf(redis);
    expect((await send(url + path, { headers })).status, path).toBe(200);
    counted.push((await commandsOf(redis)) - before);
  }
  return Math.min(...counted);
}

const CAUSES: readonly (readonly [title: string, error: RegExp, kinds: readonly Kind[]])[] = [
  ['Payment could not be undone', /^409/, ['refund refused', 'both held']],
  ['Payment could not be undone', /^410/, ['refund gone']],
  ['Inventory could not be undone', /^423/, ['stock locked']],
  ['Courier could not be undone', /^a courier is paid/, ['refund stuck']],
  ['Hotel could not be undone', /^409/, ['room held']],
];

/** What was measured, for docs/decisions/dashboard.md. */
function say(figures: Readonly<Record<string, unknown>>): void {
  for (const [of, figure] of Object.entries(figures)) process.stdout.write(`${of}: ${figure}\n`);
}

/** Words of the API stand in titles, code and addresses, and not in what is read. */
const API_WORDS = `(() => {
  const shown = document.querySelector('main').cloneNode(true);
  for (const one of shown.querySelectorAll('code, pre, textarea, .api')) one.remove();
  return shown.textContent.match(/\\b(STARTED|COMPLETED|FAILED|ABORTED)\\b/g) ?? [];
})()`;
const UNTITLED = `[...document.querySelectorAll('main time')].filter((one) => !/^\\d{4}-.*Z/.test(one.title)).map((one) => one.outerHTML)`;
/** In flight is blue, and never as what is done. */
const GREEN = `[...document.querySelectorAll('.badge.tone-completed')].map((one) => one.title).filter((one) => one !== 'COMPLETED')`;
/** Sums what has moved below the head without the reader's doing. */
const WATCH = `window.moved = 0; new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    // What is below begins higher where it leaves room for what was there, and all that is in it stays.
    const isMoved = one.sources.some(({ node }) => node?.parentElement?.closest('[data-place]') != null);
    if (isMoved && !one.hadRecentInput) window.moved += one.value;
  }
}).observe({ type: 'layout-shift' })`;

const WIDTHS = [320, 390, 768, 1440];
/** Half as wide, and each pixel two: what a reader sees who needs everything twice as large. */
const VIEWS = [1, 2].flatMap((zoom) => WIDTHS.map((width) => ({ zoom, width: width / zoom })));
/** Below that the shortest words have no line. */
const READABLE = 320;

/** What is wrong with how a page lies, reads and is told at this width. */
async function wrongOn(shown: Page, width: number): Promise<string[]> {
  const asked = [BEYOND, OVERLAPS, UNTITLED, GREEN, API_WORDS];
  if (width >= READABLE) asked.push(BROKEN, CUT);
  if (width >= READABLE && width < 768) asked.push(ROWS);
  const found: string[] = [];
  for (const one of asked) found.push(...((await shown.evaluate(one)) as string[]));
  const { scrollWidth } = (await shown.evaluate(
    '({ scrollWidth: document.documentElement.scrollWidth })',
  )) as { scrollWidth: number };
  return scrollWidth > width ? [...found, `${scrollWidth} px wide`] : found;
}

describe.runIf(ALL)('over a full store', () => {
  beforeAll(open, 600_000);
  afterAll(async () => {
    await store?.close();
    await world?.close();
  });

  describe('a search', () => {
    it('finds each saga by its label, its id, how that begins, and each attribute, for at most ten commands', async () => {
      for (const kind of KINDS) {
        for (const at of [0, many[kind].n - 2]) {
          const { label = '', ...attributes } = many[kind].termsOf(at);
          const { sagas } = await api(`/sagas?q=${label}`);
          expect(
            sagas.map((saga: { label: string }) => saga.label),
            label,
          ).toEqual([label]);
          const [{ saga_id: id }] = sagas;
          for (const q of [label, id, id.slice(0, -1), ...Object.values(attributes)]) {
            const found = await api(`/sagas?q=${q}&limit=500`);
            expect(
              found.sagas.map((saga: { saga_id: string }) => saga.saga_id),
              `${kind} by ${q}`,
            ).toContain(id);
            // Each further saga of a customer is read for itself.
            const more = 3 * (found.sagas.length - 1);
            expect(await costOf(`/sagas?q=${q}`), `${kind} by ${q}`).toBeLessThanOrEqual(10 + more);
          }
        }
      }
    });
  });

  describe('what needs a person', () => {
    it('is counted whole, money first, and each cause leads to exactly its sagas', async () => {
      const shown = causesOn(await page('/'));
      const parked = sumOf(...CAUSES.flatMap(([, , kinds]) => kinds));
      expect(plain(await page('/'))).toContain(`${parked.toLocaleString('en')} sagas need you`);
      expect(shown.slice(0, 2).map(({ title }) => title.split(' in ')[0])).toEqual([
        CAUSES[0]?.[0],
        CAUSES[1]?.[0],
      ]);
      for (const [title, error, kinds] of CAUSES) {
        const n = sumOf(...kinds);
        const cause = shown.find((one) => one.title.startsWith(title) && error.test(one.text));
        expect(cause?.title, `${title} ${error}`).toMatch(new RegExp(` ${n.toLocaleString('en')} ×$`));
        if (title.startsWith('Payment')) {
          const euros = (EUROS_EACH * n).toLocaleString('en', { minimumFractionDigits: 2 });
          expect(cause?.text).toContain(`EUR ${euros} in ${n.toLocaleString('en')} × payment`);
        }
        expect(cause?.text).toMatch(/First .* ago ?, last .* ago/);
        expect(await exported(`/sagas.ndjson?${cause?.href.split('?')[1]}`), title).toHaveLength(n);
        const list = await page(cause?.href ?? '');
        expect(plain(list)).toContain(`${n.toLocaleString('en')} sagas, parked because`);
        for (const column of ['Held', 'Why', 'Tried again'])
          expect(list).toMatch(new RegExp(`<th[^>]*>${column}</th>`));
      }
    });
  });

  describe('a filter', () => {
    it('has an index or says how far it has looked, and exports what it finds, in parts', async () => {
      const n = sumOf('stock locked', 'both held');
      expect(await exported('/sagas.csv?error=423')).toHaveLength(n + 1);
      const narrow = '/sagas.ndjson?error=423&machine=order&status=ABORTED';
      expect(await exported(narrow)).toHaveLength(n);
      const none = await page('/sagas?error=423&machine=trip');
      expect(none).toContain('name="error" value="423"');
      expect(plain(none)).toMatch(/Looked at 1,000 of 2,8\d\d, back to \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
    });
  });

  describe('the last day', () => {
    it('is told by the minute, and of each participant, actions and undos apart', async () => {
      const { minutes_per_point: minutes, machines } = await api('/history?minutes_per_point=1');
      expect(minutes).toBe(1);
      const order = machines.find((one: { machine: string }) => one.machine === 'order');
      expect(order.points.length).toBeGreaterThan(55);
      const text = plain(await page('/history?range=24h'));
      expect(text).toMatch(/order .* sagas started, .* sagas ended, .* sagas parked/);
      const shown = await page('/participants?range=24h');
      const [, payment = ''] = /id="payment">(.*?)<section class="card day"/s.exec(shown) ?? [];
      for (const said of ['Breaker closed', 'Actions', 'Undos', 'Refused', 'p95'])
        expect(plain(payment)).toContain(said);
      expect(met).toMatch(/Last of the undos to be refused, .* 409/);
    });
  });

  describe('a machine', () => {
    it('is not said to have no sagas where others have newer ones', async () => {
      const shown = await page('/machines');
      expect(shown).not.toContain('None of this version is in flight or parked.');
      expect(shown).toContain('href="/sagas?status=STARTED&amp;machine=order"');
    });
  });

  describe('what a page costs', () => {
    it('is at most sixty commands of the overview, and as little as before of the others', async () => {
      const costs: Record<string, number> = {};
      for (const path of everyPage(stored).filter((one) => !/no-such|no\/such/.test(one)))
        costs[path] = await costOf(path);
      say(costs);
      expect(costs['/']).toBeLessThanOrEqual(60);
      // What is asked of five hundred is looked at one by one.
      const ofMany = Object.keys(costs).filter((path) => path.startsWith('/bulks/new'));
      for (const [path, cost] of Object.entries(costs))
        expect(cost, path).toBeLessThan(ofMany.includes(path) ? 700 : 400);
    });

    it('is at most sixty kilobytes of a saga, and as many of the script', async () => {
      const bytesOf = async (path: string) => {
        const { headers, body } = await request(url + path, {
          headers: { ...HTML, 'accept-encoding': 'gzip' },
        });
        expect(headers['content-encoding'], path).toBe('gzip');
        const zipped = Buffer.from(await body.arrayBuffer());
        expect(gunzipSync(zipped).length, path).toBeGreaterThan(zipped.length);
        return zipped.length;
      };
      const sizes: Record<string, number> = {};
      for (const path of ['/', '/sagas', `/sagas/${stored.parked}`, `/sagas/${many['trip waits'].model}`])
        sizes[path] = await bytesOf(path);
      const { body: script } = await send(`${url}/assets/dashboard.js`);
      sizes.script = gzipSync(script).length;
      say(sizes);
      expect(Math.max(...Object.values(sizes))).toBeLessThan(60 * KILOBYTE);
    });
  });

  describe('in a browser', () => {
    let visitor: Visitor;
    beforeAll(async () => {
      visitor = await openBrowser();
    });
    afterAll(() => visitor?.close());
    afterEach(() => visitor.leave());

    it('overview, list and saga are loaded once, and cost at most ten commands a second when nothing happens', async () => {
      for (const path of ['/', '/sagas', `/sagas/${stored.parked}`]) {
        const shown = await visitor.page();
        const asked: string[] = [];
        shown.on('request', (one) => asked.push(new URL(one.url()).pathname));
        await shown.goto(url + path);
        await isLive(shown);
        // Each coordinator has looked once where sagas stand, and nothing has moved since.
        const rates: number[] = [];
        for (let window = 0; window < 3; window += 1) {
          const before = await commandsOf(redis);
          await delay(IDLE_MS);
          rates.push((1000 * ((await commandsOf(redis)) - before)) / IDLE_MS);
        }
        const rate = Math.min(...rates);
        say({ [path]: `${rate.toFixed(1)} commands a second, when nothing happens` });
        expect(rate, path).toBeLessThanOrEqual(10);
        expect(
          asked.filter((one) => one === path),
          path,
        ).toEqual([path]);
        await visitor.leave();
      }
    }, 300_000);

    it('a filter without an index goes on by itself until it has looked at all', async () => {
      const shown = await visitor.page();
      for (const [query, total] of [
        ['error=423&machine=trip', '2,8'],
        ['failed_step=notification', '20,0'],
      ] as const) {
        await shown.goto(`${url}/sagas?${query}`);
        const looked = shown.locator('#walk', { hasText: new RegExp(`^Looked at (${total}\\d\\d) of \\1,`) });
        await looked.waitFor();
        expect(await shown.locator('tr[data-row]').count(), query).toBe(0);
      }
      await shown.goto(`${url}/sagas?error=423`);
      await shown.locator('tr[data-row]').nth(49).waitFor();
    });

    it('a store that is gone is told on a full page, which asks for nothing, and goes on when it is back', async () => {
      const shown = await visitor.page();
      await shown.goto(`${url}/sagas?status=ABORTED`);
      await isLive(shown);
      await world.redis.kill();
      try {
        await standsStill(shown, 'does not reach its store', '#live.is-away');
        // The coordinator itself is there, and answers: with a page that asks for the saga again.
        await shown.locator('tr[data-row] a').first().click();
        await shown.locator('h1', { hasText: 'The store cannot be reached' }).waitFor();
      } finally {
        await world.redis.restart();
      }
      await shown.locator('#head .badge', { hasText: 'Parked' }).waitFor();
      await isLive(shown);
    });

    it('nothing moves below the head of a saga that ends, and its past is one page', async () => {
      const live = (await world.coordinator({ COORDINATOR_ID: 'live' })).url;
      world.services.payment.faults.set([{ endpoint: 'action', kind: 'hang', times: 1 }]);
      const { body } = await submit(live, ORDER, { prefer: 'respond-async' });
      const shown = await visitor.page();
      await shown.goto(`${live}/sagas/${body.saga_id}`);
      await isLive(shown);
      await shown.locator('.chart .current[data-state=processingPayment]').waitFor();
      const slider = shown.locator('.scrubber input');
      await slider.focus();
      await shown.evaluate(WATCH);
      world.services.payment.faults.clear();
      await shown.locator('#head .badge', { hasText: 'Completed' }).waitFor({ timeout: 120_000 });
      expect(await shown.evaluate('window.moved')).toBeLessThan(0.01);
      expect(await shown.evaluate('document.activeElement.type')).toBe('range');
      // Dragged to about the third of its entries.
      const box = await slider.boundingBox();
      if (box === null) throw new Error('there is no slider');
      const y = box.y + box.height / 2;
      await shown.mouse.move(box.x + box.width - 8, y);
      await shown.mouse.down();
      await shown.mouse.move(box.x + box.width * 0.45, y, { steps: 6 });
      await shown.mouse.up();
      const at = Number(await slider.inputValue());
      expect(at).toBeGreaterThan(1);
      expect(at).toBeLessThan(6);
      await shown.locator('.then', { hasText: `as it stood after entry ${at} of` }).waitFor();
      await shown.locator('#head .badge', { hasText: 'In flight' }).waitFor();
      await shown.locator('#help h2', { hasText: 'Held then' }).waitFor();
      // An entry that brings facts.
      await slider.fill('3');
      await shown.locator('#payloads ins').first().waitFor({ state: 'attached' });
      expect(await shown.locator('#help .button').count()).toBe(0);
    });

    it('hundreds are retried from their cause: what comes of it before, one first, and a page that can be sent to others', async () => {
      const live = (await world.coordinator({ COORDINATOR_ID: 'acting' })).url;
      const n = sumOf('refund gone');
      const shown = await visitor.page();
      await shown.goto(live);
      const cause = shown.locator('.causes li', { hasText: '410' });
      await cause.locator('a.primary', { hasText: `Retry all ${n}` }).click();
      const form = shown.locator('dialog[open]');
      await form.locator('text=/Held now: EUR 10,000.00/').waitFor();
      await form.locator('text=/× undo payment/').waitFor();
      expect(await form.locator('[name=canary]').isChecked()).toBe(true);
      await form.locator('[name=reason]').fill('payment works again');
      await form.locator('[name=by]').fill('Ada');
      await form.locator('button[type=submit]').click();
      await shown.waitForURL('**/bulks/*');
      await shown.locator('.lead', { hasText: 'All have come through.' }).waitFor({ timeout: 240_000 });
      const other = await visitor.page();
      await other.goto(shown.url());
      await other.locator('[data-count=done]', { hasText: `${n} Done` }).waitFor();
      expect((await settled(live, many['refund gone'].model)).body.status).toBe('FAILED');
      expect(causesOn(await page('/')).map(({ text }) => text.slice(0, 3))).not.toContain('410');
    });

    it('what is chosen stays chosen while rows come and go', async () => {
      const shown = await visitor.page();
      await shown.goto(`${url}/sagas?status=ABORTED`);
      await isLive(shown);
      for (const at of [0, 1]) await shown.locator('input[name=saga]').nth(at).check();
      const chosen = await shown
        .locator('input[name=saga]:checked')
        .evaluateAll((all) => all.map((one) => one.getAttribute('value')));
      world.services.shipping.faults.set([{ endpoint: 'action', kind: 'status', status: 409 }]);
      world.services.payment.faults.set([{ endpoint: 'compensation', kind: 'status', status: 409 }]);
      const { body } = await submit(url);
      for (const name of ['shipping', 'payment'] as const) world.services[name].faults.clear();
      await shown.locator(`[id="saga-${body.saga_id}"]`).waitFor();
      await shown.locator('#bulk-count', { hasText: '2 chosen' }).waitFor();
      const still = await shown
        .locator('input[name=saga]:checked')
        .evaluateAll((all) => all.map((one) => one.getAttribute('value')));
      expect(still).toEqual(chosen);
    });
  });

  describe.each(FAMILIES)('every page, where only %s is installed', (family) => {
    it.each([1, 2])(
      'is whole at every width, %s times as large, and axe finds nothing on it',
      async (zoom) => {
        const fonts = installFonts(family);
        const visitor = await openBrowser(fonts.fontconfig);
        const more = [
          '/?machine=trip',
          '/sagas?status=STARTED',
          '/sagas?error=423',
          `/sagas/${many['in flight'].model}`,
          `/sagas/${many['trip waits'].model}`,
          `/sagas/${many['trip waits'].model}/cancel`,
          `/sagas/${many['trip waits'].model}/event?name=approval`,
          `/sagas/${many['room held'].model}`,
          `/sagas/${many['refund stuck'].model}`,
          `/sagas/${stored.parked}/skip?step=payment`,
          '/held?kind=payment',
          '/start?machine=trip',
          '/history',
        ];
        const wrong: Record<string, readonly string[]> = {};
        let looked = 0;
        try {
          const shown = await visitor.page({ deviceScaleFactor: zoom });
          // What stands in for the pages' own font, of one family; the font itself, of the other.
          if (family === FAMILIES[0]) await shown.route('**/*.woff2', (route) => route.abort());
          for (const path of [...everyPage(stored), ...more, `${guarded}/login`]) {
            await shown.goto(path.startsWith('http') ? path : url + path);
            await shown.evaluate('document.fonts.ready');
            for (const { width } of VIEWS.filter((view) => view.zoom === zoom)) {
              await shown.setViewportSize({ width, height: 844 / zoom });
              const found = [...(await wrongOn(shown, width)), ...(await axeFinds(shown))];
              if (found.length > 0) {
                wrong[`${path} at ${width}`] = found;
                // It takes a quarter of an hour to come to the end.
                say({ [`${path} at ${width}`]: found.join('\n  ') });
              }
              looked += 1;
            }
          }
        } finally {
          await visitor.close();
          fonts.remove();
        }
        say({ [`${family}, ${zoom} times as large`]: `${looked} views` });
        expect(wrong).toEqual({});
      },
      3_600_000,
    );
  });
});
