/**
 * One plain process that stands for all five participants: it answers at once, and counts every call, so that nobody
 * is faster by leaving one out. `GET /counts` tells how often each path was called.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

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

const server = createServer(async (request, response) => {
  const { url = '' } = request;
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(url === '/counts' ? counts : { status: 'healthy' }));
    return;
  }
  const body = await textOf(request);
  counts[url] = (counts[url] ?? 0) + 1;
  const declined = url === '/api/payments/process' && body.includes('tok_declined');
  const answer = declined ? DECLINED : ANSWERS[url];
  response.writeHead(answer === undefined ? 404 : declined ? 409 : 200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(answer ?? ''),
  });
  response.end(answer);
});

function textOf(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.on('end', () => resolve(text));
    request.on('error', reject);
  });
}

server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
