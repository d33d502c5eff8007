/** The ledger of what is held: how much, since when, for what, by whose failure; and from each line the way to its sagas. */
import { z } from 'zod';
import type { Ledger, LedgerCause, LedgerFilter, LedgerTotal } from '../ledger.ts';
import { amountIn, heldTogether, titleOf } from './causes.ts';
import { type Frame, Page } from './page.tsx';
import { Ago, Empty } from './parts.tsx';
import { count, words } from './wording.ts';

const text = z.string().min(1).max(200).optional().catch(undefined);
export const ledgerQuery = z.object({
  kind: text,
  participant: text,
  /** Without it money stands first. */
  by: z.enum(['age', 'sagas']).optional().catch(undefined),
});
type Query = z.output<typeof ledgerQuery>;

const ORDERS = [
  [undefined, 'Money first'],
  ['age', 'Oldest first'],
  ['sagas', 'Most sagas first'],
] as const;

interface LedgerPageProps {
  readonly frame: Frame;
  readonly now: number;
  readonly ledger: Ledger;
  readonly uncounted: number;
  readonly query: Query;
  readonly mayOperate: boolean;
  /** Who can be asked what stands of the sagas of a cause; `null` where nobody can, or the caller may not. */
  readonly whom: (cause: LedgerCause) => string | null;
}

export function LedgerPage({ frame, now, ledger, uncounted, query, mayOperate, whom }: LedgerPageProps) {
  const { sagas, totals, participants } = ledger;
  const causes = sorted(ledger.causes, query.by);
  const isNarrowed = query.kind !== undefined || query.participant !== undefined;
  const kinds = [...new Set(totals.map(({ kind }) => kind))];
  return (
    <Page frame={frame} title="Held" here="sagas" follows="all">
      <h1>What is held</h1>
      <div id="ledger">
        <p class="lead">
          {sagas === 0
            ? 'Nothing is held.'
            : `${count(sagas, 'parked saga')} ${sagas === 1 ? 'holds' : 'hold'} this until somebody acts.`}
          {isNarrowed && (
            <>
              {' '}
              Of causes{query.kind !== undefined && ` that hold ${query.kind}`}
              {query.participant !== undefined && ` at ${query.participant}`} alone.{' '}
              <a href="/held">See all</a>
            </>
          )}
        </p>
        {uncounted > 0 && (
          <p class="note">
            {count(uncounted, 'saga')}, parked by an earlier release, {uncounted === 1 ? 'is' : 'are'} not
            counted yet.
          </p>
        )}
        {kinds.length > 0 && (
          <section class="tiles" aria-label="Totals">
            {kinds.map((kind) => (
              <KindTile kind={kind} totals={totals} href={hrefOf({ ...query, kind })} />
            ))}
          </section>
        )}
        {participants.length > 0 && (
          <section class="card flush" id="by-participant">
            <h2>By whose failure</h2>
            <table class="ledger">
              <thead>
                <tr>
                  <th scope="col">Participant</th>
                  <th scope="col">Held</th>
                  <th scope="col" class="number">
                    Sagas
                  </th>
                </tr>
              </thead>
              <tbody>
                {participants.map(({ name, sagas: n, sums }) => (
                  <tr>
                    <th scope="row">
                      {name === null ? (
                        'The coordinator gave them up'
                      ) : (
                        <a href={hrefOf({ ...query, participant: name })}>{words(name)}</a>
                      )}
                    </th>
                    <td>{heldTogether(sums) || 'Nobody can tell'}</td>
                    <td class="number">{n.toLocaleString('en')}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
        <section class="card flush" id="by-cause">
          <header class="card-head">
            <h2>By cause</h2>
            {causes.length > 1 && (
              <nav class="tabs" aria-label="Order">
                {ORDERS.map(([by, label]) => (
                  <a href={hrefOf({ ...query, by })} aria-current={query.by === by ? 'page' : undefined}>
                    {label}
                  </a>
                ))}
              </nav>
            )}
          </header>
          {causes.length === 0 ? (
            <Empty>No saga is parked{isNarrowed && ' for this'}.</Empty>
          ) : (
            <table class="ledger">
              <thead>
                <tr>
                  <th scope="col">Cause</th>
                  <th scope="col">Held</th>
                  <th scope="col" class="number">
                    Oldest
                  </th>
                  <th scope="col" class="number">
                    Newest
                  </th>
                  <th scope="col" class="number">
                    Sagas
                  </th>
                </tr>
              </thead>
              <tbody>
                {causes.map((cause) => (
                  <CauseRow cause={cause} now={now} mayOperate={mayOperate} whom={whom(cause)} />
                ))}
              </tbody>
            </table>
          )}
        </section>
      </div>
    </Page>
  );
}

/** All of one kind: money in each currency, other amounts, and of how many effects. */
function KindTile({ kind, totals, href }: { kind: string; totals: readonly LedgerTotal[]; href: string }) {
  const of = totals.filter((total) => total.kind === kind);
  const amounts = of.flatMap(({ unit, amount }) => (unit === null ? [] : [amountIn(amount, unit)]));
  const effects = of.find(({ unit }) => unit === null)?.amount ?? 0;
  return (
    <a class="tile held-kind" href={href}>
      <span class="label">{words(kind)}</span>
      <span class="figure">{amounts.length === 0 ? effects.toLocaleString('en') : amounts.join(', ')}</span>
      {amounts.length > 0 && <span class="label">{count(effects, 'time')}</span>}
    </a>
  );
}

interface CauseRowProps extends Pick<LedgerPageProps, 'now' | 'mayOperate'> {
  readonly cause: LedgerCause;
  readonly whom: string | null;
}

function CauseRow({ cause, now, mayOperate, whom }: CauseRowProps) {
  const { key, machine, step, error, n, sums, firstMs, lastMs } = cause;
  return (
    <tr id={`cause-${key}`}>
      <th scope="row">
        {titleOf(cause)} <small>in {machine}</small>
        {step !== null && <small class="error">{error ?? 'for very many different reasons'}</small>}
      </th>
      <td>{heldTogether(sums) || 'Nobody can tell'}</td>
      <td class="number">
        <Ago ms={firstMs} now={now} />
      </td>
      <td class="number">
        <Ago ms={lastMs} now={now} />
      </td>
      <td class="number">
        <a href={`/sagas?cause=${key}`}>{count(n, 'saga')}</a>
        {mayOperate && (
          <small>
            <a href={`/bulks/new?act=retry&cause=${key}`} data-dialog>
              Retry
            </a>
          </small>
        )}
        {whom !== null && (
          <form method="post" action="/held/ask">
            <input type="hidden" name="cause" value={key} />
            <small>
              <button type="submit" class="plain">
                Ask {whom}
              </button>
            </small>
          </form>
        )}
      </td>
    </tr>
  );
}

function sorted(causes: readonly LedgerCause[], by: Query['by']): readonly LedgerCause[] {
  if (by === 'age') return [...causes].sort((a, b) => a.firstMs - b.firstMs);
  return by === 'sagas' ? [...causes].sort((a, b) => b.n - a.n) : causes;
}

function hrefOf({ kind, participant, by }: LedgerFilter & Pick<Query, 'by'>): string {
  const search = new URLSearchParams({
    ...(kind !== undefined && { kind }),
    ...(participant !== undefined && { participant }),
    ...(by !== undefined && { by }),
  });
  return search.size === 0 ? '/held' : `/held?${search}`;
}
