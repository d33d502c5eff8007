/** What the history is asked by, and how it is told. */
import { z } from '@hono/zod-openapi';
import { HISTORY_MINUTES } from '../../stores/saga-store.ts';
import { count, decimal, orNull, small, time } from './fields.ts';
import { callKind } from './schemas.ts';

export const historyQuery = z.strictObject({
  since: z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: 'An hour before `until` unless set.' }),
  until: z.iso.datetime({ offset: true }).optional().meta({ description: 'Now unless set.' }),
  minutes_per_point: z.coerce
    .number()
    .int()
    .min(1)
    .max(HISTORY_MINUTES)
    .optional()
    .openapi({ format: 'int32' })
    .meta({ description: 'As many as make no more than 120 points, unless set.' }),
});

const percentile = decimal.nullable().meta({
  description:
    'The upper bound of the bucket in which it lies, three to a decade; null of none, and beyond a thousand seconds.',
});

const machinePoint = z
  .object({
    at: time,
    started: count.meta({ description: '`saga_started_total` has the same.' }),
    completed: count.meta({ description: '`saga_settled_total` with status `COMPLETED`.' }),
    failed: count.meta({ description: 'With status `FAILED`: undone.' }),
    parked: count.meta({ description: 'With status `ABORTED`.' }),
    retries: count.meta({ description: '`saga_retries_total` of all its steps.' }),
    p50_seconds: percentile,
    p95_seconds: percentile,
  })
  .openapi('MachinePoint');

const callPoint = z
  .object({
    at: time,
    done: count,
    accepted: count,
    refused: count,
    retryable: count,
    unknown: count,
    retries: count.meta({ description: '`saga_retries_total` of this step and kind.' }),
    p50_seconds: percentile,
    p95_seconds: percentile,
  })
  .openapi('CallPoint', { description: 'Calls by outcome, as `saga_step_duration_seconds` counts them.' });

const standing = z
  .object({
    at: time,
    in_flight: count,
    looked_at: small.meta({ description: 'The newest of those in flight, of which the states tell.' }),
    states: z.array(
      z
        .object({ machine: z.string(), version: z.string(), state: z.string(), count })
        .openapi('StandingState'),
    ),
    parked: z.array(
      z
        .object({
          machine: z.string(),
          step: z.string().nullable(),
          kind: orNull(callKind),
          count,
          held: z.record(z.string(), count).meta({
            description:
              'Effects by kind (`payment`), and amounts by kind and currency or unit (`payment EUR`).',
          }),
        })
        .openapi('StandingParked'),
    ),
  })
  .openapi('HistoryStanding');

export const history = z
  .object({
    since: time,
    until: time,
    minutes_per_point: small,
    machines: z
      .array(z.object({ machine: z.string(), points: z.array(machinePoint) }).openapi('MachineHistory'))
      .meta({ description: 'Points in which nothing was counted are left out.' }),
    calls: z.array(
      z
        .object({
          machine: z.string(),
          step: z.string(),
          kind: callKind,
          participant: z.string(),
          points: z.array(callPoint),
        })
        .openapi('CallHistory'),
    ),
    standing: orNull(standing).openapi({
      description: 'Where everything stood when somebody last looked within these minutes.',
    }),
  })
  .openapi('History');
