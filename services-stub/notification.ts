/** Notifications: sent; what was sent cannot be unsent, so a cancellation marks it as withdrawn by a second message. */
import { z } from 'zod';
import { Book } from './book.ts';
import type { Means } from './means.ts';
import { createParticipant, done } from './participant.ts';
import { problem } from './wire.ts';

export interface Notification {
  readonly notification_id: string;
  readonly order_id: string;
  readonly customer_id: string;
  readonly tracking_number: string;
  readonly sent_at: string;
  readonly status: 'SENT' | 'CANCELLED';
}

const NotificationRequest = z.object({
  order_id: z.string().min(1).max(200),
  customer_id: z.string().min(1).max(200),
  tracking_number: z.string().min(1).max(200),
});

const UNREACHABLE_CUSTOMER = 'cust_unreachable';

export function createNotification(means: Means) {
  const notifications = new Book<Notification>();
  return createParticipant(
    {
      service: 'notification',
      action: {
        path: '/api/notifications/send',
        accepts: NotificationRequest,
        perform(request) {
          if (request.customer_id === UNREACHABLE_CUSTOMER) {
            return problem(
              409,
              'customer-unreachable',
              'Customer unreachable',
              'No channel reaches this customer.',
            );
          }
          const notification_id = means.newId('ntf_');
          const sent_at = new Date(means.clock.now()).toISOString();
          const notification = notifications.put(notification_id, {
            notification_id,
            ...request,
            sent_at,
            status: 'SENT',
          });
          return done({ ...notification });
        },
      },
      compensation: {
        path: '/api/notifications/cancel',
        undo({ notification_id }: Notification) {
          notifications.change(notification_id, { status: 'CANCELLED' });
          return { status: 'cancelled', notification_id };
        },
      },
      collection: { path: '/api/notifications', name: 'notifications', book: notifications },
      books: { notifications },
    },
    means,
  );
}
