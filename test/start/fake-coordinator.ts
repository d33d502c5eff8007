/** Behaves towards its supervisor as `FAKE` says: `well` unless set, `deaf` (never ready), `failing` or `stuck` in its drain. */
import { createServer } from 'node:http';

const { FAKE = 'well', COORDINATOR_PORT, HOST, ORDER_SERVICE_URL, PAYMENT_SERVICE_URL } = process.env;
const say = (line: string) => process.stdout.write(`fake: ${line}\n`);

const server = createServer((request, response) => {
  response.writeHead(FAKE !== 'deaf' && request.url === '/readyz' ? 200 : 503).end();
});
process.on('SIGTERM', () => {
  say('told to drain');
  if (FAKE === 'stuck') return;
  server.close();
  server.closeAllConnections();
});
process.once('disconnect', () => process.exit());
process.channel?.unref();
if (FAKE === 'failing') {
  process.exitCode = 3;
} else {
  server.listen(Number(COORDINATOR_PORT), HOST, () => {
    say(`pid ${process.pid}, order ${ORDER_SERVICE_URL}, payment ${PAYMENT_SERVICE_URL}`);
    process.send?.({ type: 'ready' });
  });
}
