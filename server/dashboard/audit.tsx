/** Who did what, over all sagas, narrowed down by what stands in the URL. */
import { z } from 'zod';
import type { AuditEntry, AuditFilter, AuditPage } from '../../stores/saga-store.ts';
import { type Frame, Page } from './page.tsx';
import { Ago, Badge, Empty } from './parts.tsx';
import { stateWords } from './state-words.ts';

export const ENTRIES_A_PAGE = 50;
const ACTIONS = ['cancel', 'retry', 'skip', 'resolve', 'event', 'start', 'fault', 'kill'] as const;

/** A page is looked at by a person: what makes no sense in its URL is passed over, and the form shows that. */
const filter = z.string().min(1).max(300).optional().catch(undefined);
export const auditQuery = z.object({
  actor: filter,
  by: filter,
  saga_id: filter,
  action: z.enum(ACTIONS).optional().catch(undefined),
  cursor: filter,
});
type AuditQuery = z.infer<typeof auditQuery>;

export function auditFilterIn({ cursor: _, ...query }: AuditQuery): AuditFilter {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

interface AuditProps {
  readonly frame: Frame;
  readonly now: number;
  readonly query: AuditQuery;
  readonly page: AuditPage;
}

export function Audit({ frame, now, query, page }: AuditProps) {
  const { entries, cursor, damage } = page;
  const isNarrowed = Object.values(query).some((value) => value !== undefined);
  return (
    <Page frame={frame} title="Audit" here="audit">
      <h1>Who did what</h1>
      <form class="filters" action="/audit" method="get">
        <label>
          Actor
          <input name="actor" value={query.actor ?? ''} maxlength={300} />
        </label>
        <label>
          Name given
          <input name="by" value={query.by ?? ''} maxlength={100} />
        </label>
        <label>
          Action
          <select name="action">
            <option value="">Any</option>
            {ACTIONS.map((action) => (
              <option value={action} selected={action === query.action}>
                {ACTION_WORDS[action]}
              </option>
            ))}
          </select>
        </label>
        <label>
          Saga id
          <input name="saga_id" value={query.saga_id ?? ''} maxlength={200} />
        </label>
        <button type="submit" class="button">
          Filter
        </button>
        {isNarrowed && <a href="/audit">Clear</a>}
      </form>
      {damage.map((words) => (
        <p class="note" role="alert">
          Not all can be read: {words}. <code>saga audit verify</code> says what is wrong.
        </p>
      ))}
      <section class="card flush">
        {entries.length === 0 ? (
          <Empty>
            {cursor !== null
              ? 'None among those looked at so far.'
              : isNarrowed
                ? 'No entry is like this.'
                : 'Nobody has changed a saga yet.'}
          </Empty>
        ) : (
          <Entries entries={entries} now={now} query={query} />
        )}
      </section>
      <nav class="pager" aria-label="Pages">
        {query.cursor !== undefined && (
          <a href={hrefOf({ ...query, cursor: undefined })}>Back to the newest</a>
        )}
        <span class="grow" />
        {cursor !== null && (
          <a class="button" rel="next" href={hrefOf({ ...query, cursor })}>
            Older entries
          </a>
        )}
      </nav>
    </Page>
  );
}

const ACTION_WORDS: Readonly<Record<string, string>> = {
  start: 'Start',
  cancel: 'Cancel',
  retry: 'Retry',
  skip: 'Skip',
  resolve: 'Resolve',
  event: 'Event',
  fault: 'Faults set',
  kill: 'Process killed',
  unreadable: 'Unreadable request',
  trimmed: 'Old entries dropped',
  'begun-anew': 'Begun anew',
};

function Entries({
  entries,
  now,
  query,
}: {
  readonly entries: readonly AuditEntry[];
  readonly now: number;
  readonly query: AuditQuery;
}) {
  return (
    <table class="sagas">
      <thead>
        <tr>
          <th scope="col">Who</th>
          <th scope="col">Did what</th>
          <th scope="col">Saga</th>
          <th scope="col">Before and after</th>
          <th scope="col" class="number">
            When
          </th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => (
          <Entry entry={entry} now={now} query={query} />
        ))}
      </tbody>
    </table>
  );
}

function Entry({
  entry,
  now,
  query,
}: {
  readonly entry: AuditEntry;
  readonly now: number;
  readonly query: AuditQuery;
}) {
  const { action, actor, by, reason, saga_id: saga, outcome, before, after, dropped } = entry;
  const of = entry.step ?? entry.as ?? entry.event;
  const [kind, ...name] = actor.split(':');
  return (
    <tr>
      <th scope="row">
        {actor === '' && by === '' && 'The audit itself'}
        {by !== actor && by}
        {actor !== '' && (
          <small>
            <a href={hrefOf({ ...query, actor, cursor: undefined })}>
              {kind}:<wbr />
              {name.join(':')}
            </a>
          </small>
        )}
      </th>
      <td>
        {ACTION_WORDS[action] ?? action}
        {of !== null && ` ${of}`}
        {outcome === 'ignored' && <small>came too late, and has changed nothing</small>}
        {reason !== '' && <small>{reason}</small>}
        {dropped !== null && <small>up to entry {dropped.seq}</small>}
      </td>
      <td>
        {saga !== null && (
          <>
            <a href={`/sagas/${encodeURIComponent(saga)}`} class="id">
              {saga}
            </a>
            <small>{entry.machine}</small>
          </>
        )}
      </td>
      <td>
        <Standing standing={before} />
        {after !== null && after.state + after.status !== `${before?.state}${before?.status}` && (
          <Standing standing={after} />
        )}
      </td>
      <td class="number">
        <Ago ms={Date.parse(entry.at)} now={now} />
        <small>
          chain {entry.chain}, entry {entry.seq}
        </small>
      </td>
    </tr>
  );
}

function Standing({ standing }: { readonly standing: AuditEntry['before'] }) {
  if (standing === null) return null;
  return (
    <div>
      <Badge status={standing.status} /> {standing.status === 'STARTED' && stateWords(standing.state)}
    </div>
  );
}

function hrefOf(query: AuditQuery): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return given.length === 0 ? '/audit' : `/audit?${new URLSearchParams(given)}`;
}
