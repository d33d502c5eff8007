/**
 * The sagas trip and returns over real HTTP, each outcome of each of their calls against the books of their participants: nothing
 * stands, or exactly what the saga says. One coordinator, one Redis, and the stub participants; the order saga has tests like
 * these in sequences.test.ts.
 */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sagasOf } from '../../server/assembly.ts';
import { readSettings } from '../../server/config.ts';
import { type Coordinator, startCoordinator } from '../../server/coordinator.ts';
import { loadSagas, type SagaBlueprint } from '../../server/saga-modules.ts';
import { DESK_PORTS, type DeskName } from '../../services-stub/desks.ts';
import type { FaultRule } from '../../services-stub/faults.ts';
import { startDesks } from '../../services-stub/start.ts';
import { WANTED } from '../engine/trip.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { type Answer, send, settled } from './world.ts';

const NAMES = Object.keys(DESK_PORTS) as DeskName[];
const ANY = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<DeskName, number>;

let redis: RedisServer;
let participants: Awaited<ReturnType<typeof startDesks>>;
let blueprints: readonly SagaBlueprint[];
let coordinator: Coordinator;
let urls: Readonly<Record<string, string>>;

beforeAll(async () => {
  redis = await startRedis();
  participants = await startDesks(NAMES, { ports: ANY, faultsOn: true });
  urls = Object.fromEntries(participants.desks.map(({ service, url }) => [service, url]));
  blueprints = await loadSagas('trip,returns');
  const settings = readSettings(
    {
      COORDINATOR_PORT: '0',
      LOG_LEVEL: 'silent',
      POLL_MS: '20',
      REDIS_URL: redis.url,
      BREAKER_FAILURES_MAX: '1000',
      ACTION_ATTEMPTS_MAX: '2',
      COMPENSATION_ATTEMPTS_MAX: '2',
      ACTION_BACKOFF_MS: '1',
      ACTION_BACKOFF_MAX_MS: '2',
      COMPENSATION_BACKOFF_MS: '1',
      COMPENSATION_BACKOFF_MAX_MS: '2',
      ...Object.fromEntries(NAMES.map((name) => [`${name.toUpperCase()}_SERVICE_URL`, urls[name]])),
    },
    blueprints,
  );
  coordinator = await startCoordinator(settings, pino({ level: 'silent' }), sagasOf(blueprints));
});
afterAll(async () => {
  await coordinator?.stop();
  await participants?.close();
  await redis?.stop();
});

interface Case {
  readonly machine: string;
  readonly input: object;
  /** What a person, or the warehouse, says. */
  readonly event: { readonly name: string; readonly data: object };
  /** Said instead, it has the saga undone. */
  readonly no: object;
}
const TRIP: Case = {
  machine: 'trip',
  input: WANTED,
  event: { name: 'approval', data: { by: 'eve', approved: true } },
  no: { by: 'eve', approved: false },
};
const RETURNS: Case = {
  machine: 'returns',
  input: {
    order_id: 'ord-1',
    customer: 'Ada',
    items: [{ product_id: 'w', quantity: 1 }],
    amount: 1999,
    card: 'card-123',
  },
  event: { name: 'arrival', data: { parcel: 'par_1', intact: true } },
  no: { parcel: 'par_1', intact: false },
};

type Fault = Pick<FaultRule, 'kind' | 'status' | 'times'>;
const REFUSED: Fault = { kind: 'status', status: 409 };
const OUTCOMES: readonly (readonly [outcome: string, fault: Fault])[] = [
  ['refused', REFUSED],
  ['not made', { kind: 'status', status: 503, times: 2 }],
  ['unknown', { kind: 'lose-answer', times: 2 }],
  ['unknown once', { kind: 'lose-answer', times: 1 }],
];

/** The faults of this saga alone: the tests of this file run one after the other. */
function setFaults(faults: Readonly<Record<string, Fault>>): void {
  const rules = Object.entries(faults).map(([endpoint, fault]) => ({ endpoint, ...fault }));
  for (const desk of participants.desks) desk.faults.set(rules);
}

/** What stands in the books of all participants, by step or item. */
async function books(sagaId: string): Promise<string[]> {
  const entries = await Promise.all(
    NAMES.map(async (name) => {
      const { entries } = (await (await fetch(`${urls[name]}/ledger/${sagaId}`)).json()) as {
        entries: { step: string; kind: string; outcome: string }[];
      };
      return entries.filter(({ outcome }) => outcome === 'performed');
    }),
  );
  const stands = new Set<string>();
  const all = entries.flat();
  for (const { step, kind } of all) if (kind === 'action') stands.add(step);
  for (const { step, kind } of all) if (kind === 'compensation') stands.delete(step);
  return [...stands].sort();
}

async function run({ machine, input, event }: Case, data = event.data): Promise<Answer> {
  const started = await send(`${coordinator.url}/api/coordinator/sagas`, {
    method: 'POST',
    body: { machine, input },
    headers: { prefer: 'respond-async' },
  });
  expect(started.status).toBe(202);
  const { saga_id: id } = started.body;
  // It may come early, and is kept then.
  const sent = await send(`${coordinator.url}/api/coordinator/sagas/${id}/events`, {
    method: 'POST',
    body: { name: event.name, id: 'e-1', data },
  });
  expect([202, 409]).toContain(sent.status);
  return settled(coordinator.url, id);
}

/** Nothing stands, or all, or exactly what the saga says. */
async function expectTruth({ body }: Answer, isUndoUnheard = false): Promise<void> {
  const stands = await books(body.saga_id);
  const held = (body.held as { step: string }[]).map(({ step }) => step).sort();
  const isDone = (step: string) =>
    body.execution_log.some(
      (one: { event: string; step: string }) => one.event === 'done' && one.step === step,
    );
  if (body.status === 'FAILED') expect(stands).toEqual([]);
  if (body.status === 'COMPLETED') expect(stands.length).toBeGreaterThan(4);
  if (body.status !== 'ABORTED') return;
  expect(held.length).toBeGreaterThan(0);
  if (body.failed_step === null && body.state.endsWith('refused')) return;
  // What nobody could tell of is said to be held too; what was done, and is not said to be, is not there.
  expect(stands.filter((step) => !held.includes(step))).toEqual([]);
  // A compensation whose answer was lost is held, although it was done.
  if (!isUndoUnheard) expect(held.filter((step) => isDone(step) && !stands.includes(step))).toEqual([]);
}

describe.each([TRIP, RETURNS])('$machine', (saga) => {
  it('completes, and has every effect once', async () => {
    setFaults({});
    const answer = await run(saga);
    expect(answer.body.status).toBe('COMPLETED');
    await expectTruth(answer);
  });

  it('is undone where a person says no, or the saga says what stays', async () => {
    setFaults({});
    const answer = await run(saga, saga.no);
    // A fee that nobody pays back stays.
    expect(answer.body.status).toBe('ABORTED');
    await expectTruth(answer);
    expect(await books(answer.body.saga_id)).toEqual([saga.machine === 'trip' ? 'visa' : 'courier']);
  });

  it('tells the truth of every outcome of every action', async () => {
    const { steps = [] } = blueprints
      .find(({ id }) => id === saga.machine)
      ?.define(() => ({ timeoutMs: 1_000, attemptsMax: 1, backoffMs: 1, backoffMaxMs: 1 }), null) ?? {
      steps: [],
    };
    const seen = new Set<string>();
    for (const { action } of steps) {
      for (const [outcome, fault] of OUTCOMES) {
        setFaults({ [action.path]: fault });
        const answer = await run(saga);
        seen.add(answer.body.status);
        await expectTruth(answer).catch((error: Error) => {
          throw new Error(`${action.path} ${outcome}: ${error.message}`);
        });
      }
    }
    expect([...seen].sort()).toEqual(['ABORTED', 'COMPLETED', 'FAILED']);
  });

  it('tells the truth of every outcome of every compensation', async () => {
    const { steps = [] } = blueprints
      .find(({ id }) => id === saga.machine)
      ?.define(() => ({ timeoutMs: 1_000, attemptsMax: 1, backoffMs: 1, backoffMaxMs: 1 }), null) ?? {
      steps: [],
    };
    for (const { compensation } of steps) {
      if (!('path' in compensation)) continue;
      for (const [outcome, fault] of OUTCOMES) {
        setFaults({ [compensation.path]: fault });
        const answer = await run(saga, saga.no);
        await expectTruth(answer, fault.kind === 'lose-answer').catch((error: Error) => {
          throw new Error(`${compensation.path} ${outcome}: ${error.message}`);
        });
      }
    }
  });
});

it('finds each stub where its saga says that it is', () => {
  const told = Object.assign({}, ...blueprints.map(({ stubs }) => stubs));
  expect(told).toEqual(DESK_PORTS);
});
