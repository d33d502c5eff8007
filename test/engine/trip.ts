/** The trip in the world of the engine's tests: what its participants answer, and how one is started. */
import { definitionOf } from '../../machines/definition.ts';
import type { RegisteredMachine, SagaDefinition } from '../../machines/index.ts';
import { trip } from '../../machines/trip.ts';
import type { Deferral, Reply } from '../../server/engine/outcome.ts';
import { everywhere } from '../machines/placed-order.ts';
import { quiet } from './virtual-clock.ts';
import { type Coordinator, done, type Made, World } from './world.ts';

export const WANTED = {
  trip: 't-1',
  traveller: { name: 'Ada', passport: 'P-123456' },
  from: 'LON',
  to: 'PAR',
  visa: true,
  insured: [{ name: 'Ada' }, { name: 'Bob B' }],
  card: 'card-123',
};

const ANSWERS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  flight: { booking: 'f-1', price: 100 },
  hotel: { room: 'r-1' },
  insurance: { policy: 'p-1' },
  visa: { visa_no: 'v-1' },
  payment: { charge: 'c-1' },
  tickets: { tickets: ['x'] },
};
export const answered = ({ call }: Made): Reply | Deferral => done(ANSWERS[call.step]);

export const DAY_MS = 24 * 3_600_000;

/** Each is made once, since a machine is walked when it is first registered. */
const definitions = new Map<number, SagaDefinition>();

function tripOf(attemptsMax: number): SagaDefinition {
  const known = definitions.get(attemptsMax);
  if (known !== undefined) return known;
  const made = definitionOf(trip, everywhere({ attemptsMax }));
  definitions.set(attemptsMax, made);
  return made;
}

export function tripWorld(attemptsMax = 2): World {
  const world = new World({ saga: () => tripOf(attemptsMax) });
  world.participants = answered;
  return world;
}

export async function startTrip(
  world: World,
  { engine }: Coordinator,
  over: Partial<typeof WANTED> = {},
  machine: RegisteredMachine = world.machine,
): Promise<string> {
  const data = { ...WANTED, ...over };
  const result = await engine.start({
    machine,
    input: { data },
    idempotency: null,
    trace: {},
    patienceMs: 60_000,
  });
  if (result.kind !== 'started') throw new Error(`the start was answered ${JSON.stringify(result)}`);
  await quiet();
  return result.id;
}

export const APPROVAL = { name: 'approval', data: { by: 'eve', approved: true } };

/** For days that pass: the rounds of a coordinator are of no interest then. */
export const RARELY = { pollMs: DAY_MS, declareEveryMs: DAY_MS, purgeEveryMs: 30 * DAY_MS };
