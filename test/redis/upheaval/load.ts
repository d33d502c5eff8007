/**
 * Orders without pause at a coordinator, and what came of each: what it was told of them is held against its sagas, and
 * those against the books of the services, which know nothing of sagas.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { request } from 'undici';
import { SERVICE_NAMES } from '../../../services-stub/start.ts';
import { readBooks } from '../../chaos/books.ts';
import { priceOf, QUANTITY } from '../../chaos/clients.ts';
import { ORDER, send, type World } from '../../coordinator/world.ts';

/** What an operation cost. */
export interface Toll {
  /** Acknowledged: the coordinator has said that the saga runs, or how it ended. */
  readonly sagas: number;
  /** Of those, how many it knows nothing of any more. */
  readonly lost: number;
  /** Orders of which some service has done more than once what was ordered once. */
  readonly doubled: number;
  /** Still running long after everything was healed. */
  readonly stuck: number;
  /** Not completed, although no service ever refused or failed: parked, or undone. */
  readonly wrong: number;
  /** Completed, and some service holds nothing of it. */
  readonly hollow: number;
  /** The longest time in which no order was acknowledged. */
  readonly silentMs: number;
}

const WRITERS = 8;
const REQUEST_TIMEOUT_MS = 15_000;
const AGAIN_MS = 20;
const PAGE = 100;

export class Load {
  readonly #world: World;
  readonly #url: string;
  readonly #acknowledged = new Map<number, string>();
  readonly #writers: Promise<unknown>;
  #number = 0;
  #ended = false;
  #silentMs = 0;
  #lastAtMs = performance.now();

  constructor(world: World, url: string) {
    this.#world = world;
    this.#url = url;
    this.#writers = Promise.all(Array.from({ length: WRITERS }, () => this.#write()));
  }

  /** Resolves when so many more orders have been acknowledged. */
  async more(count: number): Promise<void> {
    const enough = this.#acknowledged.size + count;
    // A writer that ends before it is told to has failed.
    while (this.#acknowledged.size < enough) await Promise.race([pause(AGAIN_MS), this.#writers]);
  }

  /** No further orders, and what became of all of them: it resolves when none runs any more, or after so long. */
  async toll(settleMs = 60_000): Promise<Toll> {
    this.#ended = true;
    await this.#writers;
    const deadlineMs = performance.now() + settleMs;
    let statuses = await this.#statuses();
    const running = () => [...statuses.values()].filter((status) => status === 'STARTED').length;
    while (running() > 0 && performance.now() < deadlineMs) {
      await pause(100);
      statuses = await this.#statuses();
    }
    const books = readBooks(this.#world.services);
    const held = (number: number) => {
      const holding = books.holding(number);
      return SERVICE_NAMES.map((name) => holding[name]);
    };
    const orders = [...this.#acknowledged].map(([number, id]) => ({ number, status: statuses.get(id) }));
    const numbers = Array.from({ length: this.#number }, (_, number) => number);
    return {
      sagas: orders.length,
      lost: orders.filter(({ status }) => status === undefined).length,
      doubled: numbers.filter((number) => held(number).some((times) => times > 1)).length,
      stuck: running(),
      wrong: [...statuses.values()].filter((status) => status === 'ABORTED' || status === 'FAILED').length,
      hollow: orders.filter(({ number, status }) => status === 'COMPLETED' && held(number).includes(0))
        .length,
      silentMs: this.#silentMs,
    };
  }

  async #write(): Promise<void> {
    while (!this.#ended) {
      const number = this.#number;
      this.#number += 1;
      let sagaId = await this.#place(number);
      while (sagaId === null) {
        await pause(AGAIN_MS);
        sagaId = await this.#place(number);
      }
      this.#acknowledged.set(number, sagaId);
      const nowMs = performance.now();
      this.#silentMs = Math.max(this.#silentMs, nowMs - this.#lastAtMs);
      this.#lastAtMs = nowMs;
    }
  }

  /** The saga's id, or `null` where the order is to be placed again under the same key. */
  async #place(number: number): Promise<string | null> {
    const items = [{ product_id: 'widget', quantity: QUANTITY, unit_price: priceOf(number) }];
    try {
      const { statusCode, body } = await request(`${this.#url}/api/coordinator/orders`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': `"order-${number}"`,
          prefer: 'wait=3',
        },
        body: JSON.stringify({ ...ORDER, items }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      });
      const answer = (await body.json()) as Record<string, unknown>;
      if (statusCode === 503) return null;
      if (typeof answer.saga_id === 'string') return answer.saga_id;
      throw new Unexpected(`order ${number} was answered ${statusCode} ${JSON.stringify(answer)}`);
    } catch (error) {
      if (error instanceof Unexpected) throw error;
      return null;
    }
  }

  /** Of every saga that the coordinator knows. */
  async #statuses(): Promise<Map<string, string>> {
    const statuses = new Map<string, string>();
    for (let cursor: string | null = ''; cursor !== null; ) {
      const from: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { status, body } = await send(`${this.#url}/api/coordinator/sagas?limit=${PAGE}${from}`);
      if (status === 503) {
        await pause(AGAIN_MS);
        continue;
      }
      for (const saga of body.sagas) statuses.set(saga.saga_id, saga.status);
      cursor = body.cursor;
    }
    return statuses;
  }
}

class Unexpected extends Error {}
