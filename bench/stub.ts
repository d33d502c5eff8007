/**
 * One plain process that stands for all five participants: it answers at once, and counts every call, so that nobody
 * is faster by leaving one out. `GET /counts` tells how often each path was called.
 *
 * `PUT /held?path=…` holds back the answers of one path, `DELETE /held` gives them. `PUT /sagas` begins to note for each
 * saga which paths were called and when it first called any; `GET /sagas` tells.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { textOf } from './body.ts';

const ANSWERS: Readonly<Record<string, string>> = {
  '/api/orders': '{"order_id":"ord_1"}',
  '/api/orders/cancel': '{"cancelled":true}',
  '/api/inventory/reserve': '{"reservations":["rsv_1"]}',
  '/api/inventory/release': '{"released":true}',
  '/api/payments/process': '{"payment_id":"pay_1"}',
  '/api/payments/refund': '{"refunded":true}',
  '/api/shipping/schedule': '{"tracking_number":"trk_1"}',
  '/api/shipping/cancel': '{"cancelled":true}',
  '/api/notifications/send': '{"notification_id":"ntf_1"}',
  '/api/notifications/cancel': '{"cancelled":true}',
};
const DECLINED = '{"type":"card-declined","title":"The card was declined"}';

const counts: Record<string, number> = {};
let heldPath: string | null = null;
const held = new Set<() => void>();
let sagas: Record<string, SeenSaga> | null = null;

/** What was seen of one saga since noting began. */
export interface SeenSaga {
  readonly firstCallAtMs: number;
  readonly calls: Record<string, number>;
}

const server = createServer(async (request, response) => {
  const { url = '', method = '' } = request;
  if (method !== 'POST') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(asked(method, url)));
    return;
  }
  // DTM says by a query which saga and step it calls for.
  const [path = ''] = url.split('?', 1);
  const body = await textOf(request);
  counts[path] = (counts[path] ?? 0) + 1;
  if (sagas !== null) note(sagas, String(request.headers['saga-id']), path);
  if (path === heldPath) await new Promise<void>((resolve) => held.add(resolve));
  const declined = path === '/api/payments/process' && body.includes('tok_declined');
  const answer = declined ? DECLINED : ANSWERS[path];
  response.writeHead(answer === undefined ? 404 : declined ? 409 : 200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(answer ?? ''),
  });
  response.end(answer);
});

function asked(method: string, url: string): unknown {
  switch (`${method} ${url.split('?')[0]}`) {
    case 'PUT /held':
      heldPath = new URL(url, 'http://stub').searchParams.get('path');
      return {};
    case 'DELETE /held':
      heldPath = null;
      // Whoever hung up meanwhile is answered too, which nobody hears.
      for (const release of held) release();
      held.clear();
      return {};
    case 'PUT /sagas':
      sagas = {};
      return {};
    case 'GET /sagas':
      return sagas ?? {};
    case 'GET /counts':
      return counts;
    default:
      return { status: 'healthy' };
  }
}

function note(seen: Record<string, SeenSaga>, id: string, path: string): void {
  seen[id] ??= { firstCallAtMs: Date.now(), calls: {} };
  const { calls } = seen[id];
  calls[path] = (calls[path] ?? 0) + 1;
}

server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
// Whoever started it is gone, perhaps by SIGKILL.
process.once('disconnect', () => process.exit());
