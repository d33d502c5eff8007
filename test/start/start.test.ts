/** `npm start` for real: what its ready block says to paste is pasted. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { beside, gone, isAlive } from './processes.ts';
import { type Place, place, redisPid } from './start-command.ts';

let here: Place;

beforeEach(async () => {
  here = await place();
});
afterEach(() => here.clear());

interface Sagas {
  readonly sagas: readonly { readonly saga_id: string; readonly status: string }[];
}

const sagas = async (url: string) => ((await (await fetch(url)).json()) as Sagas).sagas;

it('completes the example order, and carries on after a kill -9 of the coordinator', async () => {
  const start = here.run(beside('../../server/start/main.ts'));
  const [, ordersUrl = '', body = ''] = await start.says(
    /curl -i (\S+) -H 'Content-Type: application\/json' -d '(.*)'/,
  );
  const [, sagasUrl = ''] = await start.says(/curl (\S+\/sagas)/);
  const [, pid] = await start.says(/kill -9 (\d+)/);
  const [, servicesPid] = await start.says(/their own process \(pid (\d+)\)/);
  const redis = await redisPid(here.redisSocket);

  const order = await fetch(ordersUrl, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  });
  expect(order.status).toBe(201);
  const { saga_id } = (await order.json()) as { saga_id: string };
  expect(await sagas(sagasUrl)).toMatchObject([{ saga_id, status: 'COMPLETED' }]);

  process.kill(Number(pid), 'SIGKILL');
  const [, assignments = ''] = await start.says(
    /was killed by SIGKILL.*`(.*)npm run coordinator` carries them on/,
  );
  const env = Object.fromEntries(
    assignments
      .trim()
      .split(' ')
      .map((word) => word.split('=', 2)),
  );
  const coordinator = here.run(beside('../../server/main.ts'), [], env);
  await coordinator.says(/"msg":"ready"/);
  expect(await sagas(sagasUrl)).toMatchObject([{ saga_id, status: 'COMPLETED' }]);
  expect(
    (await fetch(ordersUrl, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }))
      .status,
  ).toBe(201);
  coordinator.signal('SIGTERM');
  expect(await coordinator.ended()).toBe(0);
  expect(isAlive(redis)).toBe(true);

  start.signal('SIGINT');
  expect(await start.ended()).toBe(0);
  await gone(Number(pid), Number(servicesPid), redis);
});
