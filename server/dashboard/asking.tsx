/** A participant is asked what stands of a call: for one saga, or for those of one cause. What it says leads to a skip with that as its proof. */
import type { Hono } from 'hono';
import { z } from 'zod';
import type { RegisteredMachine } from '../../machines/index.ts';
import { stepIn } from '../../machines/parts.ts';
import { formIn } from '../body.ts';
import type { Inquiry, SagaListing } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { notAsked } from '../proof.ts';
import { actsFor, hrefOf } from './acts.ts';
import { Body, readable } from './call.tsx';
import type { DashboardParts } from './dashboard-parts.ts';
import { read } from './operating.tsx';
import { type Frame, type FrameFor, Page } from './page.tsx';
import { Empty, nameOf } from './parts.tsx';
import { chartIn, machineIn } from './statechart/layout.ts';
import { count, span, words } from './wording.ts';

/** Questions that one click leads to. */
const ASKED_MAX = 20;

const askForm = z.object({ step: z.string().min(1).max(400) });
const causeForm = z.object({ cause: z.string().min(1).max(200) });

/** Whom to ask about a step, or about an item of one; `null` where its machine does not say where. */
export function whoToAsk(machine: RegisteredMachine | null, address: string): string | null {
  const step = machine?.steps.find(({ name }) => name === stepIn(address));
  return step?.ask === undefined ? null : step.participant;
}

/** A form, because whoever follows links must not make calls. */
export function Ask({ path, step, whom }: { path: string; step: string; whom: string }) {
  return (
    <form method="post" action={`${path}/ask`} data-dialog>
      <input type="hidden" name="step" value={step} />
      <button type="submit" class="button">
        Ask {whom}
      </button>
    </form>
  );
}

export function askingRoutes(pages: Hono, { engine, machines }: DashboardParts, frame: FrameFor): void {
  pages.post('/sagas/:id/ask', async (c) => {
    const id = c.req.param('id');
    const { step } = read(askForm, await formIn(c));
    const result = await engine.inquire(id, step);
    if (result.kind !== 'asked') throw notAsked(id, step, result);
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    const { inquiry } = result;
    const acts = actsFor(history, chartIn(machines, history.saga.machine));
    const skip = acts.find((act) => act.kind === 'skip' && act.step === step);
    const skipHref = skip === undefined ? null : provenHref(hrefOf(`/sagas/${id}`, skip));
    return c.html(<Said frame={frame(c)} saga={history.saga} inquiry={inquiry} skipHref={skipHref} />);
  });

  pages.post('/held/ask', async (c) => {
    const { cause } = read(causeForm, await formIn(c));
    const { sagas, cursor } = await engine.list({ cause, status: 'ABORTED' }, null, ASKED_MAX);
    const asked = sagas.flatMap((saga) => {
      const machine = machineIn(machines, saga.machine);
      const held = (saga.parked?.held ?? []).filter(({ step }) => whoToAsk(machine, step) !== null);
      return held.map(({ step }) => ({ saga, step }));
    });
    const said = await Promise.all(
      asked.slice(0, ASKED_MAX).map(async ({ saga, step }) => {
        const result = await engine.inquire(saga.id, step);
        return { saga, step, inquiry: result.kind === 'asked' ? result.inquiry : null };
      }),
    );
    return c.html(
      <SaidOfMany frame={frame(c)} said={said} hasMore={cursor !== null || asked.length > ASKED_MAX} />,
    );
  });
}

function provenHref(href: string): string {
  return `${href}&proof=1`;
}

/** What it says, for a person. */
const STATE_WORDS: Readonly<Record<Inquiry['state'], string>> = {
  done: 'it stands',
  undone: 'it is undone',
  unknown: 'nobody can tell',
};

interface SaidProps {
  readonly frame: Frame;
  readonly saga: SagaListing;
  readonly inquiry: Inquiry;
  /** `null` where there is nothing to skip. */
  readonly skipHref: string | null;
}

function Said({ frame, saga, inquiry, skipHref }: SaidProps) {
  const { participant, step, state, url, askedAtMs, ms, status, digest, body, error } = inquiry;
  const path = `/sagas/${saga.id}`;
  const at = new Date(askedAtMs).toISOString();
  return (
    <Page frame={frame} title={`${words(participant)} was asked · ${nameOf(saga)}`} here="sagas">
      <article class="card narrow confirm" id="confirm">
        <h1>
          {words(stepIn(step))}: <State state={state} />
        </h1>
        {error !== null && <p class="error">{error}</p>}
        <dl class="facts">
          <dt>Asked</dt>
          <dd>
            {participant} about {step},{' '}
            <time datetime={at} title={at}>
              {at}
            </time>
            , in {span(ms)}
          </dd>
          <dt>Request</dt>
          <dd>
            GET <code>{url}</code>
          </dd>
          <dt>Answer</dt>
          <dd>{status ?? 'none'}</dd>
          {digest !== null && (
            <>
              <dt>Digest</dt>
              <dd>
                <code>{digest}</code>
              </dd>
            </>
          )}
        </dl>
        {status !== null && (
          <Body
            json={body === null ? null : readable(body)}
            lacks="Its body is no JSON, and so it is not shown."
          />
        )}
        <p class="note">Nothing of the saga has changed.</p>
        <div class="acts">
          {state === 'undone' && skipHref !== null && (
            <a class="button primary" href={skipHref} data-dialog>
              Skip with this proof
            </a>
          )}
          <a class="button" href={path} data-close>
            Back
          </a>
        </div>
      </article>
    </Page>
  );
}

function State({ state, isAlone = false }: Pick<Inquiry, 'state'> & { isAlone?: boolean }) {
  const said = STATE_WORDS[state];
  return <span class={`outcome outcome-${SHADES[state]}`}>{isAlone ? words(said) : said}</span>;
}

/** As outcomes of calls are shown. */
const SHADES: Readonly<Record<Inquiry['state'], string>> = {
  done: 'refused',
  undone: 'done',
  unknown: 'unknown',
};

interface SaidOfManyProps {
  readonly frame: Frame;
  readonly said: readonly { saga: SagaListing; step: string; inquiry: Inquiry | null }[];
  readonly hasMore: boolean;
}

function SaidOfMany({ frame, said, hasMore }: SaidOfManyProps) {
  return (
    <Page frame={frame} title="Asked" here="sagas">
      <p class="crumb">
        <a href="/held">What is held</a>
      </p>
      <h1>What the participants say</h1>
      <p class="lead">
        {count(said.length, 'call')} asked about{hasMore && ', and not the others of this cause'}. Nothing of
        the sagas has changed.
      </p>
      <section class="card flush">
        {said.length === 0 ? (
          <Empty>No saga of this cause is parked any more, or none of them says whom to ask.</Empty>
        ) : (
          <table class="ledger" id="asked">
            <thead>
              <tr>
                <th scope="col">Saga</th>
                <th scope="col">Step</th>
                <th scope="col">What it says</th>
              </tr>
            </thead>
            <tbody>
              {said.map((one) => (
                <SaidRow {...one} />
              ))}
            </tbody>
          </table>
        )}
      </section>
    </Page>
  );
}

function SaidRow({ saga, step, inquiry }: SaidOfManyProps['said'][number]) {
  const path = `/sagas/${saga.id}`;
  const skip = provenHref(`${path}/skip?${new URLSearchParams({ step })}`);
  return (
    <tr>
      <th scope="row">
        <a href={path}>{nameOf(saga)}</a>
        <small class="id">{saga.id}</small>
      </th>
      <td>{step}</td>
      <td>
        {inquiry === null ? 'It could not be asked any more' : <State state={inquiry.state} isAlone />}
        {inquiry !== null && (
          <small class={inquiry.error === null ? undefined : 'error'}>
            {inquiry.error ?? `${inquiry.participant} answered ${inquiry.status}`}
          </small>
        )}
        {inquiry?.state === 'undone' && (
          <small>
            <a href={skip} data-dialog>
              Skip with this proof
            </a>
          </small>
        )}
      </td>
    </tr>
  );
}
