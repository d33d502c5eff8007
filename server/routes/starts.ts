/** Starts a saga of any machine that says what its sagas begin with. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { defined, type RegisteredMachine, type SagaData } from '../../machines/index.ts';
import { callerOf, checkMachine } from '../identity/caller.ts';
import { invalid } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { bodyDigestOf } from './body-digest.ts';
import { atOnce, text } from './fields.ts';
import { presentStart } from './present.ts';
import { sagaAnswer } from './schemas.ts';
import { type Door, START_HEADERS, START_PROBLEMS, startAndWait, startAnswers } from './starting.ts';

const body = atOnce(
  z
    .strictObject({
      machine: text(200).openapi({ description: 'Of which saga, as `/machines` lists them.' }),
      version: text(200).optional().openapi({ description: 'The newest unless set.' }),
      input: z.record(z.string(), z.unknown()).openapi({ description: 'As the machine says.' }),
    })
    .openapi('StartRequest'),
);

const start = createRoute({
  method: 'post',
  path: '/api/coordinator/sagas',
  operationId: 'startSaga',
  tags: ['Sagas'],
  summary: 'Starts a saga, and answers when it has ended or the wait is over.',
  parameters: START_HEADERS,
  request: { body: { required: true, content: { 'application/json': { schema: body } } } },
  responses: { ...startAnswers('saga', sagaAnswer), ...problemAnswers(...START_PROBLEMS) },
});

export function startRoutes(app: OpenAPIHono, door: Door): void {
  app.openapi(start, async (c) => {
    const asked = c.req.valid('json');
    checkMachine(callerOf(c), asked.machine);
    const machine = startedMachine(door.engine.machines, asked);
    const input = { data: inputOf(machine, asked.input) };
    const digest = () => digestOf(asked);
    const { history, status } = await startAndWait(c, door, { machine, input, digest });
    return c.json(presentStart(history), status);
  });
}

export function startedMachine(
  machines: readonly RegisteredMachine[],
  { machine: id, version }: { readonly machine: string; readonly version?: string | undefined },
): RegisteredMachine {
  const all = machines.filter((machine) => machine.id === id);
  if (all.length === 0) throw invalid([{ path: ['machine'], message: 'there is no such machine here' }]);
  const found = all.findLast((machine) => version === undefined || machine.version === version);
  if (found === undefined) throw invalid([{ path: ['version'], message: 'there is no such version here' }]);
  return found;
}

/** @throws DefinitionError where the schema itself fails */
export function inputOf(machine: RegisteredMachine, given: Readonly<Record<string, unknown>>): SagaData {
  const { input } = machine;
  if (input === null)
    throw invalid([
      { path: ['machine'], message: 'it does not say what it begins with: it has a door of its own' },
    ]);
  const read = defined(machine.id, 'the input', () => input.safeParse(given));
  if (read.success) return read.data;
  throw invalid(read.error.issues.map((issue) => ({ ...issue, path: ['input', ...issue.path] })));
}

/** Of what is asked for: the same under the same key is the same saga. */
export function digestOf(asked: z.infer<typeof body>): string {
  return bodyDigestOf(JSON.stringify(inOrder(asked)));
}

/** The same JSON, with the fields of each object in one order. */
function inOrder(json: unknown): unknown {
  if (typeof json !== 'object' || json === null) return json;
  if (Array.isArray(json)) return json.map(inOrder);
  const entries = Object.entries(json).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([name, value]) => [name, inOrder(value)]);
}
