import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import type { RegisteredMachine } from '../../machines/index.ts';
import { type Order, orderInput } from '../../machines/order.ts';
import { callerOf, checkMachine } from '../identity/caller.ts';
import { problemAnswers } from './answers.ts';
import { bodyDigestOf } from './body-digest.ts';
import { presentOrder } from './present.ts';
import { orderAnswer, orderRequest } from './schemas.ts';
import { type Door, START_HEADERS, START_PROBLEMS, startAndWait, startAnswers } from './starting.ts';

export interface OrderRoute extends Door {
  readonly machine: RegisteredMachine;
}

const submit = createRoute({
  method: 'post',
  path: '/api/coordinator/orders',
  operationId: 'submitOrder',
  tags: ['Orders'],
  summary: 'Runs an order as a saga, and answers when it has ended or the wait is over.',
  parameters: START_HEADERS,
  request: {
    body: { required: true, content: { 'application/json': { schema: orderRequest } } },
  },
  responses: { ...startAnswers('order', orderAnswer), ...problemAnswers(...START_PROBLEMS) },
});

export function orderRoutes(app: OpenAPIHono, { machine, ...door }: OrderRoute): void {
  app.openapi(submit, async (c) => {
    checkMachine(callerOf(c), machine.id);
    const order = c.req.valid('json');
    const input = orderInput(order as Order);
    const start = { machine, input, digest: () => digestOf(order) };
    const { history, status } = await startAndWait(c, door, start);
    return c.json(presentOrder(history), status);
  });
}

/** The same order gives the same digest however it was written: validation has put its fields in one order. */
function digestOf(order: z.infer<typeof orderRequest>): string {
  return bodyDigestOf(JSON.stringify(inOneOrder(order)));
}

/** Most orders have no metadata, and to take nothing out of one costs as much as to hash it. */
function inOneOrder(order: z.infer<typeof orderRequest>) {
  if (order.metadata === undefined) return [order, []];
  const { metadata, ...rest } = order;
  return [rest, Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))];
}
