/** The shapes in which machines travel over HTTP. */
import { z } from '@hono/zod-openapi';
import { count, orNull, small } from './fields.ts';

const jsonSchema = z.record(z.string(), z.unknown()).openapi('JsonSchema', {
  description:
    'Draft 2020-12. Conditions that JSON Schema cannot say are left out: the door still holds what is sent against them.',
});
/** Of the `input` with which `POST /api/coordinator/sagas` starts one; `null` where its sagas are started elsewhere alone. */
const input = orNull(jsonSchema);
const label = z
  .string()
  .nullable()
  .meta({ description: 'The fact that names a saga to a person, in listings and filters.' });

export const machineList = z
  .object({
    machines: z.array(
      z
        .object({
          id: z.string(),
          versions: z.array(z.string()).meta({ description: 'Oldest first.' }),
          steps: z.array(z.string()).meta({ description: 'Of the newest version, as all that follows.' }),
          label,
          input,
          events: z.array(z.string()).meta({ description: 'Names of the events that it waits for.' }),
        })
        .openapi('MachineSummary'),
    ),
  })
  .openapi('MachineList');

const policy = z
  .object({
    timeout_ms: count,
    attempts_max: count
      .nullable()
      .meta({ description: 'Null behind the pivot, where a call is repeated until it succeeds.' }),
    backoff_ms: count,
    backoff_max_ms: count,
  })
  .openapi('MachinePolicy', {
    description: 'How calls of one kind are made and repeated, settings included.',
  });

const notUndone = z
  .object({
    reason: z.string(),
    stays: z.boolean().meta({
      description: 'What the step did stays, and is listed as held. Otherwise there is nothing to undo.',
    }),
  })
  .openapi('MachineNotUndone', { description: 'Why no call undoes the step.' });

const step = z
  .object({
    name: z.string(),
    participant: z.string(),
    action: z.string().meta({ description: "Path of the call, below the participant's URL." }),
    compensation: z.string().nullable().meta({ description: 'Path of the call that undoes it.' }),
    not_undone: orNull(notUndone),
    ask: z.string().nullable().meta({
      description:
        'Path at which the participant says what stands of the call; null where it cannot be asked.',
    }),
    action_policy: policy,
    compensation_policy: orNull(policy),
    asynchronous_within_ms: count.nullable().meta({
      description: 'The participant may answer 202, and has this time to say what came of it.',
    }),
    each: orNull(
      z
        .object({ items_max: small, concurrency: small })
        .openapi('MachineEach', { description: 'Of a step with a call for each item of a list.' }),
    ),
  })
  .openapi('MachineStep');

const part = z
  .object({
    kind: z.enum(['step', 'pivot', 'for_each', 'parallel', 'when', 'wait_for', 'sleep']),
    name: z.string(),
    inside: orNull(
      z
        .object({ part: z.string(), branch: z.string() })
        .openapi('MachineBranch', { description: 'The branch of a parallel or of a when.' }),
    ),
    sleeps_ms: count.nullable().meta({ description: 'Null where the moment is in the data of the saga.' }),
  })
  .openapi('MachinePart', {
    description:
      'A part by its name: steps, pivot and for_each are among the steps, wait_for among the events.',
  });

const event = z
  .object({
    name: z.string(),
    data: jsonSchema,
    within_ms: count,
    late: z.enum(['undo', 'go_on']).meta({ description: 'What follows where it does not come in time.' }),
  })
  .openapi('MachineEvent');

export const machineDetail = z
  .object({
    id: z.string(),
    version: z.string(),
    versions: z.array(z.string()),
    structure: z.string().meta({ description: 'Hash of states, transitions and announced calls.' }),
    deadline_ms: count.nullable(),
    label,
    search: z.array(z.string()).meta({ description: 'Further attributes by which its sagas are found.' }),
    input,
    events: z.array(event),
    parts: z.array(part).meta({
      description: 'All parts in the order of doing, those inside others behind these.',
    }),
    steps: z.array(step),
    config: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The XState config, as Stately Studio imports it.' }),
    mermaid: z.string(),
  })
  .openapi('Machine');
