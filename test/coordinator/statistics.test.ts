/** Statistics come from counters inside the commits; here they are held against a recount of every saga. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { ORDER, openWorld, send, submit, type World } from './world.ts';

let world: World;
let urls: string[];

beforeAll(async () => {
  world = await openWorld();
  const coordinators = await Promise.all([
    world.coordinator({ COORDINATOR_ID: 'one' }),
    world.coordinator({ COORDINATOR_ID: 'two' }),
  ]);
  urls = coordinators.map(({ url }) => url);
});
afterAll(() => world.close());

/** Orders that succeed, that are refused at each step, and services whose calls fail at random from a seed. */
const orders = fc.array(
  fc.record({
    customer_id: fc.constantFrom('cust_1', 'cust_1', 'cust_1', 'cust_blocked', 'cust_unreachable'),
    token: fc.constantFrom('tok_visa', 'tok_visa', 'tok_declined'),
    country: fc.constantFrom('GB', 'GB', 'GB', 'XX'),
    coordinator: fc.nat(1),
  }),
  { minLength: 300, maxLength: 300 },
);

interface Saga {
  readonly saga_id: string;
  readonly status: string;
  readonly steps_completed: number;
  readonly total_steps: number;
  readonly failed_step: string | null;
  readonly execution_log: readonly {
    readonly kind: string | null;
    readonly outcome: string | null;
    readonly to: string;
  }[];
}

async function everySaga(url: string): Promise<Saga[]> {
  const found: Saga[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { body } = await send(`${url}/api/coordinator/sagas?limit=100${query}`);
    const ids = body.sagas.map(({ saga_id }: Saga) => saga_id);
    const whole = await Promise.all(ids.map((id: string) => send(`${url}/api/coordinator/sagas/${id}`)));
    found.push(...whole.map(({ body: saga }) => saga));
    cursor = body.cursor;
  } while (cursor !== null);
  return found;
}

/** The statistics as anybody would count them who has all sagas before him. */
function recount(sagas: readonly Saga[]) {
  const count = (of: (saga: Saga) => boolean) => sagas.filter(of).length;
  const sum = (of: (saga: Saga) => number) => sagas.reduce((total, saga) => total + of(saga), 0);
  const entries = sagas.flatMap(({ execution_log }) => execution_log);
  const compensations = entries.filter(
    ({ kind, outcome, to }) => kind === 'compensation' && outcome !== null && !to.endsWith('.waiting'),
  );
  const succeeded = compensations.filter(({ outcome }) => outcome === 'done').length;
  const failures = SERVICE_NAMES.map(
    (name) => [name, count(({ failed_step }) => failed_step === name)] as const,
  );
  const total = sum(({ total_steps }) => total_steps);
  const completed = sum(({ steps_completed }) => steps_completed);
  const rounded = (value: number) => Math.round(value * 100) / 100;
  return {
    total_active_sagas: sagas.length,
    status_breakdown: {
      STARTED: count(({ status }) => status === 'STARTED'),
      COMPLETED: count(({ status }) => status === 'COMPLETED'),
      FAILED: count(({ status }) => status === 'FAILED'),
      ABORTED: count(({ status }) => status === 'ABORTED'),
    },
    total_steps: total,
    completed_steps: completed,
    step_completion_rate: rounded((100 * completed) / total),
    average_steps_per_saga: rounded(total / sagas.length),
    failures_by_step: { order: Object.fromEntries(failures.filter(([, failed]) => failed > 0)) },
    compensations: {
      attempted: compensations.length,
      succeeded,
      failed: compensations.length - succeeded,
      success_rate: rounded((100 * succeeded) / compensations.length),
    },
    retries: entries.filter(({ outcome, to }) => outcome !== null && to.endsWith('.waiting')).length,
  };
}

it('equal a recount of all sagas after hundreds of random orders at two coordinators', async () => {
  await fc.assert(
    fc.asyncProperty(orders, fc.integer({ min: 1 }), async (wanted, seed) => {
      for (const [index, name] of SERVICE_NAMES.entries()) {
        world.services[name].faults.set([
          { endpoint: 'action', kind: 'status', status: 503, probability: 0.1, seed: seed + index },
          { endpoint: 'action', kind: 'lose-answer', probability: 0.1, seed: seed + 10 + index },
          {
            endpoint: 'compensation',
            kind: 'status',
            status: 500,
            probability: 0.3,
            seed: seed + 20 + index,
          },
        ]);
      }
      const answers = await Promise.all(
        wanted.map(({ customer_id, token, country, coordinator }) =>
          submit(urls[coordinator] ?? '', {
            ...ORDER,
            customer_id,
            payment: { method: 'card', token },
            shipping_address: { ...ORDER.shipping_address, country },
          }),
        ),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]));

      const [first = '', second = ''] = urls;
      const sagas = await everySaga(first);
      expect(sagas.length).toBe(wanted.length);
      const statuses = new Set(sagas.map(({ status }) => status));
      expect(statuses).toEqual(new Set(['COMPLETED', 'FAILED', 'ABORTED']));
      const { body: here } = await send(`${first}/api/coordinator/statistics`);
      const { body: there } = await send(`${second}/api/coordinator/statistics`);
      expect(here).toMatchObject({ ...recount(sagas), in_flight: 0 });
      expect(there).toEqual(here);
    }),
    // One run is hundreds of orders; the seed changes each time and is printed when it fails.
    { numRuns: 1, endOnFailure: true },
  );
});
