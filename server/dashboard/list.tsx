/** All sagas, narrowed down by what stands in the URL. */
import { z } from 'zod';
import { type CauseCount, type Filter, SAGA_STATUSES, type SagaStatus } from '../../stores/saga-store.ts';
import type { SagaPage } from '../engine/contract.ts';
import { titleOf } from './causes.ts';
import { type Frame, Page } from './page.tsx';
import { ParkedTable } from './parked-table.tsx';
import { Empty, type SagaRowsProps, SagaTable } from './parts.tsx';
import { count, STATUS_WORDS, span, words } from './wording.ts';

export const SAGAS_A_PAGE = 50;
const STUCK_SECONDS = [10, 60, 300, 3600, 86_400];

const text = z.string().max(200).optional().catch(undefined);
/** As the API has a time, or as a browser's field of a date and a time has it, which is taken for UTC. */
const moment = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT/)
  .transform((given) => new Date(/(?:Z|[+-]\d\d:\d\d)$/.test(given) ? given : `${given}Z`))
  .pipe(z.date())
  .transform((date) => date.toISOString())
  .optional()
  .catch(undefined);

/** A page is looked at by a person: what makes no sense in its URL is passed over, and the form shows that. */
export const listQuery = z
  .object({
    q: text,
    by: text,
    status: z.enum(SAGA_STATUSES).optional().catch(undefined),
    state: text,
    failed_step: text,
    label: text,
    machine: text,
    error: text,
    /** Key of what they are parked for. */
    cause: text,
    since: moment,
    until: moment,
    stuck_for: z.coerce.number().int().min(1).max(1e9).optional().catch(undefined),
    cursor: text,
    /** How many sagas the pages before have looked at. */
    looked: z.coerce.number().int().min(1).max(1e15).optional().catch(undefined),
  })
  // Links of older pages ask for a label.
  .transform(({ label, ...query }) => (label ? { q: label, by: 'label', ...query } : query));
export type ListQuery = z.output<typeof listQuery>;

/** What is filtered by, as the API has it. */
function askedIn({ cursor: _, looked: __, ...asked }: ListQuery): Record<string, string> {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined && value !== '');
  const { by, ...rest } = Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
  return by === undefined || rest.q === undefined ? rest : { by, ...rest };
}

export function filterIn(query: ListQuery): Filter {
  const { q, by, stuck_for, since, until, ...plain } = askedIn(query);
  return {
    ...plain,
    ...(q !== undefined && { sought: { text: q.trim(), ...(by !== undefined && { by }) } }),
    ...(stuck_for !== undefined && { stuckForMs: Number(stuck_for) * 1000 }),
    ...(since !== undefined && { sinceMs: Date.parse(since) }),
    ...(until !== undefined && { untilMs: Date.parse(until) }),
  } as Filter;
}

/** Of which statuses those are among which is looked: of others no saga can be as it is asked. */
export function statusesOf({ status, error, stuck_for }: ListQuery): readonly SagaStatus[] {
  if (status !== undefined) return [status];
  if (error) return ['ABORTED'];
  return stuck_for === undefined ? SAGA_STATUSES : ['STARTED', 'ABORTED'];
}

/** Whether there may be more of what is filtered further down, although the page is not full. */
export function isWalk({ sagas, cursor }: SagaPage): boolean {
  return cursor !== null && sagas.length < SAGAS_A_PAGE;
}

/** What else can be asked of those that are chosen. */
const ASKED = [
  ['cancel', 'Cancel chosen…'],
  ['skip', 'Skip a step…'],
  ['undone', 'Resolve as undone…'],
  ['completed', 'Resolve as completed…'],
] as const;

interface SagaListProps {
  readonly frame: Frame;
  readonly now: number;
  readonly position: string | undefined;
  readonly query: ListQuery;
  readonly page: SagaPage;
  readonly machines: readonly string[];
  readonly states: readonly string[];
  readonly steps: readonly string[];
  /** What the query's `cause` is; `null` where it is none, or nothing is parked for it. */
  readonly cause: CauseCount | null;
  /** By what sagas are found beside label and id. */
  readonly attributes: readonly string[];
  /** How many there are of this status, where it is told how far was looked. */
  readonly total: number | null;
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
  attributes,
  total,
  mayOperate,
}: SagaListProps) {
  const asked = askedIn(query);
  const isNarrowed = Object.keys(asked).length > 0;
  // What has a place of its own on the page is no filter there.
  const { status: _, cause: __, ...narrowing } = asked;
  const filters = Object.keys(narrowing).length;
  // What a script puts together of several pages must not be brought to what one of them says.
  const isOwn = query.cursor === undefined && !isWalk(page);
  return (
    <Page
      frame={frame}
      title="Sagas"
      here="sagas"
      follows={isOwn ? 'all' : 'none'}
      {...(position !== undefined && { position })}
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
      <button type="button" class="button open-filters" popovertarget="filters">
        {filters === 0 ? 'Filters' : `Filters, ${filters} set`}
      </button>
      <form class="filters" id="filters" popover="auto" action="/sagas" method="get" aria-label="Filters">
        {query.cause !== undefined && <input type="hidden" name="cause" value={query.cause} />}
        {query.status !== undefined && <input type="hidden" name="status" value={query.status} />}
        <label>
          Find
          <input type="search" name="q" value={query.q ?? ''} maxlength={200} />
        </label>
        <Choice
          name="by"
          label="By"
          value={query.by}
          options={['label', 'id', ...attributes].map((name) => [name, words(name)])}
        />
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
          Held because
          <input name="error" value={query.error ?? ''} maxlength={200} />
        </label>
        <Moment name="since" label="Begun since (UTC)" value={query.since} />
        <Moment name="until" label="and before" value={query.until} />
        <button type="submit" class="button">
          Filter
        </button>
        {isNarrowed && <a href="/sagas">Clear</a>}
      </form>
      {mayOperate && (
        <form id="bulk" action="/bulks/new" method="get" class="bulk">
          <button type="submit" class="button" name="act" value="retry" id="bulk-retry">
            Retry chosen…
          </button>
          <details class="more">
            <summary class="button">More</summary>
            <div>
              {ASKED.map(([name, label]) => (
                <button type="submit" class="button" name="act" value={name}>
                  {label}
                </button>
              ))}
            </div>
          </details>
          <span class="note" id="bulk-count" aria-live="polite" data-keep />
          <span class="grow" />
          <a class="note" href="/bulks">
            Asked before
          </a>
        </form>
      )}
      <section class="card flush" id="rows">
        {page.sagas.length === 0 ? (
          <Empty>
            {page.cursor === null && query.looked === undefined
              ? 'No saga is like this.'
              : 'None among those looked at so far.'}
          </Empty>
        ) : (
          <Rows query={query} sagas={page.sagas} now={now} {...(mayOperate && { form: 'bulk' })} />
        )}
      </section>
      <Walk query={query} page={page} total={total} />
      {page.isIndexing && (
        <p class="note">
          Sagas of an older release are still being indexed: until then these are looked through one by one,
          by their label.
        </p>
      )}
      <nav class="pager" aria-label="Pages" id="pager">
        {query.cursor !== undefined && (
          <a href={hrefOf({ ...query, cursor: undefined, looked: undefined })}>Back to the newest</a>
        )}
        <Exports asked={asked} />
        <span class="grow" />
        {page.cursor !== null && !isWalk(page) && (
          <a class="button" rel="next" href={hrefOf({ ...query, cursor: page.cursor, looked: undefined })}>
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

/** How far was looked, where no index has what is filtered by; a script follows its link by itself. */
function Walk({ query, page, total }: Pick<SagaListProps, 'query' | 'page' | 'total'>) {
  const looked = (query.looked ?? 0) + page.looked;
  const isOn = isWalk(page);
  if (!isOn && query.looked === undefined) return <p id="walk" class="note" role="status" hidden />;
  const back =
    page.backToMs === null
      ? ''
      : `, back to ${new Date(page.backToMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const of = total === null ? '' : ` of ${number(total)}`;
  return (
    <p id="walk" class="note" role="status">
      {`Looked at ${number(looked)}${of}${back}. `}
      {isOn && (
        <a rel="next" href={hrefOf({ ...query, cursor: page.cursor ?? undefined, looked })}>
          Go on
        </a>
      )}
    </p>
  );
}

function number(n: number): string {
  return n.toLocaleString('en');
}

function Exports({ asked }: { asked: Readonly<Record<string, string>> }) {
  const search = new URLSearchParams(asked);
  const query = search.size === 0 ? '' : `?${search}`;
  return (
    <span class="note">
      {'All of these as '}
      <a href={`/api/coordinator/sagas.csv${query}`} download>
        CSV
      </a>
      {' or '}
      <a href={`/api/coordinator/sagas.ndjson${query}`} download>
        NDJSON
      </a>
    </span>
  );
}

function hrefOf({ cursor, looked, ...query }: ListQuery): string {
  const place = { ...(cursor && { cursor }), ...(looked && { looked: String(looked) }) };
  const search = new URLSearchParams({ ...askedIn(query), ...place });
  return search.size === 0 ? '/sagas' : `/sagas?${search}`;
}

/** `payment could not be undone: refused`. */
function said(cause: CauseCount): string {
  const title = titleOf(cause);
  const error = cause.step === null ? '' : `: ${cause.error ?? 'for very many different reasons'}`;
  return `${title.charAt(0).toLowerCase()}${title.slice(1)}${error}`;
}

function Tab({ query, status, label }: { query: ListQuery; status: ListQuery['status']; label: string }) {
  const href = hrefOf({ ...query, status, cause: undefined, cursor: undefined, looked: undefined });
  const shown = query.cause === undefined ? query.status : 'ABORTED';
  return (
    <a href={href} aria-current={shown === status ? 'page' : undefined}>
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

function Moment({ name, label, value }: { name: string; label: string; value: string | undefined }) {
  const shown = value === undefined ? '' : new Date(value).toISOString().slice(0, 16);
  return (
    <label>
      {label}
      <input type="datetime-local" name={name} value={shown} />
    </label>
  );
}
