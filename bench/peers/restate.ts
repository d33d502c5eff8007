/**
 * The order as a handler of Restate: each call is a `ctx.run`, whose result the server has journalled before the next
 * one begins. One process is the handler's endpoint and, since the server's own ingress answers in another way, the
 * front that hands orders to it.
 */
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { type Context, createEndpointHandler, service, TerminalError } from '@restatedev/restate-sdk';
import { Pool, request } from 'undici';
import { type Ended, serve } from '../contenders/front.ts';
import { actions, begun, type Data, type PlainStep, undoing } from '../contenders/order.ts';
import { participantsAt } from '../contenders/participants.ts';

// Its SDK calls this, which Node has from 22 on.
Promise.withResolvers ??= <T>() => {
  let resolve: PromiseWithResolvers<T>['resolve'] = () => {};
  let reject: PromiseWithResolvers<T>['reject'] = () => {};
  const promise = new Promise<T>((resolved, rejected) => {
    [resolve, reject] = [resolved, rejected];
  });
  return { promise, resolve, reject };
};

const [stubUrl = '', ingressUrl = '', adminUrl = ''] = process.argv.slice(2);
const participants = participantsAt(stubUrl);

const orders = service({
  name: 'orders',
  handlers: {
    run: async (ctx: Context, order: Data): Promise<Ended> => {
      const { id } = ctx.request();
      let data = begun(order);
      const done: PlainStep[] = [];
      try {
        for (const step of actions) {
          done.push(step);
          const gained = await ctx.run(step.name, async () => {
            const answer = await participants.act(id, step, data);
            if (answer === null) throw new TerminalError(`${step.name} was refused`);
            return answer;
          });
          data = { ...data, ...gained };
        }
        return { id, data };
      } catch (error) {
        if (!(error instanceof TerminalError)) throw error;
        for (const step of undoing(done)) {
          await ctx.run(`undo ${step.name}`, () => participants.undo(id, step, data));
        }
        return { id, data: null };
      }
    },
  },
});

const endpoint = createServer(
  createEndpointHandler({
    services: [orders],
    // Its own logger writes two lines for each order.
    logger: ({ level }, message) => {
      if (level === 'error') process.stderr.write(`${message}\n`);
    },
  }),
);
await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
const registered = await request(`${adminUrl}/deployments`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ uri: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}` }),
});
if (registered.statusCode !== 201) throw new Error(`Not registered: ${await registered.body.text()}`);

const ingress = new Pool(ingressUrl, { connections: 128, headersTimeout: 0, bodyTimeout: 0 });
serve(async (order) => {
  const { statusCode, body } = await ingress.request({
    method: 'POST',
    path: '/orders/run',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(order),
  });
  if (statusCode !== 200) throw new Error(`The ingress answered ${statusCode}: ${await body.text()}`);
  return (await body.json()) as Ended;
});
