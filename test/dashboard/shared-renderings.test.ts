/** What many who look at the same page cost. */
import { expect, it } from 'vitest';
import { SharedRenderings } from '../../server/dashboard/shared-renderings.ts';
import { VirtualClock } from '../engine/virtual-clock.ts';
import { appOver } from '../server/fake-app.ts';

const APART_MS = 250;

it('all who ask before a rendering begins share it, and who comes after gets another', async () => {
  const clock = new VirtualClock();
  const shared = new SharedRenderings<number>(clock);
  let begun = 0;
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const render = async () => {
    begun += 1;
    const own = begun;
    await finished;
    return own;
  };
  const first = Array.from({ length: 50 }, () => shared.of('page', render));
  const other = shared.of('other', render);
  await clock.pass(0);
  expect(begun).toBe(2);
  // What these were told of may have come after it was read.
  const second = Array.from({ length: 50 }, () => shared.of('page', render));
  await clock.pass(APART_MS - 1);
  expect(begun).toBe(2);
  await clock.pass(1);
  finish();
  expect(new Set(await Promise.all(first))).toEqual(new Set([1]));
  expect(await other).toBe(2);
  expect(new Set(await Promise.all(second))).toEqual(new Set([3]));
});

it('a rendering that fails fails for those who share it, and the next is made anew', async () => {
  const clock = new VirtualClock();
  const shared = new SharedRenderings<string>(clock);
  const failing = [1, 2].map(() => shared.of('page', () => Promise.reject(new Error('away'))));
  const failed = Promise.allSettled(failing);
  await clock.pass(0);
  expect((await failed).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const next = shared.of('page', async () => 'back');
  await clock.pass(APART_MS);
  expect(await next).toBe('back');
});

it('pages that follow what happens are rendered once for all who ask, and opened ones for each', async () => {
  let listed = 0;
  const app = appOver({
    position: async () => 'here',
    list: async () => {
      listed += 1;
      return { sagas: [], cursor: null, damage: [] };
    },
    store: { kind: 'memory', durability: 'none', survivesRestart: false, partitions: 1 },
  } as never);
  const ask = (headers: Record<string, string>) =>
    Promise.all(
      Array.from({ length: 20 }, async () => {
        const answer = await app.request('/sagas', { headers: { accept: 'text/html', ...headers } });
        expect(answer.status).toBe(200);
        return answer.text();
      }),
    );
  const refreshed = await ask({ 'saga-refresh': '1' });
  expect(listed).toBe(1);
  expect(new Set(refreshed).size).toBe(1);
  expect(refreshed[0]).toContain('<title>Sagas');
  await ask({});
  expect(listed).toBe(21);
});
