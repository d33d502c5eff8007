/** Every way for every call of a saga to fail for good, and every call repeated; each with all that comes before and after it. */
import type { Kind } from '../../machines/index.ts';
import type { SagaStatus } from '../../stores/saga-store.ts';
import { type SagaName, SIMULATED } from './sagas.ts';
import type { Later, Scenario, Treatment } from './staged.ts';

type Treats = readonly (readonly [call: string, Treatment])[];
type Details = Partial<Omit<Scenario, 'saga' | 'name' | 'ends' | 'treats'>>;

const forGood = ['refused', 'retryable', 'unknown'] as const;
const once = ['retryable once', 'unknown once'] as const;
const forLong = ['retryable for long', 'unknown for long'] as const;

function scenarioOf(saga: SagaName) {
  return (
    name: string,
    ends: SagaStatus | readonly SagaStatus[],
    treats: Treats,
    details: Details = {},
  ): Scenario => ({
    saga,
    name,
    ends: [ends].flat(),
    treats: new Map(treats),
    ...details,
  });
}

function each(saga: SagaName, kind: Kind, treatment: Treatment): Treats {
  return SIMULATED[saga].machine.steps.map(({ name }) => [`${name} ${kind}`, treatment] as const);
}

/** Whoever repeats what nobody undoes, because he who called it is dead, may be told that it was surely not done: this time. */
function afterwards(saga: SagaName, step: string, ends: readonly SagaStatus[]): Scenario[] {
  const apart = `${step} action`;
  return [scenarioOf(saga)(`${step} is busy afterwards`, ends, [[apart, 'busy afterwards']], { apart })];
}

function ofOrder(): Scenario[] {
  const scenario = scenarioOf('order');
  const steps = SIMULATED.order.machine.steps.map(({ name }) => name);
  const last = ['notification action', 'refused'] as const;
  return [
    scenario('all goes well', 'COMPLETED', []),
    scenario('the coordinator drains', 'COMPLETED', [], { drainsAt: `${steps[2]} action 1` }),
    scenario('a payment outlasts its lease', 'COMPLETED', [], { longAt: 'payment action 1' }),
    ...once.map((how) => scenario(`every action is ${how}`, 'COMPLETED', each('order', 'action', how))),
    ...steps.flatMap((step) =>
      forGood.map((how) => scenario(`${step} is ${how}`, 'FAILED', [[`${step} action`, how]])),
    ),
    ...once.map((how) =>
      scenario(`every compensation is ${how}`, 'FAILED', [last, ...each('order', 'compensation', how)]),
    ),
    ...steps.flatMap((step) =>
      forGood.map((how) =>
        scenario(`undoing ${step} is ${how}`, 'ABORTED', [last, [`${step} compensation`, how]]),
      ),
    ),
  ];
}

function ofReturns(): Scenario[] {
  const scenario = scenarioOf('returns');
  const refused = ['courier action', 'refused'] as const;
  return [
    scenario('all goes well', 'COMPLETED', []),
    scenario('the parcel is early', 'COMPLETED', [], { event: 'comes early' }),
    scenario('the parcel is broken', 'ABORTED', [], { event: 'refuses' }),
    scenario('the parcel never comes', 'ABORTED', [], { event: 'never comes' }),
    scenario('the coordinator drains', 'COMPLETED', [], { drainsAt: 'refund action 1' }),
    scenario('a refund outlasts its lease', 'COMPLETED', [], { longAt: 'refund action 1' }),
    ...once.map((how) => scenario(`every action is ${how}`, 'COMPLETED', each('returns', 'action', how))),
    ...forGood.map((how) => scenario(`return is ${how}`, 'FAILED', [['return action', how]])),
    scenario('courier is refused', 'FAILED', [refused]),
    // Whether it was booked is known for sure only where nobody dies in between.
    scenario('courier is retryable', ['FAILED', 'ABORTED'], [['courier action', 'retryable']]),
    scenario('courier is unknown', 'ABORTED', [['courier action', 'unknown']]),
    ...afterwards('returns', 'courier', ['COMPLETED', 'ABORTED']),
    ...afterwards('returns', 'refund', ['COMPLETED']),
    scenario('refund is refused', 'ABORTED', [['refund action', 'refused']]),
    scenario(
      'refund is retryable for long',
      ['ABORTED', 'COMPLETED'],
      [['refund action', 'retryable for long']],
    ),
    scenario('refund is unknown for long', 'COMPLETED', [['refund action', 'unknown for long']]),
    ...['restock', 'receipt'].flatMap((step) => [
      scenario(`${step} is refused`, 'ABORTED', [[`${step} action`, 'refused']]),
      ...forLong.map((how) => scenario(`${step} is ${how}`, 'COMPLETED', [[`${step} action`, how]])),
    ]),
    ...once.map((how) =>
      scenario(`the compensation is ${how}`, 'FAILED', [refused, ['return compensation', how]]),
    ),
    ...forGood.map((how) =>
      scenario(`undoing is ${how}`, 'ABORTED', [refused, ['return compensation', how]]),
    ),
  ];
}

const ways = [null, ...once, ...forGood] as const;
const isForGood = (how: Treatment | null) => how !== null && !how.endsWith('once');

function ofTrip(): Scenario[] {
  const scenario = scenarioOf('trip');
  const [, alone] = SIMULATED.trip.inputs;
  const [insured] = SIMULATED.trip.inputs;
  const bare = alone === undefined ? {} : { input: alone };
  const treated = (call: string, how: Treatment | null): Treats => (how === null ? [] : [[call, how]]);
  /** Both branches in every way beside each other: now the one is last and now the other, and while one waits for long. */
  const pairs = (kind: Kind, more: Details, ends: (isBad: boolean) => SagaStatus) =>
    ways.flatMap((flight) =>
      ways.flatMap((hotel) =>
        (['flight', 'hotel'] as const).flatMap((last) => {
          const first = last === 'flight' ? hotel : flight;
          const other = last === 'flight' ? 'hotel' : 'flight';
          const isBad = isForGood(flight) || isForGood(hotel);
          const name = `${kind}s: flight ${flight ?? 'done'}, hotel ${hotel ?? 'done'}, ${last} last`;
          const treats = [...treated(`flight ${kind}`, flight), ...treated(`hotel ${kind}`, hotel)];
          const details = { ...bare, ...more, slow: [`${last} ${kind}`] };
          const list = [scenario(name, ends(isBad), treats, details)];
          if (first?.endsWith('once')) {
            const busy = { ...details, busy: `${other} ${kind}` };
            list.push(scenario(`${name} while ${other} waits`, ends(isBad), treats, busy));
          }
          return list;
        }),
      ),
    );
  const laters: readonly (readonly [Later, SagaStatus])[] = [
    ['tells at once', 'COMPLETED'],
    ['tells', 'COMPLETED'],
    ['is asked', 'COMPLETED'],
    ['is asked twice', 'COMPLETED'],
    ['never tells', 'ABORTED'],
    ['is not done in time', 'ABORTED'],
  ];
  return [
    scenario('all goes well', 'COMPLETED', []),
    scenario('nobody is insured, and no visa needed', 'COMPLETED', [], bare),
    ...pairs('action', {}, (isBad) => (isBad ? 'FAILED' : 'COMPLETED')),
    ...pairs('compensation', { event: 'refuses' }, (isBad) => (isBad ? 'ABORTED' : 'FAILED')),
    scenario('the coordinator drains beside both', 'COMPLETED', [], { drainsAt: 'hotel action 1' }),
    scenario('the room outlasts its lease', 'COMPLETED', [], { longAt: 'hotel action 1' }),
    ...once.map((how) => scenario(`every action is ${how}`, 'COMPLETED', each('trip', 'action', how))),
    ...forGood.flatMap((how) => [
      scenario(`an insurance is ${how}`, 'FAILED', [['insurance/Ada action', how]]),
      scenario(`an insurance is ${how}, the other last`, 'FAILED', [['insurance/Ada action', how]], {
        slow: ['insurance/Bob%20B action'],
      }),
      scenario(`all insurances are ${how}`, 'FAILED', [['insurance action', how]]),
      scenario(`voiding an insurance is ${how}`, 'ABORTED', [
        ['visa action', 'refused'],
        ['insurance/Ada compensation', how],
      ]),
      scenario(
        `voiding an insurance is ${how}, the other last`,
        'ABORTED',
        [
          ['visa action', 'refused'],
          ['insurance/Ada compensation', how],
        ],
        { slow: ['insurance/Bob%20B compensation'] },
      ),
      scenario(`voiding all insurances is ${how}`, 'ABORTED', [
        ['visa action', 'refused'],
        ['insurance compensation', how],
      ]),
    ]),
    ...once.map((how) =>
      scenario(`every compensation is ${how}`, 'FAILED', [
        ['visa action', 'refused'],
        ...each('trip', 'compensation', how),
      ]),
    ),
    scenario('the visa is refused', 'FAILED', [['visa action', 'refused']]),
    scenario('the visa is retryable', ['FAILED', 'ABORTED'], [['visa action', 'retryable']]),
    scenario('the visa is unknown', 'ABORTED', [['visa action', 'unknown']]),
    ...laters.map(([later, ends]) => scenario(`the embassy ${later}`, ends, [], { later })),
    ...(['tells at once', 'tells', 'is asked'] as const).map((later) =>
      scenario(`the embassy ${later}, and refuses`, 'FAILED', [['visa action', 'refused']], { later }),
    ),
    ...once.map((how) =>
      scenario(`asking the embassy is ${how}`, 'COMPLETED', [['visa asked', how]], { later: 'is asked' }),
    ),
    ...(['tells at once', 'tells'] as const).map((later) =>
      scenario(`the embassy ${later}, its 202 is lost`, 'COMPLETED', [['visa action', 'unknown once']], {
        later,
      }),
    ),
    ...afterwards('trip', 'visa', ['COMPLETED', 'ABORTED']),
    ...afterwards('trip', 'payment', ['COMPLETED']),
    scenario('the approval comes early', 'COMPLETED', [], { event: 'comes early' }),
    scenario('the trip is not approved', 'ABORTED', [], { event: 'refuses' }),
    scenario('nobody approves', 'FAILED', [], { ...bare, event: 'never comes' }),
    scenario('nobody approves, and the visa is paid', 'ABORTED', [], { event: 'never comes' }),
    scenario('the payment is refused', 'FAILED', [['payment action', 'refused']], bare),
    scenario(
      'the payment is retryable for long',
      ['FAILED', 'COMPLETED'],
      [['payment action', 'retryable for long']],
      bare,
    ),
    scenario(
      'the payment is retryable for long, and others insured',
      ['ABORTED', 'COMPLETED'],
      [['payment action', 'retryable for long']],
    ),
    scenario('the payment is unknown for long', 'COMPLETED', [['payment action', 'unknown for long']], bare),
    scenario('the payment is refused, and the visa is paid', 'ABORTED', [['payment action', 'refused']], {
      ...(insured && { input: insured }),
    }),
    scenario('the tickets are refused', 'ABORTED', [['tickets action', 'refused']], bare),
    ...forLong.map((how) => scenario(`the tickets are ${how}`, 'COMPLETED', [['tickets action', how]], bare)),
  ];
}

export const scenarios: Readonly<Record<SagaName, () => Scenario[]>> = {
  order: ofOrder,
  returns: ofReturns,
  trip: ofTrip,
};
