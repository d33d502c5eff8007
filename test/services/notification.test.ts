import { expect, it } from 'vitest';
import { createNotification } from '../../services-stub/notification.ts';
import { Caller } from './caller.ts';
import { participantSuite } from './participant-suite.ts';
import { simulatedMeans } from './simulated-means.ts';

const request = { order_id: 'ord_1', customer_id: 'cust_1', tracking_number: 'TRK1' };

participantSuite({
  service: 'notification',
  create: createNotification,
  request,
  idOf: ({ body }) => body.notification_id,
  idPattern: /^ntf_/,
  refused: {
    request: { ...request, customer_id: 'cust_unreachable' },
    status: 409,
    type: 'customer-unreachable',
  },
  unfit: { request: { ...request, tracking_number: '' }, pointer: '/tracking_number' },
  listName: 'notifications',
  heldStatus: 'SENT',
  undoneStatus: 'CANCELLED',
  undoneAnswer: 'cancelled',
});

it('says what was sent, to whom and when', async () => {
  const { body } = await new Caller(createNotification(simulatedMeans())).action(request);
  expect(body).toEqual({
    notification_id: 'ntf_1',
    ...request,
    sent_at: '2026-01-01T00:00:00.000Z',
    status: 'SENT',
  });
});

it('sends one notification however often it is asked to', async () => {
  const participant = createNotification(simulatedMeans());
  const caller = new Caller(participant);
  await Promise.all(Array.from({ length: 5 }, () => caller.action(request)));
  expect(participant.books.notifications.size).toBe(1);
});
