import { expect, it } from 'vitest';
import { createShipping } from '../../services-stub/shipping.ts';
import { Caller } from './caller.ts';
import { participantSuite } from './participant-suite.ts';
import { simulatedMeans } from './simulated-means.ts';

const shipping_address = {
  name: 'Ada Lovelace',
  line1: '12 St James Square',
  city: 'London',
  postal_code: 'SW1Y 4JH',
  country: 'GB',
};
const items = [{ product_id: 'widget', quantity: 2, unit_price: 1250 }];
const request = { order_id: 'ord_1', items, shipping_address };

participantSuite({
  service: 'shipping',
  create: createShipping,
  request,
  idOf: ({ body }) => body.tracking_number,
  idPattern: /^TRK/,
  refused: {
    request: { ...request, shipping_address: { ...shipping_address, country: 'XX' } },
    status: 422,
    type: 'undeliverable',
  },
  unfit: {
    request: { ...request, shipping_address: { ...shipping_address, country: 'England' } },
    pointer: '/shipping_address/country',
  },
  listName: 'shipments',
  heldStatus: 'SCHEDULED',
  undoneStatus: 'CANCELLED',
  undoneAnswer: 'cancelled',
});

it('keeps of the address only the country', async () => {
  const participant = createShipping(simulatedMeans());
  const { body } = await new Caller(participant).action(request);
  expect(participant.books.shipments.get(body.tracking_number)).toMatchObject({ country: 'GB' });
  expect(JSON.stringify([...participant.books.shipments.values()])).not.toContain('Lovelace');
});

it('writes tracking numbers in capitals', async () => {
  const means = { ...simulatedMeans(), newId: (prefix: string) => `${prefix}0a1b` };
  expect((await new Caller(createShipping(means)).action(request)).body.tracking_number).toBe('TRK0A1B');
});

it('accepts an address with the optional lines', async () => {
  const address = { ...shipping_address, line2: 'Flat 3', region: 'Greater London' };
  const answer = await new Caller(createShipping(simulatedMeans())).action({
    ...request,
    shipping_address: address,
  });
  expect(answer.status).toBe(201);
});
