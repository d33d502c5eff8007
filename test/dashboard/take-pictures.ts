/** `npm run pictures`: takes the README's pictures of the dashboard, with sagas that are parked, undone, done and in flight. */
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ORDER, openWorld, submit } from '../coordinator/world.ts';
import { openBrowser } from './browser.ts';

const at = (name: string) => fileURLToPath(new URL(`../../docs/pictures/${name}`, import.meta.url));
/** The plots begin when the page is opened. */
const PLOTTED_MS = 12_000;
/** By then the newest have come to the last step, which is slow. */
const SETTLING_MS = 1500;

const world = await openWorld();
const visitor = await openBrowser();
try {
  const { url } = await world.coordinator({ COORDINATOR_ID: 'one' });
  const { inventory, payment, shipping, notification } = world.services;
  const refuse = { kind: 'status', status: 409 } as const;

  /** Shipping refuses, and so do the compensations of these. */
  const fail = async (...held: readonly Pick<typeof payment, 'faults'>[]): Promise<string> => {
    shipping.faults.set([{ endpoint: 'action', ...refuse }]);
    for (const service of held) service.faults.set([{ endpoint: 'compensation', ...refuse }]);
    const { body } = await submit(url, ORDER);
    for (const service of [shipping, ...held]) service.faults.clear();
    return body.saga_id;
  };
  await fail();
  await fail(inventory);
  await fail(inventory, payment);
  await fail(payment);
  await fail(payment);
  const parked = await fail(payment);
  for (let batch = 0; batch < 10; batch += 1) {
    await Promise.all(Array.from({ length: 20 }, () => submit(url, ORDER)));
  }

  const page = await visitor.page({ fontOnly: true, viewport: { width: 1080, height: 800 } });
  await page.goto(url);
  // A few are settled each second, and some are always on their way.
  notification.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 4000 }]);
  const isOver = delay(PLOTTED_MS, 'over');
  while ((await Promise.race([isOver, delay(50)])) !== 'over') {
    void submit(url, ORDER, { prefer: 'respond-async' });
  }
  await delay(SETTLING_MS);
  await page.screenshot({ path: at('overview.png') });
  await page.locator('#flow').screenshot({ path: at('flow.png') });

  const dark = await visitor.page({
    fontOnly: true,
    colorScheme: 'dark',
    viewport: { width: 1080, height: 900 },
  });
  await dark.goto(`${url}/sagas/${parked}`);
  await dark.locator('#live.is-live').waitFor();
  await dark.screenshot({ path: at('saga.png') });

  const two = await world.process({ COORDINATOR_ID: 'two', FAULTS: '1' });
  const three = await world.process({ COORDINATOR_ID: 'three' });
  const begun = [url, two.url, three.url].flatMap((one) =>
    Array.from({ length: 24 }, () => submit(one, ORDER, { prefer: 'respond-async' })),
  );
  await Promise.all(begun);
  await three.end();
  await dark.goto(`${two.url}/theatre`);
  await dark.locator('#live.is-live').waitFor();
  // Until the lease of the one that was killed has ended.
  await dark.locator('#lanes', { hasText: /Taken over: [1-9]/ }).waitFor();
  // They are seen to go from lane to lane.
  await delay(SETTLING_MS);
  await dark.locator('#lanes').screenshot({ path: at('theatre.png') });
} finally {
  await visitor.close();
  await world.close();
}
