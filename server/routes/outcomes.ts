/** Where an asynchronous participant says what came of its call, under the token that the call carried. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { tell } from '../answer.ts';
import type { ReportResult, SagaEngine } from '../engine/contract.ts';
import { invalid, Problem } from '../problem.ts';
import { LOCATION, openProblemAnswers, requestHeader } from './answers.ts';
import { sagaPath, small, text, words } from './fields.ts';
import { locationOf } from './starting.ts';
import { notSent, TELLING_PROBLEMS } from './telling.ts';

const REASON_MAX = 500;

const body = z
  .discriminatedUnion('outcome', [
    z
      .strictObject({
        outcome: z.literal('done'),
        answer: z
          .record(z.string(), z.unknown())
          .optional()
          // Not said as a default: openapi-typescript would make every client send it.
          .transform((answer = {}) => answer)
          .openapi({ description: 'As the call itself would have been answered.' }),
      })
      .openapi('OutcomeDone'),
    z
      .strictObject({
        outcome: z.literal('refused'),
        error: words(REASON_MAX).openapi({ description: 'Why; the saga is undone with it as its reason.' }),
      })
      .openapi('OutcomeRefused'),
  ])
  .openapi('OutcomeReport');

const taken = z
  .object({
    saga_id: z.string(),
    step: z.string(),
    attempt: small,
    taken: z.enum(['accepted', 'repeated', 'noted']).openapi({
      description:
        '`repeated`: an outcome was told before, and that one counts. `noted`: the saga has gone on without it, so it stands in its log and changes nothing.',
    }),
  })
  .openapi('OutcomeTaken');

const route = createRoute({
  method: 'post',
  path: '/api/coordinator/sagas/{id}/steps/{step}/outcome',
  operationId: 'reportOutcome',
  tags: ['Participants'],
  summary:
    'Says what came of the call of an asynchronous step. Asks for the token that the call carried, and for no other.',
  security: [{ callback: [] }],
  parameters: [requestHeader('Saga-Callback-Token', 'As the call carried it.', { required: true })],
  request: {
    params: sagaPath.extend({ step: text(60).openapi({ example: 'visa' }) }),
    body: { required: true, content: { 'application/json': { schema: body } } },
  },
  responses: {
    202: {
      description: 'It was taken in, now or before.',
      headers: LOCATION,
      content: { 'application/json': { schema: taken } },
    },
    ...openProblemAnswers('callback-unauthorized', ...TELLING_PROBLEMS),
  },
});

export function outcomeRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  app.openapi(route, async (c) => {
    const { id, step } = c.req.valid('param');
    const told = c.req.valid('json');
    const attempt = c.get('callbackAttempt');
    const result = await engine.report(id, { step, attempt, ...told });
    if (!isTaken(result)) throw refusal(id, result);
    tell(c, 'location', locationOf(id));
    return c.json({ saga_id: id, step, attempt, taken: result.kind }, 202);
  });
}

type Taken = Extract<ReportResult, { kind: 'accepted' | 'repeated' | 'noted' }>;

function isTaken(result: ReportResult): result is Taken {
  return result.kind === 'accepted' || result.kind === 'repeated' || result.kind === 'noted';
}

function refusal(id: string, result: Exclude<ReportResult, Taken>): Problem {
  switch (result.kind) {
    case 'unknown-step':
      return new Problem('no-such-event', `in ${result.state} the saga has no such asynchronous step`);
    case 'invalid': {
      const message = `its body is not as the step's contract says: ${result.fault}`;
      return invalid([{ path: ['answer'], message }]);
    }
    default:
      return notSent(id, 'outcome', result);
  }
}
