/** Tells a saga of something that happened outside. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { tell } from '../answer.ts';
import type { SagaEngine, SendResult } from '../engine/contract.ts';
import { callerOf, checkMachine, keyOf } from '../identity/caller.ts';
import { invalid, Problem } from '../problem.ts';
import { LOCATION, problemAnswers } from './answers.ts';
import { sagaPath, text } from './fields.ts';
import { locationOf } from './starting.ts';
import { notSent, TELLING_PROBLEMS } from './telling.ts';

const body = z
  .strictObject({
    name: text(100).openapi({ description: 'Of the event, as the machine has it.' }),
    id: text(200).optional().openapi({
      description:
        'Its own among the events of the saga: sent again, it is the same event. A new one unless set.',
    }),
    data: z.record(z.string(), z.unknown()).openapi({ description: 'As the machine says.' }),
  })
  .openapi('EventRequest');

const accepted = z.object({ saga_id: z.string(), name: z.string(), id: z.string() }).openapi('EventAccepted');

const route = createRoute({
  method: 'post',
  path: '/api/coordinator/sagas/{id}/events',
  operationId: 'sendEvent',
  tags: ['Sagas'],
  summary: 'Tells a saga of an event. It is kept until a state consumes it, or the saga ends.',
  request: {
    params: sagaPath,
    body: { required: true, content: { 'application/json': { schema: body } } },
  },
  responses: {
    202: {
      description: 'It was taken in, now or before.',
      headers: LOCATION,
      content: { 'application/json': { schema: accepted } },
    },
    ...problemAnswers(...TELLING_PROBLEMS, 'definition-error'),
  },
});

/** @param newId names an event that its sender has not named */
export function outsideEventRoutes(app: OpenAPIHono, engine: SagaEngine, newId: () => string): void {
  app.openapi(route, async (c) => {
    const { id: sagaId } = c.req.valid('param');
    const { name, id = newId(), data } = c.req.valid('json');
    const sender = callerOf(c);
    if (sender.machines !== null && !sender.roles.has('operator')) {
      const history = await engine.get(sagaId);
      if (history !== null) checkMachine(sender, history.saga.machine.id);
    }
    // What a machine sends that starts sagas is their ordinary business, and of that their logs tell.
    const actor = sender.roles.has('operator') ? { actor: keyOf(sender) } : {};
    const result = await engine.send(sagaId, { id, name, data, ...actor });
    if (result.kind !== 'accepted') throw refusalOfEvent(sagaId, result);
    tell(c, 'location', locationOf(sagaId));
    return c.json({ saga_id: sagaId, name, id }, 202);
  });
}

export function refusalOfEvent(id: string, result: Exclude<SendResult, { kind: 'accepted' }>): Problem {
  switch (result.kind) {
    case 'unknown-event': {
      const known = result.events.length === 0 ? 'none' : result.events.join(', ');
      const message = `the saga knows no event of this name; it knows ${known}`;
      return invalid([{ path: ['name'], message }]);
    }
    case 'invalid':
      return invalid(result.issues.map((issue) => ({ ...issue, path: ['data', ...issue.path] })));
    case 'too-large':
      return new Problem('body-too-large', `the data of an event have at most ${result.bytesMax} bytes`);
    default:
      return notSent(id, 'event', result);
  }
}
