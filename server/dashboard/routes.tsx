/** The operator's pages. They read through the engine's views, in this process; what they change goes the operators' way. */
import { Hono, type MiddlewareHandler } from 'hono';
import type { RegisteredMachine } from '../../machines/index.ts';
import { toConfig, toMermaid } from '../../machines/picture.ts';
import { BadCursorError, type SagaStatus } from '../../stores/saga-store.ts';
import { ownUrl } from '../edge.ts';
import type { Clock } from '../engine/clock.ts';
import { callerOf, mayOperate, mayStartByHand } from '../identity/caller.ts';
import { type LedgerCause, ledgerOf } from '../ledger.ts';
import { Problem } from '../problem.ts';
import { noCalls, participantsOf, pointsOf } from '../telemetry/history/points.ts';
import { testPages } from './as-test.tsx';
import { askingRoutes, whoToAsk } from './asking.tsx';
import { answerAsset } from './assets.ts';
import { Audit, auditFilterIn, auditQuery, ENTRIES_A_PAGE } from './audit.tsx';
import { bulkPages } from './bulk-routes.tsx';
import { callPages } from './call.tsx';
import { comparePages } from './compare.tsx';
import type { DashboardParts, Pages } from './dashboard-parts.ts';
import { Days, flowQuery } from './day.ts';
import { pageGuard } from './guarding.tsx';
import { HistoryPage } from './history.tsx';
import { LedgerPage, ledgerQuery } from './ledger.tsx';
import { filterIn, isWalk, listQuery, SAGAS_A_PAGE, SagaList, statusesOf } from './list.tsx';
import { loginRoutes } from './login.tsx';
import { anchorOf, Machines } from './machines.tsx';
import { operatingRoutes } from './operating.tsx';
import { Overview } from './overview.tsx';
import { frameOf, Page } from './page.tsx';
import { Participants } from './participants.tsx';
import { Pulses } from './pulse.ts';
import { Saga } from './saga.tsx';
import { SharedRenderings } from './shared-renderings.ts';
import { shownBy, spanQuery } from './span-links.tsx';
import { standingOf } from './standing.ts';
import { startingRoutes } from './starting.tsx';
import { chartOf, machineIn } from './statechart/layout.ts';
import { PICTURE_CSP, pictureOf } from './statechart/picture.tsx';
import { theatrePages } from './theatre-routes.tsx';

const NEWEST_SHOWN = 8;
const PICTURE_KINDS = new Set(['svg', 'mmd', 'json']);

export function dashboard(parts: DashboardParts): Pages {
  const { engine, machines, probes, clock, lastErrors } = parts;
  const pages = new Hono();
  const pulses = new Pulses(engine, clock);
  const days = new Days(engine, clock);
  const frame = frameOf(parts);
  const shared = sharedPages(clock);
  for (const path of ['/', '/sagas', '/sagas/:id', '/bulks/:id', '/held', '/theatre'])
    pages.use(path, shared);

  const totalOf = async (looked: readonly SagaStatus[]) => {
    const { statuses } = await engine.statistics();
    return looked.reduce((sum, status) => sum + statuses[status], 0);
  };

  pages.get('/', async (c) => {
    // Before all that is shown: what comes behind it may be in it already, and what is not in it comes behind it.
    const position = await engine.position();
    const { machine, at } = flowQuery.parse(c.req.query());
    const pulsing = pulses.now(position);
    const [pulse, latest, healthy, flow] = await Promise.all([
      pulsing,
      engine.list({}, null, NEWEST_SHOWN),
      probes.all(),
      pulsing.then(({ causes }) => days.flow(machine, at, causes)),
    ]);
    const services = Object.entries(healthy).map(([name, well]) => {
      return { name, healthy: well, breaker: engine.participants[name]?.breaker ?? null };
    });
    const shown = {
      position,
      pulse,
      uncounted: engine.uncounted,
      latest,
      flow,
      services,
      mayOperate: mayOperate(callerOf(c)),
    };
    return c.html(Overview({ frame: frame(c), now: clock.now(), ...shown }));
  });

  pages.get('/pulse', async (c) => c.json(await pulses.recent(), 200, { 'cache-control': 'no-store' }));

  pages.get('/sagas', async (c) => {
    const query = listQuery.parse(c.req.query());
    // What somebody seeks costs less than to ask where the feed ends: its page looks once more when it follows.
    const position = query.q ? undefined : await engine.position();
    const page = await pageOf(() => engine.list(filterIn(query), query.cursor ?? null, SAGAS_A_PAGE));
    const ids = [...new Set(machines.map(({ id }) => id))];
    const states = [...new Set(machines.flatMap(({ machine }) => Object.keys(machine.states)))];
    const steps = [...new Set(machines.flatMap((machine) => machine.steps.map(({ name }) => name)))];
    const causes = query.cause === undefined ? [] : (await pulses.now()).causes;
    const cause = causes.find(({ key }) => key === query.cause) ?? null;
    const attributes = [...new Set(machines.flatMap(({ terms }) => terms.names))];
    const total = isWalk(page) || query.looked !== undefined ? await totalOf(statusesOf(query)) : null;
    const may = mayOperate(callerOf(c));
    const narrowed = { cause, machines: ids, states, steps, attributes, total, mayOperate: may };
    return c.html(SagaList({ frame: frame(c), now: clock.now(), position, query, page, ...narrowed }));
  });

  pages.get('/held', async (c) => {
    const query = ledgerQuery.parse(c.req.query());
    const ledger = ledgerOf((await pulses.now()).causes, machines, query);
    const { uncounted } = engine;
    const may = mayOperate(callerOf(c));
    const newest = new Map(machines.map((machine) => [machine.id, machine]));
    const whom = ({ machine, step }: LedgerCause) =>
      step === null || !may ? null : whoToAsk(newest.get(machine) ?? null, step);
    const shown = { ledger, uncounted, query, mayOperate: may, whom };
    return c.html(LedgerPage({ frame: frame(c), now: clock.now(), ...shown }));
  });

  pages.get('/search', async (c) => {
    const sought = (c.req.query('q') ?? '').trim().slice(0, 200);
    if (sought === '') return c.redirect('/sagas', 303);
    const { sagas, cursor } = await engine.list({ sought: { text: sought } }, null, 2);
    const [only] = sagas.length === 1 && cursor === null ? sagas : [];
    return c.redirect(only ? `/sagas/${only.id}` : `/sagas?q=${encodeURIComponent(sought)}`, 303);
  });

  operatingRoutes(pages, parts, frame);
  askingRoutes(pages, parts, frame);
  bulkPages(pages, parts, frame);
  callPages(pages, parts, frame);
  comparePages(pages, parts, frame);
  testPages(pages, parts, frame);
  startingRoutes(pages, parts, frame);
  theatrePages(pages, parts, frame, pulses);

  pages.get('/sagas/:id', async (c) => {
    const history = await engine.get(c.req.param('id'));
    if (history === null) throw new Problem('saga-not-found', `no saga ${c.req.param('id')} is stored`);
    const asked = Number(c.req.query('at') ?? Number.NaN);
    const at = history.log.some(({ seq }) => seq === asked) && asked < history.saga.seq ? asked : null;
    const notice = NOTICES[c.req.query('notice') ?? ''] ?? null;
    const machine = machineIn(machines, history.saga.machine);
    const chart = machine === null ? null : chartOf(machine);
    const own = ownUrl(c);
    const seen = { history, chart, machine, at, notice, mayOperate: mayOperate(callerOf(c)) };
    return c.html(Saga({ frame: frame(c), now: clock.now(), ...seen, own }));
  });

  pages.get('/history', async (c) => {
    const shown = shownBy(spanQuery.parse(c.req.query()), clock.now());
    const { span } = shown;
    const { machines } = pointsOf(await engine.history.read(span.from, span.to), span);
    return c.html(HistoryPage({ frame: frame(c), shown, machines }));
  });

  pages.get('/participants', async (c) => {
    const shown = shownBy(spanQuery.parse(c.req.query()), clock.now());
    const { span } = shown;
    const calls = participantsOf(await engine.history.read(span.from, span.to), span);
    const states = engine.participants;
    const names = [...new Set([...Object.keys(states), ...calls.keys()])];
    const participants = names.map((name) => ({
      name,
      state: states[name] ?? null,
      kinds: calls.get(name) ?? { action: noCalls, compensation: noCalls },
      lastErrors: {
        action: lastErrors.of(name, 'action'),
        compensation: lastErrors.of(name, 'compensation'),
      },
    }));
    return c.html(Participants({ frame: frame(c), shown, participants }));
  });

  pages.get('/machines', async (c) => {
    const [{ counters }, standing] = await Promise.all([engine.statistics(), standingOf(engine)]);
    const caller = callerOf(c);
    const mayStart = ({ id, input }: RegisteredMachine) => input !== null && mayStartByHand(caller, id);
    return c.html(Machines({ frame: frame(c), machines, counters, standing, mayStart }));
  });

  pages.get('/machines/:file', (c) => {
    const file = c.req.param('file');
    const shown = machines.findLast((one) => file === one.id || file === anchorOf(one));
    if (shown !== undefined) return c.redirect(`/machines#${anchorOf(shown)}`, 303);
    const { id, version, kind } = partsOf(file);
    const machine = machines.findLast(
      (one) => one.id === id && (version === undefined || one.version === version),
    );
    if (machine === undefined || !PICTURE_KINDS.has(kind))
      throw new Problem('not-found', `${c.req.path} is no picture of a machine`);
    if (kind === 'mmd') return c.text(toMermaid(machine.machine));
    if (kind === 'json')
      return c.body(toConfig(machine.machine), 200, { 'content-type': 'application/json' });
    const headers = { 'content-type': 'image/svg+xml', 'content-security-policy': PICTURE_CSP };
    return c.body(pictureOf(machine), 200, headers);
  });

  pages.get('/audit', async (c) => {
    const query = auditQuery.parse(c.req.query());
    const ask = () => engine.audit.list(auditFilterIn(query), query.cursor ?? null, ENTRIES_A_PAGE);
    return c.html(Audit({ frame: frame(c), now: clock.now(), query, page: await pageOf(ask) }));
  });

  pages.get('/assets/:name', (c) => answerAsset(c, c.req.param('name')));

  loginRoutes(pages, parts, frame);
  const framed: Pages['framed'] = (c, title, body) =>
    Page({ frame: frame(c), title, here: 'api', children: body });
  return { routes: pages, guard: pageGuard(frame), framed };
}

/**
 * Pages that follow what happens ask for themselves anew, and say so. Of them nothing depends on who looks but whether they
 * may operate, and start orders, and by which URL they know this server. What somebody opens is rendered for them alone.
 */
function sharedPages(clock: Clock): MiddlewareHandler {
  const renderings = new SharedRenderings<string | null>(clock);
  return async (c, next) => {
    if (c.req.method !== 'GET' || c.req.header('saga-refresh') === undefined) return next();
    let isMine = false;
    const { search } = new URL(c.req.url);
    const caller = callerOf(c);
    const key = `${mayOperate(caller)} ${mayStartByHand(caller, 'order')} ${ownUrl(c)}${c.req.path}${search}`;
    const html = await renderings.of(key, async () => {
      isMine = true;
      await next();
      return c.res.status === 200 ? c.res.clone().text() : null;
    });
    if (isMine) return;
    return html === null ? next() : c.html(html);
  };
}

/** What was asked of a saga has its answer in the log as soon as it has taken effect. */
const NOTICES: Readonly<Record<string, string>> = {
  started: 'The saga was started.',
  event: 'The event was taken in.',
  retry: 'Asked for a retry. It takes effect as soon as a call in flight has settled.',
  skip: 'Asked to skip the step.',
  cancel: 'Asked to cancel. The call in flight settles first.',
  resolve: 'Asked to resolve the saga.',
};

async function pageOf<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof BadCursorError) throw new Problem('invalid-query', error.message);
    throw error;
  }
}

/** `order@2.svg`, or `order.svg` for the newest. Cut by hand: an expression would try again at every `@`. */
function partsOf(file: string): { id: string; version: string | undefined; kind: string } {
  const dot = file.lastIndexOf('.');
  const name = file.slice(0, Math.max(dot, 0));
  const at = name.indexOf('@', 1);
  const [id, version] = at < 0 ? [name] : [name.slice(0, at), name.slice(at + 1)];
  return { id, version, kind: file.slice(dot + 1) };
}
