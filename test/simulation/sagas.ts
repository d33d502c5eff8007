/** The sagas that are simulated: what is asked of each, what its participants answer, and what may come to it from outside. */
import { definitionOf } from '../../machines/definition.ts';
import {
  type Answer,
  type CallPolicy,
  type RegisteredMachine,
  Registry,
  type SagaDefinition,
  type SagaInput,
} from '../../machines/index.ts';
import { orderInput, orderSaga } from '../../machines/order.ts';
import type { Part } from '../../machines/parts.ts';
import { addressOf, isUndoable, stepIn } from '../../machines/parts.ts';
import { returns } from '../../machines/returns.ts';
import { trip } from '../../machines/trip.ts';
import { answers, placed } from '../machines/placed-order.ts';
import type { Chance } from './seeded.ts';

export const ATTEMPTS_MAX = 3;
export const TIMEOUT_MS = 1_000;
/** Outlasts its lease: while it is made, that must be renewed. */
const LONG_TIMEOUT_MS = 3_000;
/** Longer than any run, and shorter than wall clocks are wrong: whoever counts by its own undoes what is healthy. */
const DEADLINE_MS = 600_000;
/** How long is waited for what comes from outside: instead of days. */
export const WITHIN_MS = 3_000;

export const SAGAS = ['order', 'returns', 'trip'] as const;
export type SagaName = (typeof SAGAS)[number];

/** Those that a setting chooses by name: all where it says nothing. */
export function chosenBy(setting: string | undefined): readonly SagaName[] {
  const chosen = SAGAS.filter((name) => setting === undefined || name === setting);
  if (chosen.length === 0) throw new Error(`there is no saga ${setting} here, but ${SAGAS.join(', ')}`);
  return chosen;
}

export interface Simulated {
  readonly name: SagaName;
  readonly machine: RegisteredMachine;
  readonly inputOf: (chance: Chance) => SagaInput;
  /** Of runs without chance: the first has it do all that it can. */
  readonly inputs: readonly [SagaInput, ...SagaInput[]];
  /** By step; an item answers like its step. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** Its steps in the order of doing; those of one turn are done side by side. */
  readonly turns: readonly (readonly string[])[];
  /** Behind it nothing is undone. */
  readonly pivot: string | null;
  /** What it waits for, as it lets the saga go on and as it has it undone. */
  readonly event: {
    readonly name: string;
    /** The state in which it does. */
    readonly awaiting: string;
    readonly goesOn: Answer;
    readonly refuses: Answer;
  } | null;
}

/** One machine of each for all runs of a process: they are pure, and costly to build. */
export const registry = new Registry();

const policiesOf =
  (long: string) =>
  (step: string): CallPolicy => ({
    timeoutMs: step === long ? LONG_TIMEOUT_MS : TIMEOUT_MS,
    attemptsMax: ATTEMPTS_MAX,
    backoffMs: 50,
    backoffMaxMs: 400,
  });

/** The same saga in a hurry, and with so few calls at once that items of a list wait for each other. */
function inShort({ about, parts }: typeof trip | typeof returns, long: string): SagaDefinition {
  return definitionOf(
    { about: { ...about, deadlineMs: DEADLINE_MS }, parts: parts.map(shortened) },
    policiesOf(long),
  );
}

function shortened(part: Part): Part {
  switch (part.kind) {
    case 'event':
      return { ...part, withinMs: WITHIN_MS };
    case 'step': {
      const { step } = part;
      return {
        ...part,
        step: {
          ...step,
          ...(step.asynchronous && { asynchronous: { withinMs: WITHIN_MS } }),
          ...(step.each && { each: { ...step.each, concurrency: 2 } }),
        },
      };
    }
    case 'parallel':
      return {
        ...part,
        branches: part.branches.map((branch) => ({ ...branch, parts: branch.parts.map(shortened) })),
      };
    case 'choice':
      return { ...part, taken: part.taken.map(shortened), otherwise: part.otherwise.map(shortened) };
    default:
      return part;
  }
}

const RETURN: SagaInput = {
  data: {
    order_id: 'o-1',
    customer: 'Ada',
    items: [{ product_id: 'w', quantity: 1 }],
    amount: 1999,
    card: 'card-123',
  },
};
const traveller = { name: 'Ada', passport: 'P-123456' };
const TRIP = { trip: 't-1', traveller, from: 'LON', to: 'PAR', card: 'card-123' };
/** A name that must be escaped where it becomes part of a key. */
const TRAVELLERS = ['Ada', 'Bob B', 'Cy/2', 'Di'].map((name) => ({ name }));

export const SIMULATED: Readonly<Record<SagaName, Simulated>> = {
  order: {
    name: 'order',
    machine: registry.register(orderSaga(policiesOf('payment'), DEADLINE_MS)),
    inputOf: () => orderInput(placed),
    inputs: [orderInput(placed)],
    answers,
    turns: [['order'], ['inventory'], ['payment'], ['shipping'], ['notification']],
    pivot: null,
    event: null,
  },
  returns: {
    name: 'returns',
    machine: registry.register(inShort(returns, 'refund')),
    inputOf: () => RETURN,
    inputs: [RETURN],
    answers: {
      return: { return_id: 'r-1' },
      courier: { parcel: 'p-1' },
      refund: { refund: 'f-1' },
      restock: {},
      receipt: { receipt: 'q-1' },
    },
    turns: [['return'], ['courier'], ['refund'], ['restock'], ['receipt']],
    pivot: 'refund',
    event: {
      name: 'arrival',
      awaiting: 'awaitingArrival',
      goesOn: { parcel: 'p-1', intact: true },
      refuses: { parcel: 'p-1', intact: false },
    },
  },
  trip: {
    name: 'trip',
    machine: registry.register(inShort(trip, 'hotel')),
    inputOf: (chance) => ({
      data: { ...TRIP, visa: chance.hits(0.6), insured: TRAVELLERS.slice(0, chance.below(5)) },
    }),
    inputs: [
      { data: { ...TRIP, visa: true, insured: TRAVELLERS.slice(0, 2) } },
      { data: { ...TRIP, visa: false, insured: [] } },
    ],
    answers: {
      flight: { booking: 'f-1', price: 100 },
      hotel: { room: 'r-1' },
      insurance: { policy: 'p-1' },
      visa: { visa_no: 'v-1' },
      payment: { charge: 'c-1' },
      tickets: { tickets: ['x'] },
    },
    turns: [['flight', 'hotel'], ['insurance'], ['visa'], ['payment'], ['tickets']],
    pivot: 'payment',
    event: {
      name: 'approval',
      awaiting: 'awaitingApproval',
      goesOn: { by: 'eve', approved: true },
      refuses: { by: 'eve', approved: false },
    },
  },
};

/** The calls that a saga makes where all goes well, as its participants know them. */
export function addressesOf(
  { machine }: Simulated,
  data: Readonly<Record<string, unknown>>,
): { readonly address: string; readonly isUndoable: boolean; readonly isDone: boolean }[] {
  return machine.steps.flatMap((step) => {
    const undoable = isUndoable(step);
    if (step.each === undefined) {
      const isDone = step.name !== 'visa' || data.visa === true;
      return [{ address: step.name, isUndoable: undoable, isDone }];
    }
    const { items, key } = step.each;
    const keys = items(data as never).map((item) => key(item as never));
    return keys.map((one) => ({
      address: addressOf(step.name, one),
      isUndoable: undoable,
      isDone: true,
    }));
  });
}

/** Which turn a call has, by its address. */
export function turnOf({ turns }: Simulated, address: string): number {
  return turns.findIndex((turn) => turn.includes(stepIn(address)));
}
