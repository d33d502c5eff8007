/**
 * A zombie: the owner of a saga is stopped while its call is held in a service, another coordinator takes the saga
 * over, and then the owner wakes. Everything is awaited as a condition; the one thing that takes time is the lease.
 */
import { setImmediate } from 'node:timers/promises';
import type { ServiceName } from '../../services-stub/participant.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import {
  type CoordinatorProcess,
  type Environment,
  ORDER,
  openWorld,
  send,
  submit,
  type World,
} from '../coordinator/world.ts';
import { judge } from './effects.ts';
import { newGate } from './gate.ts';
import type { Saga } from './saga.ts';

export interface Round {
  readonly name: ServiceName;
  readonly kind: 'action' | 'compensation';
  /** `latency` holds the call before the ledger knows it, `slow-effect` inside the ledger. */
  readonly held: 'latency' | 'slow-effect';
  /** Whether the zombie wakes while its successor is still at the same call, or after the saga has ended. */
  readonly wakes: 'in between' | 'afterwards';
}

export interface RoundResult {
  readonly problems: readonly string[];
  readonly saga: Saga;
  /** What the zombie's log said when it dropped the saga. */
  readonly dropped: string;
}

export interface ZombieWorld {
  /** One round; the zombie of this one is the successor of the next. */
  play(round: Round): Promise<RoundResult>;
  close(): Promise<void>;
}

/**
 * A call must last long enough for its owner to be stopped during it, also on a busy machine; attempts are many, so
 * that only the zombie decides what becomes of a saga.
 */
const ENVIRONMENT: Environment = {
  ACTION_TIMEOUT_MS: '1500',
  COMPENSATION_TIMEOUT_MS: '1500',
  LEASE_MARGIN_MS: '100',
  ACTION_ATTEMPTS_MAX: '50',
  COMPENSATION_ATTEMPTS_MAX: '50',
};

/** All places where a call can be held: notification's own compensation never has an effect to be slow about. */
export const ROUNDS: readonly Round[] = (['afterwards', 'in between'] as const).flatMap((wakes) =>
  (['action', 'compensation'] as const).flatMap((kind) =>
    SERVICE_NAMES.flatMap((name) =>
      (['latency', 'slow-effect'] as const)
        .filter((held) => !(kind === 'compensation' && name === 'notification' && held === 'slow-effect'))
        // Inside the ledger the held call keeps its successor waiting: the saga cannot end before it is let go.
        .map((held) => ({
          name,
          kind,
          held,
          wakes: held === 'slow-effect' ? ('in between' as const) : wakes,
        })),
    ),
  ),
);

export async function openZombieWorld(): Promise<ZombieWorld> {
  let gate = newGate();
  const world = await openWorld({ clock: { now: Date.now, sleep: () => gate.pass() } });
  const [first, second] = await Promise.all(
    ['ada', 'bob'].map((name) => world.process({ ...ENVIRONMENT, COORDINATOR_ID: name })),
  );
  let pair = [first, second] as [CoordinatorProcess, CoordinatorProcess];

  return {
    async play(round) {
      const [zombie, successor] = pair;
      pair = [successor, zombie];
      gate = newGate();
      return playRound(world, { zombie, successor, gate }, round);
    },
    async close() {
      gate.open();
      // One that is still stopped by a failed round could not be drained, but it can be killed.
      await world.close();
    },
  };
}

interface Cast {
  readonly zombie: CoordinatorProcess;
  readonly successor: CoordinatorProcess;
  readonly gate: ReturnType<typeof newGate>;
}

async function playRound(
  world: World,
  { zombie, successor, gate }: Cast,
  round: Round,
): Promise<RoundResult> {
  const { name, kind, held, wakes } = round;
  const order = kind === 'action' ? ORDER : { ...ORDER, customer_id: 'cust_unreachable' };
  const { faults } = world.services[name];
  // In between: the successor's call is held as well, so the zombie wakes before the saga has moved on.
  const times = held === 'latency' && wakes === 'in between' ? 2 : 1;
  faults.set([{ endpoint: kind, kind: held, latency_ms: 1, times }]);

  const { body: accepted } = await submit(zombie.url, order, { prefer: 'respond-async' });
  const id = accepted.saga_id as string;
  const read = async () => (await send(`${successor.url}/api/coordinator/sagas/${id}`)).body as Saga;
  const isDropped = () =>
    zombie.log.find((line) => line.saga_id === id && String(line.msg).startsWith('saga dropped'));

  await gate.inside;
  process.kill(zombie.pid, 'SIGSTOP');
  try {
    await until(async () => (await read()).execution_log.some(({ event }) => event === 'takenOver'));
    if (wakes === 'afterwards') await until(async () => (await read()).status !== 'STARTED');
  } finally {
    // What it sent before it was stopped is answered now; the answer finds it awake or waits in its socket.
    if (wakes === 'afterwards') gate.open();
    process.kill(zombie.pid, 'SIGCONT');
  }
  const before = (await read()).execution_log;
  // The time-out of its call is long over: it wakes, decides, is refused by the store and says so.
  await until(async () => isDropped() !== undefined);
  if (wakes === 'in between') gate.open();
  await until(async () => (await read()).status !== 'STARTED');
  await until(async () => allArrived(world, id, round));

  const saga = await read();
  const verdict = judge(saga, world.journal(id));
  const problems = [...verdict.problems];
  const wanted = kind === 'action' ? 'COMPLETED' : 'FAILED';
  if (saga.status !== wanted) problems.push(`saga ${id} is ${saga.status} and should be ${wanted}`);
  if (wakes === 'afterwards' && JSON.stringify(before) !== JSON.stringify(saga.execution_log))
    problems.push(`saga ${id} had ended, and its log has changed since`);
  problems.push(...wroteTwice(saga));
  faults.clear();
  return { problems, saga, dropped: String(isDropped()?.why) };
}

/** Each call that was held has come out of its service, so nothing can take effect after the judgement. */
function allArrived(world: World, id: string, { name, kind }: Round): boolean {
  const settled = world.journal(id).filter((call) => call.service === name && call.kind === kind);
  return settled.length >= 2;
}

/** A stale write that landed would show as a step that two coordinators have finished. */
function wroteTwice({ saga_id, execution_log }: Saga): string[] {
  const finished = execution_log
    .filter(({ outcome }) => outcome === 'done' || outcome === 'refused')
    .map(({ step, kind }) => `the ${kind} of ${step}`);
  return finished
    .filter((what, at) => finished.indexOf(what) !== at)
    .map((what) => `saga ${saga_id} has finished ${what} twice`);
}

/** Each question is a round trip, or a turn of the event loop; the caller's own time-out is the bound. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await setImmediate();
}
