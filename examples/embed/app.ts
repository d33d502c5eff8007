/** An application with a coordinator in it. Here it is its own airline and bank, too: in real life each keeps a ledger. */
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { createCoordinator, memoryStore, ProblemError, redisStore } from 'saga-coordinator';
import { journey } from './journey.ts';

const { PORT = '3000', REDIS_URL } = process.env;
const here = `http://127.0.0.1:${PORT}`;

export const coordinator = createCoordinator({
  sagas: [journey],
  store: REDIS_URL ? redisStore(REDIS_URL) : memoryStore(),
  participants: { airline: `${here}/airline`, bank: `${here}/bank` },
  path: '/saga',
});
await coordinator.start();

const app = new Hono();
app.post('/journeys', async (c) => {
  const { saga_id, status, reason } = await coordinator.run(journey, await c.req.json());
  return c.json({ saga_id, reason }, status === 'COMPLETED' ? 201 : 409);
});
app.mount('/saga', coordinator.fetch);
app.post('/airline/book', (c) => c.json({ flight: 'LH-1', price: 12500 }));
app.post('/bank/pay', async (c) =>
  (await c.req.json()).card === 'none' ? c.body(null, 402) : c.json({ receipt: 1 }),
);
app.post('/:participant/undo', (c) => c.json({}));
app.onError((error, c) => (error instanceof ProblemError ? c.json(error.problem, 422) : c.body(null, 500)));

export const server = serve({ fetch: app.fetch, port: Number(PORT), hostname: '127.0.0.1' });
process.once('SIGTERM', () => coordinator.close().then(() => server.close()));
