/**
 * What services did for one saga, held against what the saga says of itself. The journal is written inside each
 * service's ledger, so it is a witness that no coordinator can bribe.
 */
import type { CallKind, JournalEntry } from '../../services-stub/journal.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import type { Saga } from './saga.ts';

export interface Verdict {
  readonly problems: readonly string[];
  /** Services of which an effect of this saga stands. */
  readonly standing: readonly string[];
  /** Steps that a parked saga names as held where nothing stands: all answers that could have told it were lost. */
  readonly namedInVain: readonly string[];
}

/** @param everHeld steps that it named as held when it was parked before; an operator had it go on */
export function judge(saga: Saga, calls: readonly JournalEntry[], everHeld: readonly string[] = []): Verdict {
  const settled = (name: string, kind: CallKind) =>
    calls.filter((call) => call.service === name && call.kind === kind && call.outcome === 'performed')
      .length;
  const problems: string[] = [];
  const blame = (what: string) => problems.push(`saga ${saga.saga_id} (${saga.status}): ${what}`);

  for (const name of SERVICE_NAMES) {
    for (const kind of ['action', 'compensation'] as const) {
      const times = settled(name, kind);
      if (times > 1) blame(`the ${kind} of ${name} took effect ${times} times`);
    }
  }
  const standing = SERVICE_NAMES.filter((name) => settled(name, 'action') > settled(name, 'compensation'));
  for (const what of wrongOrder(saga, calls, everHeld)) blame(what);

  const namedInVain: string[] = [];
  switch (saga.status) {
    case 'COMPLETED':
      if (standing.length < SERVICE_NAMES.length) blame(`only ${standing.join(', ') || 'nothing'} stands`);
      if (calls.some(({ kind }) => kind === 'compensation')) blame('a compensation was called');
      break;
    case 'FAILED':
      if (standing.length > 0) blame(`${standing.join(', ')} still stands`);
      break;
    case 'ABORTED': {
      const named = saga.parked?.held.map(({ step }) => step) ?? [];
      if (saga.parked?.reason !== 'compensation-incomplete') blame(`it is parked: ${saga.parked?.reason}`);
      if (named.length === 0) blame('it is parked with nothing held');
      for (const name of standing)
        if (!named.includes(name)) blame(`${name} stands and is not named as held`);
      for (const step of named) {
        if (standing.some((name) => name === step)) continue;
        if (knewBetter(saga, step)) blame(`${step} is named as held although its undoing was confirmed`);
        namedInVain.push(step);
      }
      break;
    }
    default:
      blame(`it stands in ${saga.state}`);
  }
  return { problems, standing, namedInVain };
}

/** Whether the saga has seen the answer that its step was undone. */
function knewBetter({ execution_log }: Saga, step: string): boolean {
  return execution_log.some(
    (entry) => entry.step === step && entry.kind === 'compensation' && entry.outcome === 'done',
  );
}

function placeOf(service: string): number {
  return (SERVICE_NAMES as readonly string[]).indexOf(service);
}

/** Forward from the first step without a gap; back from the step that failed, and nothing forward after that. */
function wrongOrder(saga: Saga, calls: readonly JournalEntry[], everHeld: readonly string[]): string[] {
  const ordered = calls.toSorted((a, b) => a.seq - b.seq);
  const forward = ordered.filter(({ kind, outcome }) => kind === 'action' && outcome === 'performed');
  const back = ordered.filter(
    ({ kind, outcome }) =>
      kind === 'compensation' && (outcome === 'performed' || outcome === 'nothing-to-undo'),
  );
  const wrong: string[] = [];
  const names = forward.map(({ service }) => service).join(' > ');
  if (names !== SERVICE_NAMES.slice(0, forward.length).join(' > ')) wrong.push(`it went forward ${names}`);

  const named = [...everHeld, ...(saga.parked?.held.map(({ step }) => step) ?? [])];
  const places = back.map(({ service }) => placeOf(service));
  // A step that is named as held was given up: a call of its undoing that nobody waited for any more may arrive whenever.
  const inTurn = back
    .filter(({ service }) => !named.includes(service))
    .map(({ service }) => placeOf(service));
  const isDescending = inTurn.every((place, at) => at === 0 || place < (inTurn[at - 1] ?? 0));
  const undone = back.map(({ service }) => service).join(' > ');
  if (!isDescending) wrong.push(`it went back ${undone}`);

  // The step that failed may have had no effect; none beyond it can have been called.
  const undoCalls = ordered.filter(({ kind }) => kind === 'compensation');
  for (const { service } of undoCalls) {
    if (placeOf(service) > forward.length)
      wrong.push(`the compensation of ${service} was called although its action never was due`);
  }
  if (saga.status === 'FAILED') {
    // The undoing of what was given up comes last, whatever its place.
    const first = Math.max(-1, ...(everHeld.length === 0 ? places.slice(0, 1) : places));
    if (places.length !== first + 1 || first < forward.length - 1)
      wrong.push(`it failed cleanly, and only ${undone || 'nothing'} was undone`);
  }
  const firstBack = back[0]?.seq ?? Number.POSITIVE_INFINITY;
  // Where no attempt to undo a step ever reached the service, its overtaken action is not blocked; then it must be named.
  const late = forward.find(({ seq, service }) => seq > firstBack && !named.includes(service));
  if (late !== undefined) wrong.push(`${late.service} took effect after the undoing had begun`);
  return wrong;
}
