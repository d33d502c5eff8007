/** What an operator can ask of one saga. It is audited, and takes effect when the call in flight has settled. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { Operation, OperationResult, SagaEngine } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { header, problemAnswers } from './answers.ts';
import { locationOf } from './orders.ts';
import { presentSaga } from './present.ts';
import { sagaDetail } from './schemas.ts';

const words = z.string().trim().min(1).max(500);
/** What the log says of whoever asked. */
export const audited = { reason: words, by: z.string().trim().min(1).max(100).default('operator') };

/** The requests with what their bodies say. Those that let something stand as it is must name the version they mean. */
const KINDS = {
  cancel: { body: z.strictObject(audited), summary: 'Undo what was done so far.', needsMatch: false },
  retry: {
    body: z.strictObject(audited),
    summary: 'Now: the next attempt of a call that waits, or all compensations that failed.',
    needsMatch: false,
  },
  skip: {
    body: z.strictObject({ ...audited, step: z.string().min(1).max(100) }),
    summary: 'Count the compensation of one step as done.',
    needsMatch: true,
  },
  resolve: {
    body: z.strictObject({ ...audited, as: z.enum(['COMPLETED', 'FAILED']) }),
    summary: 'End a parked saga by hand.',
    needsMatch: true,
  },
} as const;

export function operationRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  for (const kind of ['cancel', 'retry', 'skip', 'resolve'] as const) {
    const { body, summary, needsMatch } = KINDS[kind];
    const route = createRoute({
      method: 'post',
      path: `/api/coordinator/sagas/{id}/${kind}`,
      operationId: `${kind}Saga`,
      summary,
      request: {
        params: z.object({ id: z.string() }),
        headers: z.object({
          'if-match': z
            .string()
            .optional()
            .openapi({
              description: `The ETag of the saga as it was looked at${needsMatch ? '; required' : ''}.`,
            }),
        }),
        body: { required: true, content: { 'application/json': { schema: body } } },
      },
      responses: {
        202: {
          description: 'Accepted: the saga as it stands.',
          headers: header('Location', 'Where the saga can be read.'),
          content: { 'application/json': { schema: sagaDetail } },
        },
        ...problemAnswers(
          'malformed-json',
          'invalid-header',
          'saga-not-found',
          'no-such-event',
          'saga-moved',
          'unsupported-media-type',
          'validation-error',
          'store-unavailable',
          'too-many-requests',
          ...(needsMatch ? (['precondition-required'] as const) : []),
        ),
      },
    });
    app.openapi(route, async (c) => {
      const { id } = c.req.valid('param');
      const ifSeq = versionOf(c.req.header('if-match'));
      if (ifSeq === null && needsMatch) {
        throw new Problem('precondition-required', `send the saga's ETag as If-Match with ${kind}`);
      }
      const asked = c.req.valid('json') as Omit<Operation, 'kind' | 'ifSeq'>;
      refuse(id, kind, await engine.operate(id, { kind, ifSeq, ...asked }));
      const history = await engine.get(id);
      if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
      c.header('location', locationOf(id));
      return c.json(presentSaga(history), 202);
    });
  }
}

/** @throws Problem for everything but an accepted request */
function refuse(id: string, kind: Operation['kind'], result: OperationResult): void {
  switch (result.kind) {
    case 'accepted':
      return;
    case 'missing':
      throw new Problem('saga-not-found', `no saga ${id} is stored`);
    case 'moved':
      throw new Problem('saga-moved', `its ETag is "${result.seq}" by now: look at it again`);
    case 'impossible':
      throw new Problem('no-such-event', `a saga in state ${result.state} knows no ${kind}`);
    case 'unknown-version': {
      const title = `${result.machine.id}@${result.machine.version}`;
      throw new Problem(
        'no-such-event',
        `this coordinator does not run ${title}, on which the saga began: ask one that does`,
      );
    }
    default:
      throw new Problem('too-many-requests', 'ask again when the saga has answered those before');
  }
}

/** An ETag names the length of the saga's log. `*` and a missing header name none. */
function versionOf(header: string | undefined): number | null {
  if (header === undefined || header.trim() === '*') return null;
  const seq = seqIn(header.trim());
  if (seq === null) throw new Problem('invalid-header', 'If-Match must be one ETag of the saga, such as "7"');
  return seq;
}

/** The number in an ETag of a saga; `null` in any other text. */
export function seqIn(etag: string): number | null {
  const seq = /^"(\d{1,9})"$/.exec(etag)?.[1];
  return seq === undefined ? null : Number(seq);
}
