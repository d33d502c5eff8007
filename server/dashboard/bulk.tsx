/** How far an act on many sagas is: each of them as it stands now. It has an address of its own, which can be shown to others. */
import type { AskedResult, ItemState } from '../bulk/bulk.ts';
import type { BulkTitle, SeenBulk } from '../bulk/bulks.ts';
import { nameOfAct, titleOfBulk } from './bulk-forms.tsx';
import { type Frame, Page } from './page.tsx';
import { Ago, Badge, Empty, nameOf } from './parts.tsx';
import { stateWords } from './state-words.ts';
import { count } from './wording.ts';

/** Sagas that have a row; those that need a person come first. */
const ROWS_MAX = 200;
/** As long as it goes on the page asks again so often, beside what it is told of sagas. */
const AGAIN_MS = 2000;

const STATES: readonly (readonly [ItemState, string, string])[] = [
  ['parked', 'Parked again', 'parked'],
  ['again', 'Failed again', 'parked'],
  ['refused', 'Nothing done', 'failed'],
  ['pending', 'Under way', 'running'],
  ['unasked', 'Not asked', 'none'],
  ['done', 'Done', 'completed'],
];

interface BulkPageProps {
  readonly frame: Frame;
  readonly now: number;
  readonly seen: SeenBulk;
  readonly mayOperate: boolean;
}

export function BulkPage({ frame, now, seen, mayOperate }: BulkPageProps) {
  const { bulk, counts, items, isRunning, canContinue } = seen;
  const { id, act, by, reason, createdAtMs } = bulk;
  const isLive = isRunning || counts.pending + counts.again > 0;
  const title = titleOfBulk(nameOfAct(act), act.step, items.length);
  const order = new Map(STATES.map(([state], place) => [state, place]));
  const rows = [...items].sort((a, b) => (order.get(a.state) ?? 0) - (order.get(b.state) ?? 0));
  return (
    <Page frame={frame} title={title} here="sagas" follows={isLive ? 'all' : 'none'}>
      <div id="bulk" {...(isLive && { 'data-again': AGAIN_MS })}>
        <p class="crumb">
          <a href="/bulks">Many at once</a> / <code>{id}</code>
          <button type="button" class="plain copy" data-copy={id} hidden>
            Copy
          </button>
        </p>
        <h1>{title}</h1>
        <p class="lead" role="status">
          {leadOf(seen)}
        </p>
        <p class="note">
          Asked by {by} <Ago ms={createdAtMs} now={now} />: {reason}
          {act.isProven && '. Only what its service says is undone is skipped.'}
        </p>
        <Share counts={counts} n={items.length} />
        {mayOperate && (isRunning || canContinue) && (
          <form class="acts" method="post" action={`/bulks/${id}/${isRunning ? 'stop' : 'continue'}`}>
            <button type="submit" class={`button ${isRunning ? '' : 'primary'}`}>
              {isRunning ? 'Stop' : `Go on with the other ${counts.unasked.toLocaleString('en')}`}
            </button>
          </form>
        )}
      </div>
      <section class="card flush" id="rows">
        <table class="sagas">
          <thead>
            <tr>
              <th scope="col">Saga</th>
              <th scope="col">What came of it</th>
              <th scope="col">Now</th>
              <th scope="col" class="number">
                Last change
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, ROWS_MAX).map((item) => (
              <Row item={item} now={now} />
            ))}
          </tbody>
        </table>
      </section>
      {rows.length > ROWS_MAX && <p class="note">And {count(rows.length - ROWS_MAX, 'saga')} more.</p>}
    </Page>
  );
}

function leadOf({ bulk: { stage, isCanary }, counts, items, isRunning }: SeenBulk): string {
  const { unasked, pending, again, parked, refused, done } = counts;
  const asked = items.length - unasked;
  if (isRunning) {
    const isTrying = isCanary && done < 11 && unasked > 0;
    return isTrying
      ? `${count(asked, 'saga is', 'sagas are')} tried first; the other ${unasked.toLocaleString('en')} follow when ${asked === 1 ? 'it comes' : 'they come'} through.`
      : 'The sagas are being asked.';
  }
  const left = `${count(unasked, 'saga was', 'sagas were')} not asked`;
  if (stage === 'stopped') {
    const failed = again + parked;
    const why = failed === 0 ? 'when one had' : `because ${count(failed, 'saga has', 'sagas have')}`;
    return `Stopped, ${why} failed again: ${left}.`;
  }
  if (stage === 'halted') return `Stopped by hand: ${left}.`;
  if (unasked > 0) return `The coordinator that asked has ended: ${left}.`;
  if (pending + again > 0)
    return `All were asked; ${count(pending + again, 'saga is', 'sagas are')} on the way.`;
  if (parked + refused === 0) return 'All have come through.';
  const parts = [
    ...(parked > 0 ? [`${count(parked, 'saga is', 'sagas are')} parked again`] : []),
    ...(refused > 0 ? [`with ${count(refused, 'saga', 'sagas')} nothing was done`] : []),
  ];
  return `All were asked: ${parts.join(', ')}.`;
}

/** The shares as one bar, and the numbers below it. */
function Share({ counts, n }: { counts: SeenBulk['counts']; n: number }) {
  let x = 0;
  const parts = [...STATES].reverse().map(([state, label, tone]) => {
    const width = (100 * counts[state]) / Math.max(1, n);
    x += width;
    return { state, label, tone, x: x - width, width };
  });
  return (
    <div class="share">
      <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        {parts.map(({ tone, x: left, width }) => (
          <rect class={`part-${tone}`} x={left} width={width} height="4" />
        ))}
      </svg>
      <ul>
        {parts.map(({ state, label, tone }) => (
          <li hidden={counts[state] === 0 && state !== 'done'} data-count={state}>
            <i class={`part-${tone}`} /> <strong>{counts[state].toLocaleString('en')}</strong> {label}
          </li>
        ))}
      </ul>
    </div>
  );
}

function Row({ item: { id, state, result, saga }, now }: { item: SeenBulk['items'][number]; now: number }) {
  const [, label] = STATES.find(([name]) => name === state) ?? STATES[0] ?? ['', ''];
  return (
    <tr id={`saga-${id}`} data-row>
      <th scope="row">
        <a href={`/sagas/${id}`}>{saga === null ? `Saga ${id.slice(-8)}` : nameOf(saga)}</a>
        <small class="id">{id}</small>
      </th>
      <td>
        {label} {result !== null && result !== 'accepted' && <small>{WHY[result]}</small>}
      </td>
      <td>
        {saga !== null && (
          <>
            <Badge status={saga.status} />
            {saga.status === 'STARTED' && <small>{stateWords(saga.summary.state)}</small>}
          </>
        )}
      </td>
      <td class="number">{saga !== null && <Ago ms={saga.updatedAtMs} now={now} />}</td>
    </tr>
  );
}

const WHY: Readonly<Record<Exclude<AskedResult, 'accepted'>, string>> = {
  moved: 'it had moved on',
  'no-such-event': 'it could not be asked that',
  missing: 'it is no longer stored',
  'too-many-requests': 'too much waits for it',
  'definition-error': 'its definition fails',
  unproven: 'its service does not say that it is undone',
  'not-askable': 'its service cannot be asked',
};

interface BulkListProps {
  readonly frame: Frame;
  readonly now: number;
  readonly titles: readonly BulkTitle[];
}

export function BulkList({ frame, now, titles }: BulkListProps) {
  return (
    <Page frame={frame} title="Many at once" here="sagas">
      <h1>Many at once</h1>
      <section class="card flush">
        {titles.length === 0 ? (
          <Empty>
            Nothing was asked of many sagas yet. <a href="/sagas?status=ABORTED">Choose some</a>
          </Empty>
        ) : (
          <table class="ledger">
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">By</th>
                <th scope="col" class="number">
                  When
                </th>
              </tr>
            </thead>
            <tbody>
              {titles.map(({ id, act, by, n, createdAtMs }) => (
                <tr>
                  <th scope="row">
                    <a href={`/bulks/${id}`}>{titleOfBulk(nameOfAct(act), act.step, n)}</a>
                  </th>
                  <td>{by}</td>
                  <td class="number">
                    <Ago ms={createdAtMs} now={now} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
    </Page>
  );
}
