/** A saga beside another one, or beside what is usual: a page of its own. */
import type { Context, Hono } from 'hono';
import { z } from 'zod';
import { HISTORY_MINUTES, minuteAt } from '../../stores/saga-store.ts';
import type { SagaHistory } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { callPoint, totalsOf } from '../telemetry/history/points.ts';
import { callsOf } from '../telemetry/history/series.ts';
import { type Comparison, compare, type Row, type Stay, type UsualMs } from './comparison.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { type Frame, type FrameFor, Page } from './page.tsx';
import { Badge, nameOf } from './parts.tsx';
import { stateWords } from './state-words.ts';
import { span } from './wording.ts';

export function compareHref(sagaPath: string): string {
  return `${sagaPath}/compare`;
}

/** Of another saga the id, or what it is found by. */
const query = z.object({ with: z.string().trim().max(200).default('').catch('') });

export function comparePages(pages: Hono, { engine, clock }: DashboardParts, frame: FrameFor): void {
  const found = async (text: string): Promise<SagaHistory | null> => {
    const { sagas } = await engine.list({ sought: { text } }, null, 1);
    return sagas[0] === undefined ? null : engine.get(sagas[0].id);
  };

  pages.get('/sagas/:id/compare', async (c: Context) => {
    const id = c.req.param('id') ?? '';
    const { with: sought } = query.parse(c.req.query());
    const now = clock.now();
    const to = minuteAt(now);
    const own = await engine.get(id);
    if (own === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    const [other, minutes] = await Promise.all([
      sought === '' ? null : found(sought),
      engine.history.read(to - HISTORY_MINUTES + 1, to),
    ]);
    const { machine } = own.saga;
    const isAlike = other === null || other.saga.machine.id === machine.id;
    const usual = usualIn(totalsOf(minutes), machine.id);
    const comparison = compare(own, isAlike ? other : null, usual, now);
    const notice =
      sought === ''
        ? null
        : other === null
          ? `Nothing is found by ${sought}.`
          : isAlike
            ? null
            : `${nameOf(other.saga)} is a saga of ${other.saga.machine.id}, not of ${machine.id}.`;
    return c.html(
      <Compared
        frame={frame(c)}
        own={own}
        other={isAlike ? other : null}
        {...{ sought, notice, comparison }}
      />,
    );
  });
}

/** By what was counted of the last day. */
function usualIn(totals: ReturnType<typeof totalsOf>, machine: string): UsualMs {
  const known = new Map<string, number | null>();
  for (const [series, counts] of totals) {
    const calls = callsOf(series);
    if (calls?.machine === machine) known.set(`${calls.kind} ${calls.step}`, callPoint(0, counts).p50Ms);
  }
  return (step, kind) => known.get(`${kind} ${step}`) ?? null;
}

interface ComparedProps {
  readonly frame: Frame;
  readonly own: SagaHistory;
  readonly other: SagaHistory | null;
  readonly sought: string;
  readonly notice: string | null;
  readonly comparison: Comparison;
}

function Compared({ frame, own, other, sought, notice, comparison: { rows, partsAt } }: ComparedProps) {
  const path = `/sagas/${own.saga.id}`;
  return (
    <Page frame={frame} title={`Compare · ${nameOf(own.saga)}`} here="sagas">
      <div class="saga-head">
        <p class="crumb">
          <a href="/sagas">Sagas</a> / <a href={path}>{nameOf(own.saga)}</a>
        </p>
        <h1>
          Compare {nameOf(own.saga)} <Badge status={own.saga.status} />
        </h1>
        <form class="compare-with" action={compareHref(path)}>
          <label>
            With{' '}
            <input type="search" name="with" value={sought} placeholder="an id, a label" maxlength={200} />
          </label>{' '}
          <button type="submit" class="button">
            Compare
          </button>
        </form>
        {notice !== null && (
          <p class="notice" role="status">
            {notice}
          </p>
        )}
        <p class="lead">{verdictOf(rows, partsAt, other)}</p>
      </div>
      <section class="card flush">
        <section class="scroll" tabindex={0} aria-label="Where they stood, and for how long">
          <table class="compared">
            <thead>
              <tr>
                <th scope="col">This one stood in</th>
                <th scope="col" class="number">
                  for
                </th>
                <th scope="col">left by</th>
                {other === null ? (
                  <th scope="col" class="number">
                    Usual call
                  </th>
                ) : (
                  <>
                    <th scope="col">
                      <a href={`/sagas/${other.saga.id}`}>{nameOf(other.saga)}</a> stood in
                    </th>
                    <th scope="col" class="number">
                      for
                    </th>
                    <th scope="col">left by</th>
                  </>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, index) => (
                <tr
                  class={
                    [row.isLong && 'long', partsAt !== null && index >= partsAt && 'apart']
                      .filter(Boolean)
                      .join(' ') || undefined
                  }
                >
                  <Stood stay={row.own} path={path} isLong={row.isLong} />
                  {other === null ? (
                    <td class="number">{row.usualMs === null ? '' : `≤ ${span(row.usualMs)}`}</td>
                  ) : (
                    <Stood stay={row.other} path={`/sagas/${other.saga.id}`} isLong={false} />
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      </section>
    </Page>
  );
}

function Stood({ stay, path, isLong }: { stay: Stay | null; path: string; isLong: boolean }) {
  if (stay === null) return <td colspan={3} class="note" />;
  const { seq, state, ms, left } = stay;
  return (
    <>
      <td>
        <a href={`${path}?at=${seq}`} title={state}>
          {stateWords(state)}
        </a>
      </td>
      <td class="number">{ms !== null && (isLong ? <strong>{span(ms)}</strong> : span(ms))}</td>
      <td>
        {left?.event ?? ''}
        {left?.error != null && <small class="error">{left.error}</small>}
      </td>
    </>
  );
}

function verdictOf(rows: readonly Row[], partsAt: number | null, other: SagaHistory | null): string {
  const long = rows.flatMap(({ own, isLong }) => (own !== null && isLong ? [stateWords(own.state)] : []));
  const waited = long.length === 0 ? '' : ` It stood long in ${[...new Set(long)].join(', ')}.`;
  if (other === null) return `Beside what half of such calls took at most in the last day.${waited}`;
  if (partsAt === null) return `Both went the same way.${waited}`;
  const { own, other: theirs } = rows[partsAt - 1] ?? {};
  const by = (stay: Stay | null | undefined) => stay?.left?.event ?? 'nothing';
  const where = own == null ? 'the beginning' : stateWords(own.state);
  return `They part after ${where}: this one by ${by(own)}, the other by ${by(theirs)}.${waited}`;
}
