/** A saga's history, line by line. */
import type { NumberedEntry } from '../../stores/saga-store.ts';
import { callHref } from './call.tsx';
import { isWaiting, stateWords } from './state-words.ts';
import { partOf } from './statechart/active.ts';
import type { Chart } from './statechart/chart.ts';
import { span } from './wording.ts';

/** What happened, where the event's own name does not say it to everybody. */
const EVENT_WORDS: Readonly<Record<string, string>> = {
  started: 'Saga began',
  due: 'Wait over, next attempt',
  deferred: 'Held back, participant in trouble',
  takenOver: 'Taken over',
  claimsExhausted: 'Given up after too many take-overs',
  cancel: 'Cancelled',
  retry: 'Retried',
  event: 'Event arrived',
  accepted: 'Accepted, its outcome is to come',
  skip: 'Skipped',
  resolve: 'Resolved',
  deadline: 'Deadline passed',
};

interface LogProps {
  readonly log: readonly NumberedEntry[];
  /** The entry that is looked at, where that is not the last. */
  readonly at: number | null;
  readonly sagaPath: string;
  readonly chart: Chart | null;
}

export function Log({ log, at, sagaPath, chart }: LogProps) {
  const begun = Date.parse(log[0]?.at ?? '');
  return (
    <table class="log">
      <thead>
        <tr>
          <th scope="col" class="number">
            #
          </th>
          <th scope="col" class="number">
            When
          </th>
          <th scope="col">What happened</th>
          <th scope="col">Then</th>
          <th scope="col" class="number">
            Took
          </th>
        </tr>
      </thead>
      <tbody>
        {log.map((entry) => (
          <Line entry={entry} begun={begun} isAt={entry.seq === at} sagaPath={sagaPath} chart={chart} />
        ))}
      </tbody>
    </table>
  );
}

interface LineProps {
  readonly entry: NumberedEntry;
  readonly begun: number;
  readonly isAt: boolean;
  readonly sagaPath: string;
  readonly chart: Chart | null;
}

function Line({ entry, begun, isAt, sagaPath, chart }: LineProps) {
  const { seq, at, event, from, to, step, kind, duration_ms, error, by, reason } = entry;
  return (
    <tr
      id={`entry-${seq}`}
      data-row
      data-seq={seq}
      data-step={step}
      data-kind={kind}
      data-state={chart === null ? undefined : partOf(chart, entry)?.id}
      aria-current={isAt ? 'step' : undefined}
    >
      <td class="number">
        <a href={`${sagaPath}?at=${seq}`} title="The saga as it stood here">
          {seq}
        </a>
      </td>
      <td class="number">
        <time datetime={at} title={at} data-said={span(Date.parse(at) - begun)}>
          {span(Date.parse(at) - begun)}
        </time>
      </td>
      <td>
        <What entry={entry} sagaPath={chart === null ? null : sagaPath} />
        {error !== null && <small class="error">{error}</small>}
        {by !== undefined && (
          <small>
            by {by}
            {reason !== undefined && (event === 'takenOver' ? ` ${reason}` : `: ${reason}`)}
          </small>
        )}
      </td>
      <td>
        {from === to ? <span class="faint">same state</span> : stateWords(to)}
        {isWaiting(to) && <small>waits</small>}
      </td>
      <td class="number">{duration_ms === null ? '' : span(duration_ms)}</td>
    </tr>
  );
}

interface WhatProps {
  readonly entry: NumberedEntry;
  /** `null` where nothing is known of its calls. */
  readonly sagaPath: string | null;
}

function What({ entry: { event, outcome, step, kind, attempt, replayed }, sagaPath }: WhatProps) {
  const call = step === null ? null : `${kind === 'compensation' ? 'undo ' : ''}${step}`;
  const again = attempt !== null && attempt > 1 ? `, attempt ${attempt}` : '';
  const isAnswer = EVENT_WORDS[event] === undefined;
  return (
    <>
      <span class={`outcome outcome-${isAnswer ? event : 'note'}`}>{EVENT_WORDS[event] ?? event}</span>
      {step !== null && event !== 'started' && (
        <>
          {' '}
          {sagaPath === null ? (
            call
          ) : (
            <a href={callHref(sagaPath, step)} data-dialog data-call>
              {call}
            </a>
          )}
          {again}
        </>
      )}
      {replayed && <small>Answered from its ledger: nothing was done for this attempt.</small>}
      {outcome === 'ignored' && <small>It had no effect any more.</small>}
    </>
  );
}
