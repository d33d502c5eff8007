/**
 * Runs without chance, for enumeration: one saga under a script, two coordinators, and one blow at one numbered message.
 * Writes to the store and calls of participants are numbered in the order in which they are sent; until the blow
 * falls every run of a scenario is the same, so a number names the same message in all of them.
 */
import type { Call, SagaInput } from '../../machines/index.ts';
import type { Engine } from '../../server/engine/engine.ts';
import type { SagaStatus } from '../../stores/saga-store.ts';
import { Deployment, LEASE_MS } from './deployment.ts';
import { deliver } from './letters.ts';
import type { Fate, Message } from './network.ts';
import type { Mood } from './participants.ts';
import { recount } from './recount.ts';
import { type SagaName, SIMULATED } from './sagas.ts';
import { Chance } from './seeded.ts';

/**
 * How a participant treats a call: at its first attempt, at as many as are made before one is given up and one more, or whenever
 * it is asked. The rest of the calls succeed.
 */
export type Treatment =
  | 'refused'
  | 'retryable'
  | 'unknown'
  | 'retryable once'
  | 'unknown once'
  | 'retryable for long'
  | 'unknown for long'
  /** It is performed and answered when it comes first; for long after that its participant is busy. */
  | 'busy afterwards';

/** How an asynchronous participant tells what came of its call. */
export type Later =
  /** It calls back, before its 202 is there or afterwards. */
  | 'tells at once'
  | 'tells'
  /** It is asked: once, or until it is done. */
  | 'is asked'
  | 'is asked twice'
  /** Nobody hears of it within its time: it says nothing, or nothing yet. */
  | 'never tells'
  | 'is not done in time';

export interface Scenario {
  readonly saga: SagaName;
  readonly name: string;
  /** By address and kind, or by step and kind for all items; `visa asked` is the question for an outcome. */
  readonly treats: ReadonlyMap<string, Treatment>;
  /** A blow may make the difference where a call has no compensation: whether it was made is known for sure, or not any more. */
  readonly ends: readonly SagaStatus[];
  readonly input?: SagaInput;
  /** A call at which every blow must fall in this scenario too, though others have made it before. */
  readonly apart?: string;
  /** Calls that take longer than those beside them, and longer than a back-off. */
  readonly slow?: readonly string[];
  /** A call whose participant asks for more time than what is beside it takes. */
  readonly busy?: string;
  /** What comes from outside, when the saga waits for it; it goes on by itself unless told otherwise. */
  readonly event?: 'refuses' | 'comes early' | 'never comes';
  readonly later?: Later;
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

/** So long that all attempts of another call are over. */
const SLOW_MS = 500;
/** Longer than a back-off, and as often as a call may be made shorter than what a busy participant asks for, in seconds. */
const RATHER_SLOW_MS = 150;
const BUSY = { retryAfter: '1' };
const LONG_ATTEMPTS = 4;

function isOver(treatment: Treatment, attempt: number): boolean {
  if (treatment.endsWith('once')) return attempt > 1;
  return treatment.endsWith('for long') && attempt > LONG_ATTEMPTS;
}

function laterMood(later: Later): Mood {
  switch (later) {
    case 'tells at once':
      return { serviceMs: 3, later: { ms: 0, tells: true } };
    case 'tells':
      return { serviceMs: 3, later: { ms: 50, tells: true } };
    case 'is asked':
      return { serviceMs: 3, later: { ms: 50, tells: false } };
    case 'is asked twice':
      return { serviceMs: 3, later: { ms: SLOW_MS, tells: false } };
    case 'never tells':
      return { serviceMs: 3, later: { ms: 50, tells: true } };
    case 'is not done in time':
      return { serviceMs: 3, later: { ms: LIMIT_MS, tells: false } };
    default:
      return later satisfies never;
  }
}

export async function stage(scenario: Scenario, blow: Blow | null = null, at = 0): Promise<Staged> {
  const { saga: name, treats, slow = [], later, event: comes } = scenario;
  const points: Point[] = [];
  const refusedForGood = new Set<string>();
  let struck: Point | null = null;
  let drained = false;
  let isSent = false;

  const fateOf = (message: Message): Fate => {
    if (message.what === 'commit' || message.what === 'create') sendTo(message.about);
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
    // Shorter than any answer takes, so that calls beside it are given up, too.
    return { ...usual, replyMs: 20, after: () => void world.drain(message.from, 1) };
  };

  /** What comes from outside, once the saga is on the way to where it waits for that. */
  const sendTo = (about: string) => {
    const { event } = world.saga;
    if (event === null || isSent || comes === 'never comes') return;
    const isTime = comes === 'comes early' ? about !== 'create' : about.endsWith(`-> ${event.awaiting}`);
    if (!isTime) return;
    isSent = true;
    const data = comes === 'refuses' ? event.refuses : event.goesOn;
    tell(`event ${event.name}`, 20, (engine, id) => engine.send(id, { id: 'e', name: event.name, data }));
  };
  const tell = (
    what: string,
    afterMs: number,
    send: (engine: Engine, id: string) => Promise<{ readonly kind: string }>,
  ) => {
    const [id = ''] = world.watch.records.keys();
    const letter = { sagaId: id, what, afterMs, send: (engine: Engine) => send(engine, id) };
    void deliver(world, { ...letter, pick: ([first]) => first });
  };

  const moodOf = (sagaId: string, { step, address, kind, attempt, isFetch, isAsynchronous }: Call): Mood => {
    const what = isFetch ? 'asked' : kind;
    const treatment = treats.get(`${address} ${what}`) ?? treats.get(`${step} ${what}`);
    const slowMs = scenario.busy === undefined ? SLOW_MS : RATHER_SLOW_MS;
    const isLong = scenario.longAt === `${address} ${kind} ${attempt}`;
    const serviceMs = isLong ? 2 * LEASE_MS : slow.includes(`${address} ${kind}`) ? slowMs : 3;
    const patience = scenario.busy === `${address} ${kind}` ? BUSY : {};
    asked += isFetch ? 1 : 0;
    if (treatment === 'busy afterwards') {
      taken += 1;
      const isBusy = taken > 1 && taken <= 1 + LONG_ATTEMPTS;
      return isBusy ? { serviceMs, instead: { status: 503, body: '' } } : { serviceMs };
    }
    if (treatment === undefined || isOver(treatment, isFetch ? asked : attempt))
      return later !== undefined && isAsynchronous && !isFetch ? laterMood(later) : { serviceMs };
    if (treatment === 'refused') {
      if (kind === 'action')
        return { serviceMs, refuses: true, ...(later && { ...laterMood(later), refuses: true }) };
      refusedForGood.add(`${sagaId} ${address}`);
      return { serviceMs, instead: { status: 422, body: '' } };
    }
    if (treatment.startsWith('retryable'))
      return { serviceMs, instead: { status: 503, body: '', ...patience } };
    // It happened, and the answer is none.
    return { ...(later && laterMood(later)), serviceMs, garbled: { status: 500, body: '', ...patience } };
  };
  let [asked, taken] = [0, 0];

  const world: Deployment = new Deployment({
    saga: name,
    chance: new Chance(1),
    fateOf,
    moodOf,
    // `SEALED=1 npm run enumerate`: the same of coordinators that keep whole records sealed.
    isSealed: process.env.SEALED === '1',
    tell: (_, reported) => {
      if (later === 'never tells') return;
      tell(`outcome of ${reported.step}`, 0, (engine, id) => engine.report(id, reported));
    },
  });
  const a = await world.boot('a');
  await world.boot('b');
  const [usual] = SIMULATED[name].inputs;
  void a.engine?.start(world.request(null, scenario.input ?? usual));
  const patient = () => world.timeline.ms < LIMIT_MS && world.broken.length === 0;
  // Longer than the longest sleep and the latest double: every zombie has its say.
  const leases = blow !== null && LATE.has(blow) ? 6 : 2;
  while (patient() && !(world.settled && world.timeline.ms > leases * LEASE_MS)) {
    if (!(await world.timeline.step())) world.break('nothing will ever happen again');
  }
  await recount(world, (id, address) => refusedForGood.has(`${id} ${address}`));
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
  return [
    `${scenario.saga}: ${scenario.name}; ${hit}: ended ${status}, not ${scenario.ends.join(' or ')}`,
    ...broken,
    ...trace,
  ].join('\n');
}
