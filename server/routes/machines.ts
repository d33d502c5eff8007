/** The machines that this coordinator runs. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { RegisteredMachine } from '../../machines/index.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { text } from './fields.ts';
import { machineDetail, machineList } from './machine-schemas.ts';
import { presentMachine, presentSummary } from './present-machine.ts';

const list = createRoute({
  method: 'get',
  path: '/api/coordinator/machines',
  operationId: 'listMachines',
  tags: ['Machines'],
  summary: 'The machines that this coordinator runs, with what one is started with.',
  responses: {
    200: { description: 'All of them.', content: { 'application/json': { schema: machineList } } },
    ...problemAnswers(),
  },
});

const machinePath = z.object({ id: z.string().min(1).openapi({ example: 'order' }) });
const version = text(100, 0).optional().meta({ description: 'The newest where it is left out.' });

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/machines/{id}',
  operationId: 'getMachine',
  tags: ['Machines'],
  summary:
    'One machine: what it is started with, the events that it waits for, its parts, its statechart as Stately Studio imports it, and its picture.',
  request: {
    params: machinePath,
    query: z.strictObject({
      version,
      format: z
        .enum(['json', 'mermaid'])
        .default('json')
        .openapi({
          type: 'string',
          enum: ['json'],
          deprecated: true,
          description:
            '`mermaid` still answers the picture as text, as the path below does. It is not among the values, because ' +
            'generated clients cannot read one answer that has two types.',
        }),
    }),
  },
  responses: {
    200: {
      description: 'The machine.',
      content: { 'application/json': { schema: machineDetail } },
    },
    ...problemAnswers('invalid-query', 'machine-not-found'),
  },
});

const draw = createRoute({
  method: 'get',
  path: '/api/coordinator/machines/{id}/mermaid',
  operationId: 'drawMachine',
  tags: ['Machines'],
  summary: 'The statechart of one machine in Mermaid.',
  request: { params: machinePath, query: z.strictObject({ version }) },
  responses: {
    200: { description: 'The diagram.', content: { 'text/plain': { schema: z.string() } } },
    ...problemAnswers('invalid-query', 'machine-not-found'),
  },
});

export function machineRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  // Machines do not change while the process lives.
  const listed = new Map<RegisteredMachine, ReturnType<typeof presentSummary>>();
  const shown = new Map<RegisteredMachine, ReturnType<typeof presentMachine>>();

  app.openapi(list, (c) => {
    const ids = [...new Set(engine.machines.map(({ id }) => id))];
    const machines = ids.map((id) => {
      const newest = machineOf(engine, id);
      const summary = listed.get(newest) ?? presentSummary(newest, versionsOf(engine, id));
      listed.set(newest, summary);
      return summary;
    });
    return c.json({ machines }, 200);
  });

  const detailIn = (id: string, version: string | undefined) => {
    const machine = machineOf(engine, id, version);
    const detail = shown.get(machine) ?? presentMachine(machine, versionsOf(engine, machine.id));
    shown.set(machine, detail);
    return detail;
  };

  app.openapi(show, (c) => {
    const { version, format } = c.req.valid('query');
    const detail = detailIn(c.req.valid('param').id, version);
    if (format === 'json') return c.json(detail, 200);
    // Not of the type that the document has, and so past its types.
    return c.text(detail.mermaid, 200) as never;
  });

  app.openapi(draw, (c) =>
    c.text(detailIn(c.req.valid('param').id, c.req.valid('query').version).mermaid, 200),
  );
}

/**
 * The machine of a version, or the newest.
 * @throws Problem where this coordinator does not know it
 */
export function machineOf({ machines }: SagaEngine, id: string, version?: string): RegisteredMachine {
  const own = machines.filter((machine) => machine.id === id).sort(oldestFirst);
  const machine = version === undefined ? own.at(-1) : own.find((each) => each.version === version);
  if (machine !== undefined) return machine;
  const name = version === undefined ? id : `${id}, version ${version}`;
  throw new Problem('machine-not-found', `this coordinator knows no machine ${name}`);
}

function versionsOf({ machines }: SagaEngine, id: string): string[] {
  const own = machines.filter((machine) => machine.id === id);
  return own.sort(oldestFirst).map(({ version }) => version);
}

const VERSIONS = new Intl.Collator('en', { numeric: true });

function oldestFirst(a: RegisteredMachine, b: RegisteredMachine): number {
  return VERSIONS.compare(a.version, b.version);
}
