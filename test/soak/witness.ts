/**
 * Looks at each saga before it is purged: what its record says when it has ended is held against the journals of the services. It
 * is the operator, too: what is parked is retried, so that all ends some day.
 */
import type { JournalEntry } from '../../services-stub/journal.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { compared, type Holding, readBooks } from '../chaos/books.ts';
import type { Clients } from '../chaos/clients.ts';
import { judge } from '../chaos/effects.ts';
import type { Saga } from '../chaos/saga.ts';
import { send, type World } from '../coordinator/world.ts';

/** Sagas that are asked for at the same time. */
const AT_ONCE = 16;
const NOTHING: Holding = { order: 0, inventory: 0, payment: 0, shipping: 0, notification: 0 };

export class Witness {
  readonly #world: World;
  readonly #clients: Clients;
  readonly #problems: string[] = [];
  readonly #calls = new Map<string, JournalEntry[]>();
  /** How many entries of each journal are in them. */
  readonly #read = new Map<string, number>();
  /** By saga, the order that it is of; of those that have not ended. */
  readonly #open = new Map<string, number>();
  /** Steps of which each saga that was parked ever said that they are held. */
  readonly #held = new Map<string, readonly string[]>();
  readonly #ended = new Map<string, { readonly number: number; readonly status: Saga['status'] }>();
  #heard = 0;
  #parkings = 0;
  #migrated = 0;

  constructor(world: World, clients: Clients) {
    this.#world = world;
    this.#clients = clients;
  }

  get ended(): number {
    return this.#ended.size;
  }

  get open(): number {
    return this.#open.size;
  }

  get parkings(): number {
    return this.#parkings;
  }

  get migrated(): number {
    return this.#migrated;
  }

  has(sagaId: string): boolean {
    return this.#ended.has(sagaId);
  }

  count(status: Saga['status']): number {
    return [...this.#ended.values()].filter((one) => one.status === status).length;
  }

  /** One look at all that are open, by way of this coordinator; what is parked is retried. */
  async round(url: string): Promise<void> {
    for (const { order, sagaId } of this.#clients.acknowledged.slice(this.#heard))
      this.#open.set(sagaId, order.number);
    this.#heard = this.#clients.acknowledged.length;
    this.#readJournals();
    const open = [...this.#open];
    const ask = async () => {
      for (let next = open.pop(); next !== undefined; next = open.pop()) await this.#look(url, ...next);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
  }

  /** When all has ended: whether anything was done since that must not have been, and whether the services' books agree. */
  verdict(): readonly string[] {
    this.#readJournals();
    const problems = [...this.#problems];
    const books = readBooks(this.#world.services);
    problems.push(...books.problems);
    for (const [id, { number, status }] of this.#ended) {
      const calls = this.#calls.get(id) ?? [];
      const stands = status === 'COMPLETED' ? 1 : 0;
      const holding = { ...NOTHING };
      for (const name of SERVICE_NAMES) {
        const times = (kind: string) =>
          calls.filter((c) => c.service === name && c.kind === kind && c.outcome === 'performed').length;
        holding[name] = times('action') - times('compensation');
        if (times('action') > 1 || times('compensation') > 1 || holding[name] !== stands)
          problems.push(
            `saga ${id} (${status}): ${name} did ${times('action')}, and undid ${times('compensation')}`,
          );
      }
      problems.push(...compared(number, books.holding(number), holding));
      this.#calls.delete(id);
    }
    for (const id of this.#calls.keys())
      problems.push(`services were called for saga ${id}, which nobody knows`);
    for (const name of SERVICE_NAMES) {
      const { forgotten } = this.#world.services[name].journal;
      if (forgotten > 0) problems.push(`the journal of ${name} has forgotten ${forgotten} calls`);
    }
    return problems;
  }

  async #look(url: string, id: string, number: number): Promise<void> {
    const { status: code, body } = await send(`${url}/api/coordinator/sagas/${id}`);
    if (code === 503) return;
    if (code !== 200) {
      this.#open.delete(id);
      this.#problems.push(`saga ${id} of order ${number} was acknowledged, and is answered ${code}`);
      return;
    }
    const saga = body as Saga;
    if (saga.status === 'STARTED') return;
    const ever = this.#held.get(id) ?? [];
    if (saga.status === 'ABORTED') {
      this.#parkings += 1;
      this.#held.set(id, [...ever, ...(saga.parked?.held ?? []).map(({ step }) => step)]);
      this.#judge(saga, ever);
      const reason = { method: 'POST', body: { reason: 'the service is mended' } };
      const retried = await send(`${url}/api/coordinator/sagas/${id}/retry`, reason);
      // It may be of a later release than this coordinator, which then asks for one that has it.
      if (![202, 409, 503].includes(retried.status))
        this.#problems.push(`the retry of saga ${id} is answered ${retried.status}`);
      return;
    }
    this.#judge(saga, ever);
    this.#open.delete(id);
    this.#ended.set(id, { number, status: saga.status });
    if (saga.execution_log.some(({ event }) => event === 'migrated')) this.#migrated += 1;
  }

  #judge(saga: Saga, everHeld: readonly string[]): void {
    this.#readJournals();
    this.#problems.push(...judge(saga, this.#calls.get(saga.saga_id) ?? [], everHeld).problems);
  }

  #readJournals(): void {
    for (const name of SERVICE_NAMES) {
      const entries = this.#world.services[name].journal.entries();
      for (const entry of entries.slice(this.#read.get(name) ?? 0)) {
        const of = this.#calls.get(entry.saga_id);
        if (of === undefined) this.#calls.set(entry.saga_id, [entry]);
        else of.push(entry);
      }
      this.#read.set(name, entries.length);
    }
  }
}
