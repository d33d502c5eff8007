/** What a saga's machine can do, found by walking it as the engine drives it: the transitions that must be enumerated. */
import { type Activity, activitiesIn, type SagaEvent, type SagaSnapshot } from '../../machines/index.ts';
import { leavesIn, nameOf } from '../../machines/structure.ts';
import { at } from '../machines/placed-order.ts';
import { transitionOf } from './deployment.ts';
import { ATTEMPTS_MAX, type SagaName, SIMULATED, type Simulated, WITHIN_MS } from './sagas.ts';

/** What happens, as the log names it. */
interface Happens {
  readonly as: string;
  readonly event: SagaEvent;
}

const known = new Map<SagaName, ReadonlySet<string>>();

/** Without what comes before its state, and without requests of operators: those have no message of their own. */
export function transitionsOf(name: SagaName): ReadonlySet<string> {
  const found = known.get(name) ?? walked(SIMULATED[name]);
  known.set(name, found);
  return found;
}

function walked(saga: Simulated): Set<string> {
  const { machine } = saga;
  const found = new Set<string>();
  for (const { data } of saga.inputs) walkFrom(saga, machine.begin({ data, at }), found);
  return found;
}

function walkFrom(saga: Simulated, begun: SagaSnapshot, found: Set<string>): void {
  const { machine } = saga;
  const seen = new Set<string>();
  const left = [begun];
  for (let snapshot = left.pop(); snapshot !== undefined; snapshot = left.pop()) {
    const key = keyOf(saga, snapshot);
    if (seen.has(key)) continue;
    seen.add(key);
    for (const one of activitiesIn(machine.asks(snapshot))) {
      for (const { as, event } of happeningsOf(saga, one)) {
        const next = machine.next(snapshot, event);
        const [from, to] = [nameOf(snapshot.value), nameOf(next.value)];
        found.add(transitionOf({ from, event: as as never, to }));
        left.push(next);
      }
    }
  }
}

/** What tells two snapshots apart for all that is to come, as far as transitions go. */
function keyOf({ machine }: Simulated, snapshot: SagaSnapshot): string {
  const { value, context } = snapshot;
  const { failure, held, items = {}, uncertain = [], chosen = {}, pending = {} } = context;
  // Behind the pivot attempts have no end.
  const counted = (attempt: number) => Math.min(attempt, ATTEMPTS_MAX);
  const asked = activitiesIn(machine.asks(snapshot)).map(
    ({ name, kind, attempt = 0 }) => [name, kind, counted(attempt)] as const,
  );
  const hasItems = asked.some(([name]) => name.includes('/'));
  const phases = hasItems
    ? Object.values(items)
        .flat()
        .map(({ phase, attempt }) => [phase, attempt])
    : [];
  const places = Object.values(pending).map(({ location }) => location !== null);
  return JSON.stringify([value, asked, phases, failure !== null, held.length > 0, uncertain, chosen, places]);
}

function happeningsOf({ answers, event: awaited }: Simulated, one: Activity): Happens[] {
  const to = one.to === undefined ? {} : { to: one.to };
  if (one.kind === 'wait') {
    const due: Happens = { as: 'due', event: { type: 'due', at: one.until, ...to } };
    return [due];
  }
  if (one.kind === 'expect') {
    const due: Happens = { as: 'due', event: { type: 'due', at: one.until, ...to } };
    if (one.event === null) {
      const answer = answers[one.step ?? ''] ?? {};
      return [
        due,
        { as: 'due', event: { type: 'due', at: at + WITHIN_MS, ...to } },
        { as: 'outcome', event: { type: 'done', at, answer, ...to } },
        { as: 'outcome', event: { type: 'refused', at, error: 'no', ...to } },
      ];
    }
    const says = (data: Simulated['event'] & object, refuses: boolean): Happens => ({
      as: 'event',
      event: { type: 'event', at, id: 'e', name: data.name, data: refuses ? data.refuses : data.goesOn },
    });
    return awaited === null ? [due] : [due, says(awaited, false), says(awaited, true)];
  }
  const { call } = one;
  const failed = { at, error: 'no', random: 0.5, retryAfterMs: null, ...to };
  const answer = call.kind === 'action' ? (answers[call.step] ?? {}) : {};
  const made: Happens[] = [
    { as: 'done', event: { type: 'done', at, answer, ...to } },
    { as: 'refused', event: { type: 'refused', at, error: 'no', ...to } },
    { as: 'retryable', event: { type: 'retryable', ...failed } },
    { as: 'unknown', event: { type: 'unknown', ...failed } },
  ];
  if (!call.isAsynchronous) return made;
  // Asked for once it is said where; else it is waited for.
  const accepted = { type: 'accepted', at, pollAfterMs: 1, ...to } as const;
  return [
    ...made,
    { as: 'accepted', event: { ...accepted, location: null } },
    { as: 'accepted', event: { ...accepted, location: '/later' } },
  ];
}

/** The calls that its states announce, each with its first attempt. */
export function callsOf(name: SagaName): string[] {
  const { machine, pivot } = SIMULATED[name];
  const { steps } = machine;
  const behind = steps.findIndex((step) => step.name === pivot);
  return steps.flatMap(({ name: step, compensation, each }, index) => {
    const address = each === undefined ? step : `${step}/Ada`;
    const isUndone = 'path' in compensation && (behind < 0 || index < behind);
    return [`${address} action 1`, ...(isUndone ? [`${address} compensation 1`] : [])];
  });
}

const FINAL = /\.(done|stopped|undone)$/;

/** A transition by the innermost states that it leaves and enters: of branches beside each other, the one that moves. */
export function kindOf(about: string): string {
  const [, from = '', event, to = ''] = /^(.*) -(\w+)-> (.*)$/.exec(about) ?? [];
  if (event === undefined || !(from.includes('(') || to.includes('('))) return about;
  const [before, after] = [leavesIn(from), leavesIn(to)];
  const left = before.filter((leaf) => !after.includes(leaf) && !FINAL.test(leaf));
  const entered = after.filter((leaf) => !before.includes(leaf));
  return `${left.join()} -${event}-> ${entered.join()}`;
}
