/** The calls of one step of a saga: a page of its own, which a script opens as a drawer beside the saga. */
import type { Context, Hono } from 'hono';
import { stringify } from '../../json/exact.ts';
import { stepIn } from '../../machines/parts.ts';
import { callsOf, type MadeCall, type SagaCall, type StepCalls, traceUrlOf } from '../calls.ts';
import type { SagaHistory } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { type Frame, type FrameFor, Page } from './page.tsx';
import { nameOf } from './parts.tsx';
import { machineIn } from './statechart/layout.ts';
import { span, words } from './wording.ts';

export function callHref(sagaPath: string, step: string): string {
  return `${sagaPath}/calls?${new URLSearchParams({ step })}`;
}

export function callPages(
  pages: Hono,
  { engine, machines, calls: places }: DashboardParts,
  frame: FrameFor,
): void {
  pages.get('/sagas/:id/calls', async (c: Context) => {
    const id = c.req.param('id') ?? '';
    const step = c.req.query('step') ?? '';
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    const machine = machineIn(machines, history.saga.machine);
    const found = machine && callsOf(history, machine, step, places);
    if (found === null) throw new Problem('not-found', `the saga has no calls of ${step}`);
    const trace = traceUrlOf(history.saga.traceId, places);
    return c.html(<Calls frame={frame(c)} history={history} step={step} found={found} trace={trace} />);
  });
}

interface CallsProps {
  readonly frame: Frame;
  readonly history: SagaHistory;
  readonly step: string;
  readonly found: StepCalls;
  /** Where its trace is looked at. */
  readonly trace: string | null;
}

function Calls({ frame, history: { saga }, step, found: { calls, items }, trace }: CallsProps) {
  const path = `/sagas/${saga.id}`;
  const item = step.slice(stepIn(step).length + 1);
  const title = `${words(stepIn(step))}${item === '' ? '' : ` of ${decodeURIComponent(item)}`}`;
  return (
    <Page frame={frame} title={`${title} · ${nameOf(saga)}`} here="sagas">
      <article class="card drawer" id="drawer">
        <header class="card-head">
          <h1>{title}</h1>
          <a class="button" href={path} data-close>
            Close
          </a>
        </header>
        {items.length > 0 && (
          <ul class="plain">
            {items.map((one) => (
              <li>
                <a href={callHref(path, one)}>{decodeURIComponent(one.slice(step.length + 1))}</a>
              </li>
            ))}
          </ul>
        )}
        {items.length + calls.length === 0 && <p class="empty">It has not been called.</p>}
        {calls.map((call) => (
          <Call call={call} />
        ))}
        <p class="note">
          Trace <code>{saga.traceId}</code>
          {trace !== null && (
            <>
              :{' '}
              <a href={trace} rel="noreferrer external">
                look at it
              </a>
            </>
          )}
        </p>
      </article>
    </Page>
  );
}

function Call({ call }: { call: SagaCall }) {
  const { kind, participant, method, url, idempotencyKey, body, answer, attempts, isUnderWay, curl } = call;
  const last = attempts.at(-1);
  const outcome = isUnderWay ? 'under way' : (last?.outcome ?? '');
  const name = kind === 'action' ? 'Action' : 'Undo';
  return (
    <section class="call-made" data-kind={kind}>
      <h2>
        {name} <span class={`outcome outcome-${isUnderWay ? 'note' : outcome}`}>{outcome}</span>
      </h2>
      <dl class="facts">
        <dt>Request</dt>
        <dd>
          {method} <code>{url}</code> <small>{participant}</small>
        </dd>
        <dt>Key</dt>
        <dd>
          <code>{idempotencyKey}</code>
        </dd>
      </dl>
      <Body json={body === null ? null : stringify(body, 2)} lacks="It cannot be shown without secrets." />
      <h3>Answer</h3>
      {last !== undefined && <p>{statusOf(last)}</p>}
      {answer !== null && <Body json={readable(answer)} lacks="" />}
      <section class="scroll" tabindex={0} aria-label={`Attempts of the ${name.toLowerCase()}`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Attempt</th>
              <th scope="col">Began</th>
              <th scope="col">What came of it</th>
              <th scope="col" class="number">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {attempts.map((one) => (
              <Attempt one={one} />
            ))}
          </tbody>
        </table>
      </section>
      <details>
        <summary>As curl</summary>
        <p class="note">
          It makes the call. Secrets are redacted, and the service's own headers are not in it.
        </p>
        <pre tabindex={0}>
          <code>{curl}</code>
        </pre>
        <button type="button" class="button copy" data-copy={curl} hidden>
          Copy
        </button>
      </details>
    </section>
  );
}

function Attempt({ one }: { one: MadeCall }) {
  const { attempt, method, beganAtMs, endedAtMs, outcome, error, isReplayed } = one;
  const moment = new Date(beganAtMs ?? endedAtMs).toISOString();
  return (
    <tr>
      <td>
        {attempt ?? ''}
        {method === 'GET' && <small>asked</small>}
      </td>
      <td>
        <time datetime={moment} title={moment}>
          {moment.slice(11, 23)}
        </time>
      </td>
      <td>
        <span class={`outcome outcome-${outcome}`}>{outcome}</span>
        {error !== null && <small class="error">{error}</small>}
        {isReplayed && <small>answered from its ledger</small>}
      </td>
      <td class="number">{beganAtMs === null ? '' : span(endedAtMs - beganAtMs)}</td>
    </tr>
  );
}

function statusOf({ outcome, status, error }: MadeCall): string {
  if (outcome === 'done') return '2xx';
  if (outcome === 'accepted') return '202, its outcome is to come';
  if (status === null) return error ?? 'none';
  return error ?? String(status);
}

export function Body({ json, lacks }: { json: string | null; lacks: string }) {
  if (json === null) return <p class="note">{lacks}</p>;
  return (
    <pre tabindex={0}>
      <code>{json}</code>
    </pre>
  );
}

/** One that was cut off is shown as it is. */
export function readable(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
