/** What several pages show alike. */
import type { Child } from 'hono/jsx';
import type { SagaStatus } from '../../stores/saga-store.ts';
import type { SagaListing } from '../engine/contract.ts';
import { isWaiting, stateWords } from './state-words.ts';
import { toneOf } from './statechart/marks.ts';
import { STATUS_WORDS, span } from './wording.ts';

/** In an operator's word, with the API's as its title. */
export function Badge({ status }: { status: SagaStatus }) {
  return (
    <span class={`badge tone-${toneOf(status)}`} title={status}>
      {STATUS_WORDS[status]}
    </span>
  );
}

/** How long ago, with the moment itself at hand. */
export function Ago({ ms, now }: { ms: number; now: number }) {
  const moment = new Date(ms).toISOString();
  return (
    <time datetime={moment} title={moment} data-ago>
      {now - ms < 1000 ? 'just now' : `${span(now - ms)} ago`}
    </time>
  );
}

/** One bead a step: done, failed, or not reached. */
function Progress({ summary }: { summary: SagaListing['summary'] }) {
  const { steps_completed: done, total_steps: total, failed_step_index: failed } = summary;
  return (
    <span class="progress" role="img" aria-label={`${done} of ${total} steps done`}>
      {Array.from({ length: Math.min(total, 20) }, (_, index) => (
        <i class={index === failed ? 'failed' : index < done ? 'done' : ''} />
      ))}
    </span>
  );
}

export function nameOf({ summary, id }: Pick<SagaListing, 'summary' | 'id'>): string {
  return summary.label ?? `Saga ${id.slice(-8)}`;
}

export interface SagaRowsProps {
  readonly sagas: readonly SagaListing[];
  readonly now: number;
  /** The form that a row can be chosen for. */
  readonly form?: string;
}

export function SagaTable({ sagas, now, form }: SagaRowsProps) {
  return (
    <table class="sagas">
      <thead>
        <tr>
          {form !== undefined && <PickAll />}
          <th scope="col">Saga</th>
          <th scope="col">Status</th>
          <th scope="col">State</th>
          <th scope="col">Steps</th>
          <th scope="col" class="number">
            Last change
          </th>
        </tr>
      </thead>
      <tbody>
        {sagas.map((saga) => (
          <SagaRow saga={saga} now={now} {...(form !== undefined && { form })} />
        ))}
      </tbody>
    </table>
  );
}

export function PickAll() {
  return (
    <th scope="col" class="pick">
      <input type="checkbox" id="pick-all" aria-label="Choose all on this page" hidden />
    </th>
  );
}

export function PickOne({ saga, form }: { saga: SagaListing; form: string }) {
  const isOpen = saga.status === 'STARTED' || saga.status === 'ABORTED';
  return (
    <td class="pick">
      {isOpen && (
        <input
          type="checkbox"
          name="saga"
          value={saga.id}
          form={form}
          aria-label={`Choose ${nameOf(saga)}`}
        />
      )}
    </td>
  );
}

function SagaRow({ saga, now, form }: { saga: SagaListing; now: number; form?: string }) {
  const { id, status, summary } = saga;
  return (
    <tr id={`saga-${id}`} data-row>
      {form !== undefined && <PickOne saga={saga} form={form} />}
      <th scope="row">
        <a href={`/sagas/${id}`}>{nameOf(saga)}</a>
        <small class="id">{id}</small>
      </th>
      <td>
        <Badge status={status} />
      </td>
      <td>
        {status === 'STARTED' && stateWords(summary.state)}
        {saga.unreadable !== null && <small>cannot be read</small>}
        {isWaiting(summary.state) && <small>waiting to try again</small>}
        {summary.failed_step !== null && <small>because {summary.failed_step} failed</small>}
      </td>
      <td>
        <Progress summary={summary} />
      </td>
      <td class="number">
        <Ago ms={saga.updatedAtMs} now={now} />
      </td>
    </tr>
  );
}

/** Where a link stands at other times. */
export function NoWay({ children }: { children?: Child }) {
  return (
    <button type="button" class="button off" disabled>
      {children}
    </button>
  );
}

export function Empty({ children }: { children?: Child }) {
  return <p class="empty">{children}</p>;
}
