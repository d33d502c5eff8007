import { describe, expect, it } from 'vitest';
import { createInventory, type Stock } from '../../services-stub/inventory.ts';
import { Caller } from './caller.ts';
import { participantSuite } from './participant-suite.ts';
import { simulatedMeans } from './simulated-means.ts';

const reserve = (
  product_id: string,
  quantity: number,
  ...more: { product_id: string; quantity: number }[]
) => ({
  order_id: 'ord_1',
  items: [{ product_id, quantity }, ...more],
});
const request = reserve('widget', 2);

participantSuite({
  service: 'inventory',
  create: createInventory,
  request,
  idOf: ({ body }) => body.reservations[0].reservation_id,
  idPattern: /^res_/,
  refused: { request: reserve('limited-edition', 4), status: 409, type: 'out-of-stock' },
  unfit: { request: { ...request, items: [] }, pointer: '/items' },
  listName: 'reservations',
  heldStatus: 'RESERVED',
  undoneStatus: 'RELEASED',
  undoneAnswer: 'released',
});

describe('stock', () => {
  const open = (stock: Stock = {}) => {
    const participant = createInventory(simulatedMeans(), stock);
    return { caller: new Caller(participant), available: participant.books.available };
  };

  it('gives one reservation for each item', async () => {
    const { caller } = open();
    const { body } = await caller.action(reserve('widget', 2, { product_id: 'gizmo', quantity: 1 }));
    expect(body).toEqual({
      reservations: [
        { reservation_id: 'res_1', product_id: 'widget', quantity: 2 },
        { reservation_id: 'res_2', product_id: 'gizmo', quantity: 1 },
      ],
      order_id: 'ord_1',
      status: 'RESERVED',
    });
  });

  it('runs out and comes back', async () => {
    const { caller } = open();
    for (const saga of ['a', 'b', 'c']) {
      expect((await caller.action(reserve('limited-edition', 1), { saga })).status).toBe(201);
    }
    expect(await caller.action(reserve('limited-edition', 1), { saga: 'd' })).toMatchObject({
      status: 409,
      body: {
        type: 'out-of-stock',
        shortages: [{ product_id: 'limited-edition', requested: 1, available: 0 }],
      },
    });
    await caller.compensate({}, { saga: 'b' });
    expect((await caller.action(reserve('limited-edition', 1), { saga: 'e' })).status).toBe(201);
  });

  it('reserves all items or none', async () => {
    const { caller, available } = open({ widget: 10 });
    const both = reserve('widget', 5, { product_id: 'limited-edition', quantity: 4 });
    expect((await caller.action(both)).status).toBe(409);
    expect(available.get('widget')).toBe(10);
    expect((await caller.get('/api/inventory/reservations')).body.count).toBe(0);
  });

  it('adds up items of the same product', async () => {
    const { caller, available } = open({ widget: 3 });
    const twice = reserve('widget', 2, { product_id: 'widget', quantity: 2 });
    expect((await caller.action(twice)).status).toBe(409);
    expect(available.get('widget')).toBe(3);
  });

  it('refuses a product that the catalogue lacks, by whatever name', async () => {
    const { caller } = open();
    for (const product_id of ['unobtainium', '__proto__', 'constructor']) {
      const answer = await caller.action(reserve(product_id, 1), { saga: product_id });
      expect(answer).toMatchObject({
        status: 422,
        body: { type: 'unknown-product', product_ids: [product_id] },
      });
    }
  });

  it('gives back once, however often the release is repeated', async () => {
    const { caller, available } = open({ widget: 5 });
    await caller.action(request);
    expect(available.get('widget')).toBe(3);
    for (let repeat = 0; repeat < 3; repeat++) await caller.compensate(request);
    expect(available.get('widget')).toBe(5);
  });

  it('gives nothing back for a release without a reservation, whatever the body claims', async () => {
    const { caller, available } = open({ widget: 5 });
    const reservations = [{ reservation_id: 'res_1', product_id: 'widget', quantity: 100 }];
    await caller.compensate({ ...request, inventory_reservations: reservations });
    expect(available.get('widget')).toBe(5);
  });

  it('is never oversold by orders that come together', async () => {
    const { caller, available } = open({ widget: 7 });
    const sagas = Array.from({ length: 20 }, (_, nth) => `saga-${nth}`);
    const answers = await Promise.all(sagas.map((saga) => caller.action(reserve('widget', 1), { saga })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(7);
    expect(available.get('widget')).toBe(0);
  });

  it('can be read', async () => {
    const { caller } = open({ widget: 5 });
    await caller.action(request);
    const { stock } = (await caller.get('/api/inventory/stock')).body;
    expect(stock).toContainEqual({ product_id: 'widget', available: 3 });
    expect(stock).toContainEqual({ product_id: 'limited-edition', available: 3 });
  });
});
