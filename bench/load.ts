/** A closed loop: so many clients, each of which sends its next order when the last one was answered. */
import { Pool } from 'undici';

export interface Load {
  readonly url: string;
  readonly clients: number;
  /** Orders in all. */
  readonly orders: number;
  readonly declined: boolean;
  /** Does not wait for the end of the saga: the answer is 202. Where there is no room just then, it is sent again. */
  readonly async?: boolean;
}

export interface Driven {
  readonly seconds: number;
  /** Milliseconds from sending an order to its answer, in ascending order. */
  readonly latenciesMs: readonly number[];
  /** How often each status code was answered. */
  readonly statuses: Readonly<Record<number, number>>;
}

const AGAIN_MAX = 1000;
const AGAIN_AFTER_MS = 100;

export const ORDER_PATH = '/api/coordinator/orders';
export const orderBody = (declined: boolean) =>
  JSON.stringify({
    customer_id: 'cust_42',
    items: [{ product_id: 'widget', quantity: 2, unit_price: 1999 }],
    currency: 'EUR',
    payment: { method: 'card', token: declined ? 'tok_declined' : 'tok_visa' },
    shipping_address: {
      name: 'Ada Lovelace',
      line1: '12 St James Square',
      city: 'London',
      postal_code: 'SW1Y 4JH',
      country: 'GB',
    },
  });

export async function drive({ url, clients, orders, declined, async = false }: Load): Promise<Driven> {
  const pool = new Pool(url, { connections: clients, headersTimeout: 120_000, bodyTimeout: 120_000 });
  const body = orderBody(declined);
  const latenciesMs: number[] = [];
  const statuses: Record<number, number> = {};
  let left = orders;
  let keys = 0;
  const prefix = `${process.pid}-${Date.now()}`;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      keys += 1;
      const sentAt = performance.now();
      const request = {
        method: 'POST' as const,
        path: ORDER_PATH,
        headers: {
          'content-type': 'application/json',
          'idempotency-key': `"${prefix}-${keys}"`,
          ...(async && { prefer: 'respond-async' }),
        },
        body,
      };
      let answer = await pool.request(request);
      await answer.body.dump();
      for (let again = 0; async && answer.statusCode === 503 && again < AGAIN_MAX; again += 1) {
        await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
        answer = await pool.request(request);
        await answer.body.dump();
      }
      latenciesMs.push(performance.now() - sentAt);
      statuses[answer.statusCode] = (statuses[answer.statusCode] ?? 0) + 1;
    }
  };
  const beganAt = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - beganAt) / 1000;
  await pool.destroy();
  latenciesMs.sort((a, b) => a - b);
  return { seconds, latenciesMs, statuses };
}
