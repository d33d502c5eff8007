/** The participants of the sagas trip and returns, and the ports at which they are found. */
import { createDesk, type Desk, type DeskCall } from './desk.ts';
import type { Means } from './means.ts';

export const DESK_PORTS = {
  airline: 8005,
  hotel: 8006,
  insurer: 8007,
  embassy: 8008,
  bank: 8009,
  warehouse: 8010,
  carrier: 8011,
} as const;
export type DeskName = keyof typeof DESK_PORTS;

const CALLS: Readonly<Record<DeskName, readonly DeskCall[]>> = {
  airline: [
    {
      action: '/api/flights/book',
      compensation: '/api/flights/cancel',
      gives: ['booking', 'flt_'],
      also: { price: 12_500 },
    },
    { action: '/api/tickets/issue', compensation: null, gives: ['tickets', 'tkt_'], isList: true },
  ],
  hotel: [{ action: '/api/rooms/reserve', compensation: '/api/rooms/release', gives: ['room', 'room_'] }],
  insurer: [{ action: '/api/policies/issue', compensation: '/api/policies/void', gives: ['policy', 'pol_'] }],
  embassy: [{ action: '/api/visas/apply', compensation: null, gives: ['visa_no', 'visa_'], isLater: true }],
  bank: [
    { action: '/api/charges/make', compensation: null, gives: ['charge', 'chg_'] },
    { action: '/api/refunds/make', compensation: null, gives: ['refund', 'rfd_'] },
    { action: '/api/receipts/send', compensation: null, gives: ['receipt', 'rcp_'] },
  ],
  warehouse: [
    { action: '/api/returns/open', compensation: '/api/returns/close', gives: ['return_id', 'ret_'] },
    { action: '/api/stock/return', compensation: null, gives: ['shelf', 'shelf_'] },
  ],
  carrier: [{ action: '/api/couriers/book', compensation: null, gives: ['parcel', 'par_'] }],
};

export function isDesk(name: string): name is DeskName {
  return name in DESK_PORTS;
}

export function createNamedDesk<Name extends DeskName>(name: Name, means: Means): Desk<Name> {
  return createDesk(name, CALLS[name], means);
}
