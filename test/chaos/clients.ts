/** Clients as the world has them: some send a key and some do not, some wait and some do not; all try again. */
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { ORDER } from '../coordinator/world.ts';
import { Dice } from './dice.ts';
import type { Member } from './fleet.ts';

export interface PlannedOrder {
  readonly number: number;
  /** `null` for a client that sends none: when its answer is lost, it orders twice. */
  readonly key: string | null;
  readonly waits: boolean;
  readonly body: object;
}

/** What a client holds in its hands: the coordinator has said that this saga runs, or how it ended. */
export interface Acknowledged {
  readonly order: PlannedOrder;
  readonly sagaId: string;
  readonly saidStatus: string;
}

export interface Clients {
  readonly acknowledged: readonly Acknowledged[];
  /** Orders that no coordinator ever acknowledged, with the last thing that was said. */
  readonly givenUp: readonly string[];
  /** Answers that no contract allows. */
  readonly unexpected: readonly string[];
  /** Requests beyond the first of an order. */
  readonly repeated: number;
  /** Requests of each order: without a key each may have begun a saga. */
  readonly requests: ReadonlyMap<number, number>;
  /** Begins no more orders; resolves when every one that was begun is acknowledged or given up. */
  end(): Promise<void>;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 6000;
const REQUESTS_MAX = 100;
/** They wait longer each time, or clients without a key would multiply the load that makes them repeat. */
const AGAIN_MS = { first: 100, most: 2000 } as const;
/** Clients that wait for an acknowledgement at the same time. */
const IN_FLIGHT_MAX = 200;

/** Most orders succeed; of each kind of refusal there are some. */
const CHANGES: readonly (readonly [probability: number, change: object])[] = [
  [0.05, { customer_id: 'cust_blocked' }],
  [0.05, { items: [{ product_id: 'unknown', quantity: 1 }] }],
  [0.08, { payment: { method: 'card', token: 'tok_declined' } }],
  [0.08, { shipping_address: { ...ORDER.shipping_address, country: 'XX' } }],
  [0.1, { customer_id: 'cust_unreachable' }],
];

/** By its price an order is known again in the services' books, which know nothing of sagas. */
export const priceOf = (number: number): number => 1000 + number;
export const numberOf = (price: number): number => price - 1000;
export const QUANTITY = 2;

export function* plan(seed: number): Generator<PlannedOrder, never> {
  const dice = new Dice(seed);
  for (let number = 0; ; number += 1) {
    let left = dice.next();
    const change = CHANGES.find(([probability]) => {
      left -= probability;
      return left < 0;
    });
    const { items = ORDER.items, ...others } = (change?.[1] ?? {}) as Partial<typeof ORDER>;
    const [item = {}] = items;
    yield {
      number,
      key: dice.chance(0.5) ? `chaos-${seed}-${number}` : null,
      waits: dice.chance(0.5),
      body: {
        ...ORDER,
        ...others,
        items: [{ ...item, quantity: QUANTITY, unit_price: priceOf(number) }],
      },
    };
  }
}

/** The same orders, all with a key: each is one saga, however often it is repeated. */
export function* keyed(seed: number): Generator<PlannedOrder> {
  for (const order of plan(seed)) yield { ...order, key: order.key ?? `keyed-${seed}-${order.number}` };
}

/** Places orders at an even rate, or slower where the coordinators cannot keep up. */
export function beginPlacing(
  orders: Iterable<PlannedOrder>,
  fleet: readonly Member[],
  ordersASecond: number,
  seed: number,
): Clients {
  const acknowledged: Acknowledged[] = [];
  const givenUp: string[] = [];
  const unexpected: string[] = [];
  const requests = new Map<number, number>();
  let repeated = 0;
  let isOver = false;
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

  const ask = async (order: PlannedOrder, url: string) => {
    const { statusCode, body } = await request(`${url}/api/coordinator/orders`, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(order.key === null ? {} : { 'idempotency-key': order.key }),
        prefer: order.waits ? 'wait=3' : 'respond-async',
      },
      body: JSON.stringify(order.body),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return { statusCode, body: (await body.json()) as Record<string, unknown> };
  };

  const place = async (order: PlannedOrder) => {
    const dice = new Dice(seed + order.number);
    let said = '';
    for (let asked = 1; asked <= REQUESTS_MAX; asked += 1) {
      requests.set(order.number, asked);
      if (asked > 1) repeated += 1;
      try {
        const { statusCode, body } = await ask(order, dice.pick(fleet).url);
        if ([201, 202, 409].includes(statusCode)) {
          acknowledged.push({ order, sagaId: String(body.saga_id), saidStatus: String(body.status) });
          return;
        }
        said = `${statusCode} ${String(body.type)}`;
        if (statusCode !== 503) unexpected.push(`order ${order.number} was answered ${said}`);
      } catch (error) {
        said = String(error);
      }
      await pause(dice.whole(50, Math.min(AGAIN_MS.most, AGAIN_MS.first * 2 ** asked)));
    }
    givenUp.push(`order ${order.number}: ${said}`);
  };

  const placeAll = async () => {
    const begunAt = performance.now();
    const placing = new Set<Promise<void>>();
    for (const order of orders) {
      const waitMs = (order.number / ordersASecond) * 1000 - (performance.now() - begunAt);
      if (waitMs > 1) await pause(waitMs);
      while (placing.size >= IN_FLIGHT_MAX) await Promise.race(placing);
      if (isOver) break;
      const one = place(order).finally(() => placing.delete(one));
      placing.add(one);
    }
    await Promise.all(placing);
  };

  const placing = placeAll();
  return {
    acknowledged,
    givenUp,
    unexpected,
    requests,
    get repeated() {
      return repeated;
    },
    end() {
      isOver = true;
      return placing;
    },
    close: () => agent.destroy(),
  };
}
