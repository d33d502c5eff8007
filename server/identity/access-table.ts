/**
 * Who may use which route. A route that does not stand here is closed to all but administrators, until somebody decides
 * otherwise; a test finds it.
 */
import type { Opening } from '../identity-settings.ts';
import type { Role } from './caller.ts';

/** What a route asks for. */
export interface Door {
  /** Each of these roles will do; `null` for a route that is open to everybody, always. */
  readonly roles: readonly Role[] | null;
  /** By what name a setting can open it to everybody. */
  readonly opening?: Opening;
}

const open: Door = { roles: null };
const toRead: Door = { roles: ['viewer'] };
const toOperate: Door = { roles: ['operator'] };
const toStart: Door = { roles: ['submitter'], opening: 'starts' };
/** An event is what happened outside, and who starts sagas may be who hears of it. */
const toTell: Door = { roles: ['operator', 'submitter'] };

/** Whoever is known at all. */
export const KNOWN: Door = { roles: ['viewer', 'submitter'] };
export const CLOSED: Door = { roles: ['admin'] };

/**
 * By method and path, as the router has them. Probes are asked by machines that carry no token, and tell nothing of any saga. Health shows
 * sums, and URLs without their credentials; metrics, sums and names of machines and steps; the contract, nothing that the sources do not.
 */
export const ACCESS: Readonly<Record<string, Door>> = {
  'GET /livez': open,
  'GET /readyz': open,
  'GET /startupz': open,
  'GET /metrics': { ...toRead, opening: 'metrics' },
  'GET /openapi.json': { ...KNOWN, opening: 'docs' },
  'GET /docs': { ...KNOWN, opening: 'docs' },
  'GET /api/coordinator/health': { ...KNOWN, opening: 'health' },
  'GET /api/coordinator/health/:service': toRead,

  'POST /api/coordinator/orders': toStart,
  'POST /api/coordinator/sagas': toStart,
  'POST /api/coordinator/sagas/:id/events': toTell,
  // Its call's own token opens it. What is not written as our ids are, is no door of a call.
  'POST /api/coordinator/sagas/:id/steps/:step/outcome': CLOSED,

  'GET /api/coordinator/sagas': toRead,
  'GET /api/coordinator/sagas.ndjson': toRead,
  'GET /api/coordinator/sagas.csv': toRead,
  'GET /api/coordinator/sagas/:id': toRead,
  'GET /api/coordinator/sagas/:id/calls': toRead,
  'GET /api/coordinator/sagas/:id/what-if': toRead,
  'GET /api/coordinator/sagas/:id/diagram': toRead,
  'GET /api/coordinator/sagas/:id/events': toRead,
  'GET /api/coordinator/statistics': toRead,
  'GET /api/coordinator/held': toRead,
  'GET /api/coordinator/history': toRead,
  'GET /api/coordinator/audit': toRead,
  'GET /api/coordinator/audit.ndjson': toRead,
  'GET /api/coordinator/audit.csv': toRead,
  'GET /api/coordinator/events': toRead,
  'GET /api/coordinator/machines': toRead,
  'GET /api/coordinator/machines/:id': toRead,
  'GET /api/coordinator/machines/:id/mermaid': toRead,

  'POST /api/coordinator/sagas/:id/cancel': toOperate,
  'POST /api/coordinator/sagas/:id/retry': toOperate,
  'POST /api/coordinator/sagas/:id/skip': toOperate,
  'POST /api/coordinator/sagas/:id/resolve': toOperate,
  // It changes nothing here, but makes a call in the coordinator's name.
  'POST /api/coordinator/sagas/:id/ask': toOperate,
  'POST /api/coordinator/sagas:retry': toOperate,
  'POST /api/coordinator/bulks:preview': toOperate,
  'POST /api/coordinator/bulks': toOperate,
  'GET /api/coordinator/bulks': toRead,
  'GET /api/coordinator/bulks/:id': toRead,
  'POST /api/coordinator/bulks/:id/continue': toOperate,
  'POST /api/coordinator/bulks/:id/stop': toOperate,

  // How a browser gets in and out, and what that page is made of.
  'GET /login': open,
  'POST /login': open,
  'GET /login/start': open,
  'GET /login/callback': open,
  'POST /logout': open,
  'GET /assets/:name': open,

  'GET /': toRead,
  'GET /pulse': toRead,
  'GET /search': toRead,
  'GET /held': toRead,
  'GET /sagas': toRead,
  'GET /sagas/:id': toRead,
  'GET /sagas/:id/calls': toRead,
  'GET /sagas/:id/compare': toRead,
  'GET /sagas/:id/test': toRead,
  'GET /machines': toRead,
  'GET /machines/:file': toRead,
  'GET /participants': toRead,
  'GET /history': toRead,
  'GET /audit': toRead,
  // To start takes the role submitter beside it.
  'GET /start': toOperate,
  'POST /start': toOperate,
  'GET /sagas/:id/event': toOperate,
  'POST /sagas/:id/event': toOperate,
  'GET /bulks': toRead,
  'GET /bulks/:id': toRead,
  'GET /bulks/new': toOperate,
  'POST /bulks': toOperate,
  'POST /bulks/:id/continue': toOperate,
  'POST /bulks/:id/stop': toOperate,
  'POST /sagas/:id/ask': toOperate,
  'POST /held/ask': toOperate,
  // There where faults are switched on. To start orders takes the role submitter beside it.
  'GET /theatre': toOperate,
  'POST /theatre/faults': toOperate,
  'POST /theatre/faults/clear': toOperate,
  'POST /theatre/kill': toOperate,
  'POST /theatre/orders': toOperate,
  'GET /sagas/:id/retry': toOperate,
  'POST /sagas/:id/retry': toOperate,
  'GET /sagas/:id/skip': toOperate,
  'POST /sagas/:id/skip': toOperate,
  'GET /sagas/:id/cancel': toOperate,
  'POST /sagas/:id/cancel': toOperate,
  'GET /sagas/:id/resolve': toOperate,
  'POST /sagas/:id/resolve': toOperate,
};
