/** Who did what, as a page without scripts: by whom, of which saga, and what it led from and to. */
import { expect, it } from 'vitest';
import { MemoryStore } from '../../stores/memory-store.ts';
import { appOver } from '../server/fake-app.ts';
import { actOf } from '../stores/conformance/audits.ts';
import { begin, write } from '../stores/sagas.ts';

const HOSTILE = `"><script>alert(1)</script>`;

async function pages(count = 3) {
  const store = new MemoryStore({ now: () => 1_780_000_000_000, partitions: 1 });
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const { id, fence } = await begin(store);
    const kind = n % 2 === 0 ? ('skip' as const) : ('cancel' as const);
    const act = actOf(
      {
        kind,
        by: `op${n}`,
        actor: `user:a&${n}`,
        reason: HOSTILE,
        ...(kind === 'skip' && { step: 'payment' }),
      },
      { isIgnored: kind === 'cancel' },
    );
    await store.commit(id, fence, write({ acts: [act] }));
    ids.push(id);
  }
  const { durability } = store.info;
  const app = appOver({ audit: store.audit, store: { ...store.info, durability } });
  const page = async (path: string) => {
    const answer = await app.request(`http://127.0.0.1${path}`, {
      headers: { host: '127.0.0.1', accept: 'text/html' },
    });
    return { status: answer.status, body: await answer.text() };
  };
  return { ids, page, store };
}

const links = (body: string, pattern: RegExp) =>
  [...body.matchAll(pattern)].map(([, href = '']) => href.replaceAll('&amp;', '&'));

it('shows who did what, newest first, with all that was said as what it is', async () => {
  const { ids, page } = await pages();
  const { status, body } = await page('/audit');
  expect(status).toBe(200);
  expect(links(body, /<a href="\/sagas\/([^"]+)" class="id"/g)).toEqual(ids.toReversed());
  expect(body).toContain('Skip payment');
  expect(body).toContain('came too late, and has changed nothing');
  expect(body).toContain('&lt;script&gt;alert(1)');
  expect(body).not.toContain('<script>');
  expect(body).toMatch(/<a href="\/audit" aria-current="page">/);
  // What it led to only where that is another.
  expect(body.match(/Releasing inventory/g)).toHaveLength(3);
});

it('leads from who is shown to what else they did, and fills its form', async () => {
  const { ids, page } = await pages();
  const { body } = await page('/audit');
  const [newest = ''] = links(body, /<a href="(\/audit\?actor=[^"]+)"/g);
  const { body: theirs } = await page(newest);
  expect(links(theirs, /<a href="\/sagas\/([^"]+)" class="id"/g)).toEqual(ids.slice(-1));
  expect(theirs).toContain('value="user:a&amp;2"');
  expect((await page('/audit?action=retry&by=op0')).body).toContain('No entry is like this.');
  expect((await page('/audit?action=nonsense&by=op0')).body).toContain('Skip payment');
});

it('goes on to older entries, with the same filter', async () => {
  const { page } = await pages(70);
  const { body } = await page('/audit?action=skip');
  expect(body.match(/<tr>/g)).toHaveLength(1 + 35);
  const { body: all } = await page('/audit');
  const [older = ''] = links(all, /rel="next" href="([^"]+)"/g);
  const { status, body: second } = await page(older);
  expect([status, second.match(/<tr>/g)?.length]).toEqual([200, 1 + 20]);
  expect(second).toContain('Back to the newest');
  expect((await page('/audit?cursor=none')).status).toBe(400);
});

it('says where there is nothing, and where not all can be read', async () => {
  const { page, store } = await pages(0);
  expect((await page('/audit')).body).toContain('Nobody has changed a saga yet.');
  store.audit.list = async () => ({ entries: [], cursor: null, damage: ['{p00}:audit is no list'] });
  expect((await page('/audit')).body).toContain('Not all can be read: {p00}:audit is no list.');
});
