/** What an operator can ask of one saga. It is audited, and takes effect when the call in flight has settled. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { tell } from '../answer.ts';
import type { Operation, OperationResult, SagaEngine } from '../engine/contract.ts';
import { tagsIn } from '../etags.ts';
import { byOf, callerOf, keyOf } from '../identity/caller.ts';
import { Problem } from '../problem.ts';
import { provenReason } from '../proof.ts';
import { LOCATION, problemAnswers, requestHeader, SAGA_LINKS, TAGS_PATTERN } from './answers.ts';
import { audited, sagaPath, text } from './fields.ts';
import { presentSaga } from './present.ts';
import { sagaDetail } from './schemas.ts';
import { locationOf } from './starting.ts';

/** The requests with what their bodies say. Those that let something stand as it is must name the version they mean. */
const KINDS = {
  cancel: {
    body: z.strictObject(audited).openapi('CancelRequest'),
    summary: 'Undo what was done so far.',
    needsMatch: false,
  },
  retry: {
    body: z.strictObject(audited).openapi('RetryRequest'),
    summary: 'Now: the next attempt of a call that waits, or all compensations that failed.',
    needsMatch: false,
  },
  skip: {
    body: z
      .strictObject({
        ...audited,
        step: text(100),
        with_proof: z
          .literal(true)
          .optional()
          .openapi({
            description:
              'The participant is asked first. The step is skipped only where it says that it is undone; that then stands in the ' +
              'reason: status, time, URL and digest of its answer.',
          }),
      })
      .openapi('SkipRequest'),
    summary: 'Count the compensation of one step as done.',
    needsMatch: true,
  },
  resolve: {
    body: z.strictObject({ ...audited, as: z.enum(['COMPLETED', 'FAILED']) }).openapi('ResolveRequest'),
    summary: 'End a parked saga by hand.',
    needsMatch: true,
  },
} as const;

/** What a body says, of whichever kind. */
type Asked = Omit<Operation, 'kind' | 'ifSeq' | 'by'> & {
  readonly by?: string;
  readonly with_proof?: true;
};

export function operationRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  for (const kind of ['cancel', 'retry', 'skip', 'resolve'] as const) {
    const { body, summary, needsMatch } = KINDS[kind];
    const route = createRoute({
      method: 'post',
      path: `/api/coordinator/sagas/{id}/${kind}`,
      operationId: `${kind}Saga`,
      tags: ['Operations'],
      summary,
      // Named here for the document alone: the handler reads it, and says itself what is wrong with it.
      parameters: [
        requestHeader(
          'If-Match',
          'The ETag of the saga as it was looked at, also in its weak form, or a list of such.',
          {
            required: needsMatch,
            pattern: needsMatch ? `^${TAGS_PATTERN}$` : `^(\\*|${TAGS_PATTERN})$`,
            example: '"7"',
          },
        ),
      ],
      request: {
        params: sagaPath,
        body: { required: true, content: { 'application/json': { schema: body } } },
      },
      responses: {
        202: {
          description: 'Accepted: the saga as it stands.',
          headers: LOCATION,
          content: { 'application/json': { schema: sagaDetail } },
          links: SAGA_LINKS,
        },
        ...problemAnswers(
          'malformed-json',
          'invalid-header',
          'saga-not-found',
          'no-such-event',
          'body-too-large',
          'saga-moved',
          'unsupported-media-type',
          'validation-error',
          'store-unavailable',
          'too-many-requests',
          ...(needsMatch ? (['precondition-required'] as const) : []),
          ...(kind === 'skip' ? (['not-askable', 'unproven', 'machine-not-found'] as const) : []),
        ),
      },
    });
    app.openapi(route, async (c) => {
      const { id } = c.req.valid('param');
      const versions = versionsOf(c.req.header('if-match'));
      if (versions === null && needsMatch) {
        throw new Problem('precondition-required', `send the saga's ETag as If-Match with ${kind}`);
      }
      const { by: typed, with_proof: isProven, ...asked } = c.req.valid('json') as Asked;
      const caller = callerOf(c);
      const signed = { by: byOf(caller, typed), actor: keyOf(caller) };
      const { step = '' } = asked;
      const reason = isProven ? await provenReason(engine, id, { ...asked, step }) : asked.reason;
      refuse(id, kind, await operateAt(engine, id, versions, { kind, ...asked, reason, ...signed }));
      const history = await engine.get(id);
      if (history === null) throw new Problem('saga-not-found', `no saga ${id} is stored`);
      tell(c, 'location', locationOf(id));
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

/** Asks under whichever of the versions is the saga's, newest first: a log only grows. `null` asks under any. */
async function operateAt(
  engine: SagaEngine,
  id: string,
  versions: readonly number[] | null,
  asked: Omit<Operation, 'ifSeq'>,
): Promise<OperationResult> {
  let ifSeq = versions === null ? null : Math.max(NO_VERSION, ...versions);
  for (;;) {
    const result = await engine.operate(id, { ...asked, ifSeq });
    if (result.kind !== 'moved' || versions?.includes(result.seq) !== true) return result;
    ifSeq = result.seq;
  }
}

/** Of no saga: the number of a tag that is none of ours. */
const NO_VERSION = -1;

/** A saga's ETag names the length of its log. `*` and a missing header name none. */
function versionsOf(header: string | undefined): readonly number[] | null {
  const tags = header === undefined ? '*' : tagsIn(header);
  if (tags === null) {
    throw new Problem(
      'invalid-header',
      'If-Match must be the ETag of the saga, such as "7", or a list of them',
    );
  }
  return tags === '*' ? null : tags.map((tag) => (/^\d{1,9}$/.test(tag) ? Number(tag) : NO_VERSION));
}

/** The number in one ETag of a saga; `null` in any other text. */
export function seqIn(etag: string): number | null {
  const seq = /^(?:W\/)?"(\d{1,9})"$/.exec(etag)?.[1];
  return seq === undefined ? null : Number(seq);
}
