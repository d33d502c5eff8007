/** A saga as a test that plays it again: a page of its own, which a script opens as a drawer beside the saga. */
import type { Context, Hono } from 'hono';
import { Problem } from '../problem.ts';
import type { DashboardParts } from './dashboard-parts.ts';
import { type FrameFor, Page } from './page.tsx';
import { nameOf } from './parts.tsx';
import { machineIn } from './statechart/layout.ts';
import { testOf } from './test-text.ts';
import { listOf } from './wording.ts';

export function testHref(sagaPath: string): string {
  return `${sagaPath}/test`;
}

export function testPages(pages: Hono, { engine, machines }: DashboardParts, frame: FrameFor): void {
  pages.get('/sagas/:id/test', async (c: Context) => {
    const id = c.req.param('id') ?? '';
    const history = await engine.get(id);
    if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
    const machine = machineIn(machines, history.saga.machine);
    const made =
      machine === null
        ? { why: "This coordinator does not know the saga's machine." }
        : testOf(history, machine);
    return c.html(
      <Page frame={frame(c)} title={`Test · ${nameOf(history.saga)}`} here="sagas">
        <article class="card drawer" id="drawer">
          <header class="card-head">
            <h1>As a test</h1>
            <a class="button" href={`/sagas/${id}`} data-close>
              Close
            </a>
          </header>
          {'why' in made ? (
            <p class="empty">{made.why}</p>
          ) : (
            <>
              <p class="note">
                It plays the saga again, without a network. Secrets are redacted: say others where the saga
                looks at them.
                {made.events.length > 0 && ` Say what came with ${listOf(made.events)}: that is not kept.`}
              </p>
              <pre tabindex={0}>
                <code>{made.text}</code>
              </pre>
              <button type="button" class="button copy" data-copy={made.text} hidden>
                Copy
              </button>
            </>
          )}
        </article>
      </Page>,
    );
  });
}
