/** Coordinators of several releases on one Redis: a rolling update, over real HTTP and with real services. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { orderSaga } from '../../machines/order.ts';
import type { Sagas } from '../../server/assembly.ts';
import { ORDER_OUTLINE } from '../../server/config.ts';
import type { Coordinator } from '../../server/coordinator.ts';
import { orderSaga2 } from '../machines/order-2.ts';
import { ORDER, openWorld, send, settled, submit, type World } from './world.ts';

const onlyNew: Sagas = ({ policiesOf }) => [orderSaga2(policiesOf(ORDER_OUTLINE))];
const both: Sagas = ({ policiesOf }) => [
  orderSaga(policiesOf(ORDER_OUTLINE)),
  orderSaga2(policiesOf(ORDER_OUTLINE)),
];
const changed: Sagas = ({ policiesOf }) => [{ ...orderSaga2(policiesOf(ORDER_OUTLINE)), version: '1' }];

let world: World;
/** Calls that are to be slow stay away until they are let go. */
let entered: Promise<void>;
let letGo: () => void;

beforeAll(async () => {
  let enter = () => {};
  entered = new Promise((resolve) => {
    enter = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const sleep = () => {
    enter();
    return opened;
  };
  world = await openWorld({ clock: { now: Date.now, sleep } });
});
afterAll(() => world.close());

const actions = (sagaId: string) =>
  world
    .calls(sagaId)
    .filter((call) => call.endsWith('action performed'))
    .map((call) => call.split(' ')[0]);
const BEGUN_ON_1 = ['order', 'inventory', 'payment', 'shipping', 'notification'];
const BEGUN_ON_2 = ['order', 'payment', 'inventory', 'shipping', 'notification'];

/** How often a coordinator has asked for what is due. */
async function rounds({ url }: Coordinator): Promise<number> {
  const { body } = await send(`${url}/metrics`);
  const count = /^saga_store_operation_duration_seconds_count\{operation="due",result="ok"\} (\d+)$/m;
  return Number(count.exec(body)?.[1]);
}

describe('a rolling update', () => {
  it('lets old orders end on the old version, and begins new ones on the newest', async () => {
    const old = await world.coordinator({ COORDINATOR_ID: 'old', DRAIN_MS: '1' });
    world.services.inventory.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
    const { body: begun } = await submit(old.url, ORDER, { prefer: 'respond-async' });
    await entered;
    const newer = await world.coordinator({ COORDINATOR_ID: 'newer' }, onlyNew);
    await expect(world.coordinator({ COORDINATOR_ID: 'changed' }, changed)).rejects.toThrow(
      /^machine order@1 has changed: .* other coordinators run it as it was: old\.$/,
    );
    await old.stop();
    letGo();

    // Given back and due: but whoever does not know its version lets it be, round after round.
    const since = await rounds(newer);
    while ((await rounds(newer)) < since + 5);
    const waiting = await send(`${newer.url}/api/coordinator/sagas/${begun.saga_id}`);
    expect(waiting.body).toMatchObject({ status: 'STARTED', state: 'reservingInventory.calling' });
    expect(actions((await submit(newer.url)).body.saga_id)).toEqual(BEGUN_ON_2);
    const refused = await send(`${newer.url}/api/coordinator/sagas/${begun.saga_id}/cancel`, {
      method: 'POST',
      body: { reason: 'a test' },
    });
    expect(refused).toMatchObject({ status: 409, body: { type: 'no-such-event' } });
    expect(refused.body.detail).toBe(
      'this coordinator does not run order@1, on which the saga began: ask one that does',
    );

    const bridge = await world.coordinator({ COORDINATOR_ID: 'bridge' }, both);
    expect((await settled(bridge.url, begun.saga_id)).body.status).toBe('COMPLETED');
    expect(actions(begun.saga_id)).toEqual(BEGUN_ON_1);
    const { status, body } = await submit(bridge.url);
    expect(status).toBe(201);
    expect(actions(body.saga_id)).toEqual(BEGUN_ON_2);
  });

  it('moves a saga to the version to which a migration leads', async () => {
    const before: Sagas = ({ policiesOf }) => [{ ...orderSaga(policiesOf(ORDER_OUTLINE)), version: '20' }];
    const after: Sagas = ({ policiesOf }) => [
      {
        ...orderSaga(policiesOf(ORDER_OUTLINE)),
        version: '21',
        migrations: [{ from: '20', migrate: (snapshot) => snapshot }],
      },
    ];
    const busy = { endpoint: 'action', kind: 'status', status: 503, retry_after: 300, times: 1 } as const;
    world.services.shipping.faults.set([busy]);
    const old = await world.coordinator({ COORDINATOR_ID: 'twenty' }, before);
    const { body } = await submit(old.url, ORDER, { prefer: 'respond-async' });
    const path = `/api/coordinator/sagas/${body.saga_id}`;
    while ((await send(old.url + path)).body.state !== 'schedulingShipping.waiting');
    const { url, stop } = await world.coordinator({ COORDINATOR_ID: 'twenty-one' }, after);
    await old.stop();
    const asked = await send(`${url}${path}/retry`, { method: 'POST', body: { reason: 'a test' } });
    expect(asked.status).toBe(202);
    const ended = await settled(url, body.saga_id);
    expect(ended.body).toMatchObject({ status: 'COMPLETED', machine: { id: 'order', version: '21' } });
    const events = ended.body.execution_log.map(({ event }: { event: string }) => event);
    expect(events.filter((event: string) => event === 'migrated')).toHaveLength(1);
    expect(actions(body.saga_id)).toEqual(BEGUN_ON_1);
    await stop();
  });

  it('takes a changed machine under its old version as soon as nobody needs the old one', async () => {
    const asItWas: Sagas = ({ policiesOf }) => [{ ...orderSaga(policiesOf(ORDER_OUTLINE)), version: '7' }];
    const asItIs: Sagas = ({ policiesOf }) => [{ ...orderSaga2(policiesOf(ORDER_OUTLINE)), version: '7' }];
    const old = await world.coordinator({ COORDINATOR_ID: 'before' }, asItWas);
    expect(actions((await submit(old.url)).body.saga_id)).toEqual(BEGUN_ON_1);
    await expect(world.coordinator({ COORDINATOR_ID: 'after' }, asItIs)).rejects.toThrow('has changed');
    await old.stop();
    const { url } = await world.coordinator({ COORDINATOR_ID: 'after' }, asItIs);
    expect(actions((await submit(url)).body.saga_id)).toEqual(BEGUN_ON_2);
  });
});
