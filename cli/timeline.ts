/** One saga in a terminal: a lane for each action and each compensation, its calls drawn along one line of time. */

import type { Cell, Paper } from './paper.ts';
import type { LogEntry, Saga } from './saga.ts';
import { type Colour, shown, span, statusColour } from './text.ts';

/** How a call is drawn, by what came of it. */
const MARKS: Readonly<Record<string, { readonly mark: string; readonly colour: Colour }>> = {
  done: { mark: '=', colour: 'green' },
  refused: { mark: 'x', colour: 'red' },
  retryable: { mark: '~', colour: 'yellow' },
  unknown: { mark: '?', colour: 'yellow' },
};
const LEAST_COLUMNS = 10;
const MOST_COLUMNS = 60;
/** What stands beside the line of time. */
const OTHER_COLUMNS = 60;

interface Lane {
  readonly step: string;
  readonly kind: string;
  readonly calls: LogEntry[];
}

export function timeline(saga: Saga, paper: Paper): string {
  return [head(saga, paper), lanes(saga, paper), notes(saga, paper), held(saga, paper)]
    .filter((part) => part !== '')
    .join('\n');
}

function head(saga: Saga, paper: Paper): string {
  const { machine, failed_step: step, reason } = saga;
  const both = (time: string) => [...new Set([paper.time(time), shown(time)])].join(', ');
  const facts: [string, unknown][] = [
    ['status', saga.message ?? saga.status],
    ['state', saga.state],
    // Of a coordinator that is older than labels, the order's.
    ['label', saga.label ?? saga.order_id],
    ['machine', machine && `${machine.id}@${machine.version}`],
    ['trace', saga.trace_id],
    ['created', saga.created_at && both(saga.created_at)],
    ['seq', saga.execution_log.at(-1)?.seq],
    [
      'failed',
      reason === null || reason === undefined ? null : `${step === null ? '' : `${step}: `}${reason}`,
    ],
    ['next try', saga.retry_at && both(saga.retry_at)],
    ['to do', saga.remaining_steps?.join(', ')],
  ];
  const rows = facts.filter(([, fact]) => fact !== null && fact !== undefined && fact !== '');
  const title = paper.paint('bold', `saga ${shown(saga.saga_id)}`);
  return `${title}\n${paper.table(
    rows.map(([name, fact]): Cell[] => [
      { text: name, colour: 'grey' },
      name === 'status' ? { text: shown(fact), colour: statusColour(saga.status) } : shown(fact),
    ]),
  )}`;
}

function lanes({ execution_log: log }: Saga, paper: Paper): string {
  const calls = log.filter(({ step, kind, outcome }) => step && kind && outcome && outcome !== 'ignored');
  if (calls.length === 0) return '';
  const found = new Map<string, Lane>();
  for (const call of calls) {
    const lane = found.get(`${call.kind} ${call.step}`) ?? {
      step: shown(call.step),
      kind: shown(call.kind),
      calls: [],
    };
    lane.calls.push(call);
    found.set(`${call.kind} ${call.step}`, lane);
  }
  const times = calls.flatMap((call) => [startOf(call), endOf(call)]).filter(Number.isFinite);
  const began = Math.min(...times);
  const lasted = Math.max(...times) - began;
  const width = Math.min(MOST_COLUMNS, Math.max(LEAST_COLUMNS, paper.columns - OTHER_COLUMNS));
  const scale = `0${span(lasted).padStart(width - 1)}`;
  const grey = (text: string): Cell => ({ text, colour: 'grey' });
  return paper.table([
    ['step', 'call', scale, 'attempts'].map(grey),
    ...[...found.values()].map(({ step, kind, calls: all }): Cell[] => [
      step,
      { text: kind, least: 'whole' },
      {
        text: drawn(all, began, lasted, width),
        least: 'whole',
        colour: MARKS[all.at(-1)?.outcome ?? '']?.colour ?? 'grey',
      },
      all.map(told).join(', '),
    ]),
  ]);
}

function drawn(calls: readonly LogEntry[], began: number, lasted: number, width: number): string {
  const columnOf = (at: number) => Math.floor(((at - began) / Math.max(lasted, 1)) * (width - 1));
  const line = Array.from({ length: width }, () => '.');
  for (const call of calls) {
    const [first, last] = [columnOf(startOf(call)), columnOf(endOf(call))];
    if (!Number.isFinite(first) || !Number.isFinite(last)) continue;
    line.fill(MARKS[call.outcome ?? '']?.mark ?? '-', first, last + 1);
  }
  return line.join('');
}

function told({ outcome, attempt, duration_ms: ms, error, replayed }: LogEntry): string {
  const lasted = `${typeof ms === 'number' ? ` ${span(ms)}` : ''}${replayed ? ' from its ledger' : ''}`;
  return `${shown(attempt)} ${shown(outcome)}${lasted}${outcome === 'done' || !error ? '' : ` (${shown(error)})`}`;
}

function endOf({ at }: LogEntry): number {
  return Date.parse(at);
}

function startOf(call: LogEntry): number {
  return endOf(call) - (typeof call.duration_ms === 'number' ? call.duration_ms : 0);
}

/** What happened beside the calls: take-overs, and what people asked for. */
function notes({ execution_log: log }: Saga, paper: Paper): string {
  const told = log.filter(({ event, by }) => by !== undefined || !ORDINARY.has(event));
  if (told.length === 0) return '';
  return paper.table(
    told.map(({ at, event, by, reason, step, outcome, to, error }) => [
      { text: paper.time(at), colour: 'grey', least: 'whole' },
      shown(event) + (step && by !== undefined ? ` ${shown(step)}` : ''),
      [
        by === undefined ? `in ${shown(to)}` : `by ${shown(by)}: ${shown(reason)}`,
        outcome === 'ignored' ? '(ignored)' : '',
        error ? shown(error) : '',
      ]
        .filter((part) => part !== '')
        .join(' '),
    ]),
  );
}

const ORDINARY = new Set(['started', 'done', 'refused', 'retryable', 'unknown', 'due']);

function held({ held, parked }: Saga, paper: Paper): string {
  if (held.length === 0) return parked ? `${paper.paint('red', `parked: ${shown(parked.reason)}`)}\n` : '';
  return `${paper.paint('red', 'still held')}\n${paper.table(
    held.map(({ step, reason, response }) => [shown(step), shown(reason), shown(response)]),
  )}`;
}
