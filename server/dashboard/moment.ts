/** A saga as it stood after one entry of its log, as far as the log tells, and what that entry brought. */
import type { Answer, RegisteredMachine, SagaContext } from '../../machines/index.ts';
import { stepIn } from '../../machines/parts.ts';
import type { NumberedEntry, SagaStatus } from '../../stores/saga-store.ts';
import type { SagaHistory } from '../engine/contract.ts';
import { standingIn } from './statechart/active.ts';
import type { Chart } from './statechart/chart.ts';
import { attemptAfter } from './statechart/marks.ts';

export interface Moment {
  readonly history: SagaHistory;
  /** Names of the facts, and addresses of the answers, that came with its last entry. */
  readonly fresh: ReadonlySet<string>;
}

export function momentOf(
  { saga, log }: SagaHistory,
  chart: Chart | null,
  machine: RegisteredMachine | null,
  at: number,
): Moment {
  const past = log.filter(({ seq }) => seq <= at);
  const last = past.at(-1);
  if (last === undefined) return { history: { saga, log }, fresh: new Set() };
  const { context } = saga;
  const done = doneIn(past);
  const answers = Object.fromEntries(
    Object.entries(context.answers).filter(([address]) => done.has(address)),
  );
  const undone = context.undone.filter((address) => isUndoneIn(past, address));
  const status = statusIn(chart, last.to);
  const isBack = status !== 'STARTED' || isUndoing(chart, last.to);
  const later = Object.keys(context.answers).filter((address) => !done.has(address));
  const justNow = past.length > 1 && isDone(last) && last.step !== null ? [last.step] : [];
  const then: SagaContext = {
    ...context,
    answers,
    undone,
    data: without(context.data, factsOf(machine, context, later), factsOf(machine, context, [...done])),
    attempt: attemptAfter(last),
    retryAt: null,
    failure: isBack && status !== 'COMPLETED' ? context.failure : null,
    held: heldIn(past, Object.keys(answers), undone, status),
  };
  const summary = { ...saga.summary, state: last.to };
  const shown = {
    ...saga,
    status,
    summary,
    context: then,
    seq: at,
    updatedAtMs: Date.parse(last.at),
    parked: null,
  };
  return {
    history: { saga: shown, log: past },
    fresh: new Set([...justNow, ...factsOf(machine, context, justNow)]),
  };
}

/** Until it has ended a saga is STARTED, but for where it is parked; the past tells by its state. */
function statusIn(chart: Chart | null, state: string): SagaStatus {
  const kind = chart?.nodes.find(({ id }) => id === state)?.kind;
  if (kind === 'parked') return 'ABORTED';
  if (kind === 'success') return 'COMPLETED';
  return kind === 'end' ? 'FAILED' : 'STARTED';
}

function isUndoing(chart: Chart | null, state: string): boolean {
  return chart !== null && standingIn(chart, state).some(({ node }) => node.lane === 'back');
}

function isDone({ kind, event, outcome }: NumberedEntry): boolean {
  return kind === 'action' && (outcome === 'done' || event === 'outcome');
}

function doneIn(past: readonly NumberedEntry[]): Set<string> {
  return new Set(past.flatMap((entry) => (isDone(entry) && entry.step !== null ? [entry.step] : [])));
}

function isUndoneIn(past: readonly NumberedEntry[], address: string): boolean {
  return past.some(
    ({ step, kind, outcome, event }) =>
      step === address && (event === 'skip' || (kind === 'compensation' && outcome === 'done')),
  );
}

/** What had failed to be undone, where it was parked then. */
function heldIn(
  past: readonly NumberedEntry[],
  standing: readonly string[],
  undone: readonly string[],
  status: SagaStatus,
): SagaContext['held'] {
  if (status !== 'ABORTED') return [];
  return standing.flatMap((address) => {
    const tried = past.findLast(({ step, kind }) => step === address && kind === 'compensation');
    return tried?.error == null || undone.includes(address) ? [] : [{ step: address, reason: tried.error }];
  });
}

/** The facts that these steps' answers add, as far as the machine tells of what is shown of them. */
function factsOf(
  machine: RegisteredMachine | null,
  { answers }: SagaContext,
  addresses: readonly string[],
): string[] {
  return addresses.flatMap((address) => {
    const gains = machine?.steps.find(({ name }) => name === stepIn(address))?.action.gains;
    try {
      return Object.keys((gains as ((answer?: Answer) => object) | undefined)?.(answers[address]) ?? {});
    } catch {
      // What is shown has its secrets taken out, and its numbers as they were written.
      return [];
    }
  });
}

function without(
  data: SagaContext['data'],
  later: readonly string[],
  known: readonly string[],
): SagaContext['data'] {
  const gone = new Set(later.filter((name) => !known.includes(name)));
  return Object.fromEntries(Object.entries(data).filter(([name]) => !gone.has(name)));
}
