/**
 * Runs without chance, for enumeration: one saga under a script, two coordinators, and one blow at one numbered message.
 * Writes to the store and calls of participants are numbered in the order in which they are sent; until the blow
 * falls every run of a scenario is the same, so a number names the same message in all of them.
 */
import { type Kind, nameOf, type SagaSnapshot } from '../../machines/index.ts';
import type { SagaStatus } from '../../stores/saga-store.ts';
import { begun, callIn, eventOf, outcomes } from '../machines/placed-order.ts';
import { Deployment, LEASE_MS, transitionOf } from './deployment.ts';
import type { Fate, Message } from './network.ts';
import type { Mood } from './participants.ts';
import { recount } from './recount.ts';
import { Chance } from './seeded.ts';

/** How a participant treats a call: once or whenever it is asked. The rest of the calls succeed. */
export type Treatment = 'refused' | 'retryable' | 'unknown' | 'retryable once' | 'unknown once';

export interface Scenario {
  readonly name: string;
  readonly treats: ReadonlyMap<string, Treatment>;
  readonly ends: SagaStatus;
  /** At this call the coordinator that makes it is told to drain. */
  readonly drainsAt?: string;
  /** This call takes longer than its lease, which must be renewed. */
  readonly longAt?: string;
}

export type Blow =
  | 'crash before, restarted'
  | 'crash before, taken over'
  | 'crash after, restarted'
  | 'crash after, taken over'
  | 'asleep before'
  | 'asleep after'
  | 'lost'
  | 'unanswered'
  | 'doubled';

export interface Point {
  readonly number: number;
  readonly about: string;
}

export interface Staged {
  readonly points: readonly Point[];
  /** The message that the blow hit. */
  readonly struck: Point | null;
  /** Of the saga, or null where none was stored. */
  readonly status: SagaStatus | null;
  /** How often somebody had to take the saga from an owner that had vanished. */
  readonly takenOver: number;
  readonly broken: readonly string[];
  readonly trace: readonly string[];
}

const LIMIT_MS = 120_000;
const LATE = new Set<Blow>(['asleep before', 'asleep after', 'doubled']);
const { machine } = new Deployment({
  chance: new Chance(0),
  fateOf: () => ({ requestMs: 0, replyMs: 0 }),
  moodOf: () => ({ serviceMs: 0 }),
});
const steps = machine.steps.map(({ name }) => name);
const lastStep = steps.at(-1) ?? '';

/** Every way for every call to fail for good, and every call repeated; each with all that comes before and after it. */
export function scenarios(): Scenario[] {
  const scenario = (
    name: string,
    ends: SagaStatus,
    ...treats: (readonly [string, Treatment])[]
  ): Scenario => ({
    name,
    ends,
    treats: new Map(treats),
  });
  const forGood = ['refused', 'retryable', 'unknown'] as const;
  const once = ['retryable once', 'unknown once'] as const;
  const each = (kind: Kind, treatment: Treatment) =>
    steps.map((step) => [`${step} ${kind}`, treatment] as const);
  const last = [`${lastStep} action`, 'refused'] as const;
  return [
    scenario('all goes well', 'COMPLETED'),
    { ...scenario('the coordinator drains', 'COMPLETED'), drainsAt: `${steps[2]} action 1` },
    { ...scenario('a payment outlasts its lease', 'COMPLETED'), longAt: 'payment action 1' },
    ...once.map((how) => scenario(`every action is ${how}`, 'COMPLETED', ...each('action', how))),
    ...steps.flatMap((step) =>
      forGood.map((how) => scenario(`${step} is ${how}`, 'FAILED', [`${step} action`, how])),
    ),
    ...once.map((how) =>
      scenario(`every compensation is ${how}`, 'FAILED', last, ...each('compensation', how)),
    ),
    ...steps.flatMap((step) =>
      forGood.map((how) =>
        scenario(`undoing ${step} is ${how}`, 'ABORTED', last, [`${step} compensation`, how]),
      ),
    ),
  ];
}

/** All transitions that the machine can make, found by walking it. */
export function transitionsOfMachine(): Set<string> {
  const found = new Set<string>();
  const seen = new Set<string>();
  const walk = (snapshot: SagaSnapshot): void => {
    const { attempt, held, failure } = snapshot.context;
    const key = `${nameOf(snapshot.value)} ${attempt} ${held.length > 0} ${failure !== null}`;
    if (seen.has(key)) return;
    seen.add(key);
    const asks = machine.asks(snapshot);
    if (asks.kind !== 'call' && asks.kind !== 'wait') return;
    const events =
      asks.kind === 'wait'
        ? [{ type: 'due', at: 0 } as const]
        : outcomes.map((outcome) => eventOf(outcome, callIn(machine, snapshot)));
    for (const event of events) {
      const next = machine.next(snapshot, event);
      found.add(transitionOf({ from: nameOf(snapshot.value), event: event.type, to: nameOf(next.value) }));
      walk(next);
    }
  };
  walk(begun(machine));
  return found;
}

/** The calls that its states announce, each with its first attempt. */
export function callsOfMachine(): string[] {
  return steps.flatMap((step) => [`${step} action 1`, `${step} compensation 1`]);
}

export async function stage(scenario: Scenario, blow: Blow | null = null, at = 0): Promise<Staged> {
  const points: Point[] = [];
  const refusedForGood = new Set<string>();
  let struck: Point | null = null;
  let drained = false;

  const fateOf = (message: Message): Fate => {
    const usual: Fate = { requestMs: 2, replyMs: 2 };
    if (message.reads || struck !== null) return usual;
    const point = { number: points.length + 1, about: message.about };
    points.push(point);
    if (blow !== null && point.number === at) {
      struck = point;
      return fateUnder(blow, message, usual, world);
    }
    if (message.about !== scenario.drainsAt || drained) return usual;
    drained = true;
    return { ...usual, replyMs: 20, after: () => void world.drain(message.from, 5) };
  };

  const moodOf = (
    sagaId: string,
    { step, kind, attempt }: { step: string; kind: Kind; attempt: number },
  ): Mood => {
    const treatment = scenario.treats.get(`${step} ${kind}`);
    const serviceMs = scenario.longAt === `${step} ${kind} ${attempt}` ? 2 * LEASE_MS : 3;
    if (treatment === undefined || (treatment.endsWith('once') && attempt > 1)) return { serviceMs };
    if (treatment === 'refused') {
      if (kind === 'action') return { serviceMs, refuses: true };
      refusedForGood.add(`${sagaId} ${step}`);
      return { serviceMs, instead: { status: 422, body: '' } };
    }
    if (treatment.startsWith('retryable')) return { serviceMs, instead: { status: 503, body: '' } };
    // It happened, and the answer is none.
    return { serviceMs, garbled: { status: 500, body: '' } };
  };

  const world = new Deployment({ chance: new Chance(1), fateOf, moodOf });
  const a = await world.boot('a');
  await world.boot('b');
  void a.engine?.start(world.request(null));
  const patient = () => world.timeline.ms < LIMIT_MS && world.broken.length === 0;
  // Longer than the longest sleep and the latest double: every zombie has its say.
  const leases = blow !== null && LATE.has(blow) ? 6 : 2;
  while (patient() && !(world.settled && world.timeline.ms > leases * LEASE_MS)) {
    if (!(await world.timeline.step())) world.break('nothing will ever happen again');
  }
  await recount(world, (id, step) => refusedForGood.has(`${id} ${step}`));
  const [record, second] = [...world.watch.records.values()];
  if (second !== undefined) world.break('one start made two sagas');
  const { broken, trace } = world;
  const log = record === undefined ? [] : await world.store.log(record.id);
  const takenOver = log.filter(({ event }) => event === 'takenOver').length;
  return { points, struck, status: record?.status ?? null, takenOver, broken, trace: trace.lines };
}

function fateUnder(blow: Blow, { from }: Message, usual: Fate, world: Deployment): Fate {
  const fall = () => {
    world.crash(from);
    // Where the other has drained before, somebody new must come.
    const others = world.processes.some(({ state }) => state === 'running');
    const heir = blow.endsWith('restarted') ? from.owner.name : others ? null : 'c';
    if (heir !== null) world.timeline.after(30, () => void world.boot(heir));
  };
  const sleep = () => {
    world.pause(from);
    world.timeline.after(3 * LEASE_MS, () => world.resume(from));
  };
  switch (blow) {
    case 'crash before, restarted':
    case 'crash before, taken over':
      return { ...usual, before: fall };
    case 'crash after, restarted':
    case 'crash after, taken over':
      return { ...usual, after: fall };
    case 'asleep before':
      return { ...usual, before: sleep };
    case 'asleep after':
      return { ...usual, after: sleep };
    case 'lost':
      return { ...usual, requestMs: null };
    case 'unanswered':
      return { ...usual, replyMs: null };
    case 'doubled':
      return { ...usual, doubleMs: 2 * LEASE_MS };
    default:
      return blow satisfies never;
  }
}

/** Everything that is known of a blow that broke something. */
export function toldOf(scenario: Scenario, blow: Blow, { struck, status, broken, trace }: Staged): string {
  const hit = `${blow} at ${struck?.number ?? 'no'} (${struck?.about ?? 'never reached'})`;
  return [`${scenario.name}; ${hit}: ended ${status}, not ${scenario.ends}`, ...broken, ...trace].join('\n');
}
