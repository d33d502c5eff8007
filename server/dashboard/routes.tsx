/** The operator's pages. They read through the engine's views, in this process; what they change goes the operators' way. */
import { Hono } from 'hono';
import type { RegisteredMachine } from '../../machines/index.ts';
import { toConfig, toMermaid } from '../../machines/picture.ts';
import { BadCursorError } from '../../stores/saga-store.ts';
import type { Clock } from '../engine/clock.ts';
import type { SagaEngine } from '../engine/contract.ts';
import type { Probes } from '../probes.ts';
import { Problem } from '../problem.ts';
import { ASSET_NAMES, answerAsset } from './assets.ts';
import { PARKED_READ_MAX } from './causes.ts';
import { Login } from './forms.tsx';
import { filterIn, listQuery, SAGAS_A_PAGE, SagaList } from './list.tsx';
import { Machines } from './machines.tsx';
import { operatingRoutes } from './operating.tsx';
import { Overview } from './overview.tsx';
import { frameOf } from './page.tsx';
import { Pulses } from './pulse.ts';
import { Saga } from './saga.tsx';
import type { Session } from './session.ts';
import { standingOf } from './standing.ts';
import { chartIn } from './statechart/layout.ts';
import { PICTURE_CSP, pictureOf } from './statechart/picture.tsx';

export interface DashboardParts {
  readonly engine: SagaEngine;
  /** All that this coordinator knows. */
  readonly machines: readonly RegisteredMachine[];
  readonly probes: Probes<string>;
  readonly version: string;
  readonly clock: Clock;
  /** `null` where nobody needs to log in. */
  readonly session: Session | null;
}

const NEWEST_SHOWN = 10;

export function dashboard(parts: DashboardParts): Hono {
  const { engine, machines, probes, clock, session } = parts;
  const pages = new Hono();
  const pulses = new Pulses(engine, clock);
  const frame = frameOf(parts);

  pages.get('/', async (c) => {
    const [pulse, parked, latest, healthy] = await Promise.all([
      pulses.now(),
      engine.list({ status: 'ABORTED' }, null, PARKED_READ_MAX),
      engine.list({}, null, NEWEST_SHOWN),
      probes.all(),
    ]);
    const services = Object.entries(healthy).map(([name, well]) => {
      return { name, healthy: well, breaker: engine.participants[name]?.breaker ?? null };
    });
    return c.html(Overview({ frame, now: clock.now(), pulse, parked, latest, services }));
  });

  pages.get('/pulse', async (c) => c.json(await pulses.recent(), 200, { 'cache-control': 'no-store' }));

  pages.get('/sagas', async (c) => {
    const query = listQuery.parse(c.req.query());
    const page = await pageOf(engine, query);
    const states = [...new Set(machines.flatMap(({ machine }) => Object.keys(machine.states)))];
    const steps = [...new Set(machines.flatMap((machine) => machine.steps.map(({ name }) => name)))];
    return c.html(SagaList({ frame, now: clock.now(), query, page, states, steps }));
  });

  pages.get('/search', async (c) => {
    const sought = (c.req.query('q') ?? '').trim().slice(0, 200);
    if (sought === '') return c.redirect('/sagas', 303);
    const found = await engine.get(sought);
    const to = found === null ? `/sagas?order_id=${encodeURIComponent(sought)}` : `/sagas/${found.saga.id}`;
    return c.redirect(to, 303);
  });

  operatingRoutes(pages, parts, frame);

  pages.get('/sagas/:id', async (c) => {
    const history = await engine.get(c.req.param('id'));
    if (history === null) throw new Problem('saga-not-found', `no saga ${c.req.param('id')} is stored`);
    const asked = Number(c.req.query('at') ?? Number.NaN);
    const at = history.log.some(({ seq }) => seq === asked) && asked < history.saga.seq ? asked : null;
    const notice = NOTICES[c.req.query('notice') ?? ''] ?? null;
    const chart = chartIn(machines, history.saga.machine);
    const { origin } = new URL(c.req.url);
    return c.html(Saga({ frame, now: clock.now(), history, chart, at, notice, origin }));
  });

  pages.get('/machines', async (c) => {
    const [{ counters }, standing] = await Promise.all([engine.statistics(), standingOf(engine)]);
    return c.html(Machines({ frame, machines, counters, standing }));
  });

  pages.get('/machines/:file', (c) => {
    const [, id, version, kind] = /^(.+?)(?:@(.+))?\.(svg|mmd|json)$/.exec(c.req.param('file')) ?? [];
    const machine = machines.findLast(
      (one) => one.id === id && (version === undefined || one.version === version),
    );
    if (machine === undefined) throw new Problem('not-found', `${c.req.path} is no picture of a machine`);
    if (kind === 'mmd') return c.text(toMermaid(machine.machine));
    if (kind === 'json')
      return c.body(toConfig(machine.machine), 200, { 'content-type': 'application/json' });
    const headers = { 'content-type': 'image/svg+xml', 'content-security-policy': PICTURE_CSP };
    return c.body(pictureOf(machine), 200, headers);
  });

  for (const name of ASSET_NAMES) pages.get(`/assets/${name}`, (c) => answerAsset(c, name));

  pages.get('/login', (c) => {
    const to = pathIn(c.req.query('to'));
    return session === null || session.isOpen(c)
      ? c.redirect(to, 303)
      : c.html(Login({ frame, to, isWrong: false }));
  });
  pages.post('/login', async (c) => {
    const { token, to } = await c.req.parseBody();
    const target = pathIn(to);
    if (session === null || session.open(c, String(token ?? ''))) return c.redirect(target, 303);
    return c.html(Login({ frame, to: target, isWrong: true }), 401);
  });
  pages.post('/logout', (c) => {
    session?.close(c);
    return c.redirect('/login', 303);
  });
  return pages;
}

/** What was asked of a saga has its answer in the log as soon as it has taken effect. */
const NOTICES: Readonly<Record<string, string>> = {
  retry: 'Asked for a retry. It takes effect as soon as a call in flight has settled.',
  skip: 'Asked to skip the step.',
  cancel: 'Asked to cancel. The call in flight settles first.',
  resolve: 'Asked to resolve the saga.',
};

async function pageOf(engine: SagaEngine, query: ReturnType<typeof listQuery.parse>) {
  try {
    return await engine.list(filterIn(query), query.cursor ?? null, SAGAS_A_PAGE);
  } catch (error) {
    if (error instanceof BadCursorError) throw new Problem('invalid-query', error.message);
    throw error;
  }
}

/** A path of ours: a login must not lead to another site. */
function pathIn(to: unknown): string {
  return typeof to === 'string' && /^\/(?![/\\])[\w\-./?=&%@:]*$/.test(to) ? to : '/';
}
