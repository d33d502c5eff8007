/** The shapes in which calls travel over HTTP: those that were made, and those that would be. */
import { z } from '@hono/zod-openapi';
import { count, etag, orNull, small, time } from './fields.ts';
import { callKind, held, status } from './schemas.ts';

const requestFields = {
  step: z.string().meta({ description: 'The step, or the item of one as `step/item`.' }),
  kind: callKind,
  participant: z.string(),
  method: z.string(),
  url: z.string(),
  idempotency_key: z.string(),
  body: orNull(
    z.record(z.string(), z.unknown()).openapi('CallBody', {
      description:
        'Made of the facts of the saga as they stand now, secrets redacted. A compensation that was too large is the smaller one.',
    }),
  ).meta({ description: 'Null where it cannot be made without secrets.' }),
};

export const callRequest = z.object(requestFields).openapi('CallRequest');

const attempt = z
  .object({
    seq: count.meta({ description: 'Of the entry of the log that tells of it.' }),
    attempt: small.nullable(),
    method: z.string().meta({ description: '`GET` asks what came of a call that was accepted.' }),
    began_at: time
      .nullable()
      .meta({ description: 'Null where it was put off, or its outcome was told later.' }),
    ended_at: time,
    outcome: z.string().meta({ description: 'As in the log, or `accepted` or `deferred`.' }),
    status: small.nullable().meta({
      description:
        'Of the answer, where it went wrong; null of one that was done (2xx), and where none came.',
    }),
    error: z.string().nullable(),
    replayed: z.boolean().meta({
      description: 'The participant says that it answered this before: for this attempt nothing was done.',
    }),
  })
  .openapi('CallAttempt');

export const sagaCalls = z
  .object({
    saga_id: z.string(),
    calls: z.array(
      z
        .object({
          ...requestFields,
          under_way: z.boolean(),
          answer: z.string().nullable().meta({
            description:
              'JSON, secrets redacted; of a compensation perhaps cut off. Null where none is kept.',
          }),
          attempts: z.array(attempt),
          curl: z.string().meta({
            description:
              "The same by hand, without the participant's own headers. Secrets are redacted in it too.",
          }),
        })
        .openapi('SagaCall'),
    ),
    items: z.array(z.string()).meta({
      description: 'Of a step with a call for each item: ask for one of these. Else empty.',
    }),
    trace_id: z.string(),
    trace_url: z.string().nullable().meta({ description: 'Where the trace is looked at, by TRACE_URL.' }),
  })
  .openapi('SagaCalls');

const foreseenStep = z
  .object({
    event: z.string(),
    from: z.string().nullable(),
    to: z.string(),
    step: z.string().nullable(),
    kind: orNull(callKind),
    attempt: small.nullable(),
    assumed: z.boolean().meta({ description: 'It rests on answers of participants that are made up.' }),
  })
  .openapi('ForeseenStep', { description: 'As the log would have it.' });

const foreseenCall = z
  .object({
    ...requestFields,
    attempt: small,
    under_way: z.boolean().meta({ description: 'It is being made already.' }),
    assumed: z
      .boolean()
      .meta({ description: 'What of its body comes from answers that are not there yet is made up.' }),
  })
  .openapi('ForeseenCall');

export const foreseen = z
  .object({
    saga_id: z.string(),
    etag: etag.meta({ description: 'Of the saga as it was looked at, for If-Match of the act itself.' }),
    act: z.string(),
    path: z.array(foreseenStep),
    calls: z.array(foreseenCall),
    end: z.enum(['ended', 'parked', 'awaits', 'answer', 'fault', 'cut']).openapi({
      description:
        'How the path ends. `awaits`: an event from outside decides. `answer`: what a participant answers does. `fault`: the ' +
        "saga's own definition fails. `cut`: it is longer than is looked.",
    }),
    awaits: z.array(z.string()).meta({ description: 'Names of those events, or what decides.' }),
    status,
    state: z.string(),
    held: z.array(held).meta({ description: 'What would still be held then.' }),
  })
  .openapi('Foreseen');
