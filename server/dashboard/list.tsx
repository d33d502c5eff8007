/** All sagas, narrowed down by what stands in the URL. */
import { z } from 'zod';
import { type CauseCount, type Filter, SAGA_STATUSES } from '../../stores/saga-store.ts';
import type { SagaPage } from '../engine/contract.ts';
import { titleOf } from './causes.ts';
import { type Frame, Page } from './page.tsx';
import { ParkedTable } from './parked-table.tsx';
import { Empty, type SagaRowsProps, SagaTable } from './parts.tsx';
import { count, STATUS_WORDS, span, words } from './wording.ts';

export const SAGAS_A_PAGE = 50;
const STUCK_SECONDS = [10, 60, 300, 3600, 86_400];

/** A page is looked at by a person: what makes no sense in its URL is passed over, and the form shows that. */
export const listQuery = z.object({
  status: z.enum(SAGA_STATUSES).optional().catch(undefined),
  state: z.string().max(200).optional().catch(undefined),
  failed_step: z.string().max(200).optional().catch(undefined),
  label: z.string().max(200).optional().catch(undefined),
  machine: z.string().max(200).optional().catch(undefined),
  /** Key of what they are parked for. */
  cause: z.string().max(200).optional().catch(undefined),
  stuck_for: z.coerce.number().int().min(1).max(1e9).optional().catch(undefined),
  cursor: z.string().max(200).optional().catch(undefined),
});
export type ListQuery = z.infer<typeof listQuery>;

export function filterIn({ stuck_for, cursor: _, ...plain }: ListQuery): Filter {
  const filter = { ...plain, stuckForMs: stuck_for === undefined ? undefined : stuck_for * 1000 };
  return Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value !== undefined && value !== ''),
  );
}

interface SagaListProps {
  readonly frame: Frame;
  readonly now: number;
  readonly position: string;
  readonly query: ListQuery;
  readonly page: SagaPage;
  readonly machines: readonly string[];
  readonly states: readonly string[];
  readonly steps: readonly string[];
  /** What the query's `cause` is; `null` where it is none, or nothing is parked for it. */
  readonly cause: CauseCount | null;
  /** Whether whoever looks may change anything. */
  readonly mayOperate: boolean;
}

export function SagaList({
  frame,
  now,
  position,
  query,
  page,
  machines,
  states,
  steps,
  cause,
  mayOperate,
}: SagaListProps) {
  const isNarrowed = Object.values(query).some((value) => value !== undefined && value !== '');
  return (
    <Page
      frame={frame}
      title="Sagas"
      here="sagas"
      follows={query.cursor === undefined ? 'all' : 'none'}
      position={position}
    >
      <h1>Sagas</h1>
      <nav class="tabs" aria-label="Status">
        <Tab query={query} status={undefined} label="All" />
        {(['ABORTED', 'STARTED', 'COMPLETED', 'FAILED'] as const).map((status) => (
          <Tab query={query} status={status} label={STATUS_WORDS[status]} />
        ))}
      </nav>
      {query.cause !== undefined && (
        <p id="cause">
          {cause === null
            ? 'Nothing is parked for this any more.'
            : `${count(cause.n, 'saga')}, parked because ${said(cause)}`}
        </p>
      )}
      <form class="filters" action="/sagas" method="get">
        {query.cause !== undefined && <input type="hidden" name="cause" value={query.cause} />}
        {query.status !== undefined && <input type="hidden" name="status" value={query.status} />}
        {machines.length > 1 && (
          <Choice
            name="machine"
            label="Machine"
            value={query.machine}
            options={machines.map((name) => [name, words(name)])}
          />
        )}
        <Choice
          name="state"
          label="State"
          value={query.state}
          options={states.map((name) => [name, words(name)])}
        />
        <Choice
          name="failed_step"
          label="Failed step"
          value={query.failed_step}
          options={steps.map((name) => [name, words(name)])}
        />
        <Choice
          name="stuck_for"
          label="No change for"
          value={query.stuck_for?.toString()}
          options={STUCK_SECONDS.map((seconds) => [String(seconds), span(seconds * 1000)])}
        />
        <label>
          Label
          <input name="label" value={query.label ?? ''} maxlength={200} />
        </label>
        <button type="submit" class="button">
          Filter
        </button>
        {isNarrowed && <a href="/sagas">Clear</a>}
      </form>
      {mayOperate && (
        <form id="bulk" action="/sagas/retry" method="get" class="bulk">
          <button type="submit" class="button" id="bulk-retry">
            Retry chosen…
          </button>
          <span class="note" id="bulk-count" aria-live="polite" />
        </form>
      )}
      <section class="card flush" id="rows">
        {page.sagas.length === 0 ? (
          <Empty>
            {page.cursor === null ? 'No saga is like this.' : 'None among those looked at so far.'}
          </Empty>
        ) : (
          <Rows query={query} sagas={page.sagas} now={now} {...(mayOperate && { form: 'bulk' })} />
        )}
      </section>
      <nav class="pager" aria-label="Pages" id="pager">
        {query.cursor !== undefined && (
          <a href={hrefOf({ ...query, cursor: undefined })}>Back to the newest</a>
        )}
        <span class="grow" />
        {page.cursor !== null && (
          <a class="button" rel="next" href={hrefOf({ ...query, cursor: page.cursor })}>
            Older sagas
          </a>
        )}
      </nav>
    </Page>
  );
}

/** Of what is parked, each saga with what it holds and why. */
function Rows({ query, ...rows }: SagaRowsProps & { query: ListQuery }) {
  const isParked = query.status === 'ABORTED' || query.cause !== undefined;
  return isParked ? <ParkedTable {...rows} /> : <SagaTable {...rows} />;
}

function hrefOf(query: ListQuery): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]));
  return given.length === 0 ? '/sagas' : `/sagas?${search}`;
}

/** `payment could not be undone: refused`. */
function said(cause: CauseCount): string {
  const title = titleOf(cause);
  const error = cause.step === null ? '' : `: ${cause.error ?? 'for very many different reasons'}`;
  return `${title.charAt(0).toLowerCase()}${title.slice(1)}${error}`;
}

function Tab({ query, status, label }: { query: ListQuery; status: ListQuery['status']; label: string }) {
  const href = hrefOf({ ...query, status, cause: undefined, cursor: undefined });
  return (
    <a href={href} aria-current={query.status === status ? 'page' : undefined}>
      {label}
    </a>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly label: string;
  readonly value: string | undefined;
  readonly options: readonly (readonly [string, string])[];
}

function Choice({ name, label, value, options }: ChoiceProps) {
  return (
    <label>
      {label}
      <select name={name}>
        <option value="">Any</option>
        {options.map(([option, shown]) => (
          <option value={option} selected={option === value}>
            {shown}
          </option>
        ))}
      </select>
    </label>
  );
}
