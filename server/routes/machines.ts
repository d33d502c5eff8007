/** The machines that this coordinator runs. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { RegisteredMachine } from '../../machines/index.ts';
import { toConfig, toMermaid } from '../../machines/picture.ts';
import type { SagaEngine } from '../engine/contract.ts';
import { Problem } from '../problem.ts';
import { problemAnswers } from './answers.ts';
import { machineDetail, machineList } from './schemas.ts';

const list = createRoute({
  method: 'get',
  path: '/api/coordinator/machines',
  operationId: 'listMachines',
  summary: 'The machines that this coordinator runs, with their versions.',
  responses: {
    200: { description: 'All of them.', content: { 'application/json': { schema: machineList } } },
    ...problemAnswers(),
  },
});

const show = createRoute({
  method: 'get',
  path: '/api/coordinator/machines/{id}',
  operationId: 'getMachine',
  summary: 'One machine: its steps, its statechart as Stately Studio imports it, and its picture.',
  request: {
    params: z.object({ id: z.string() }),
    query: z.strictObject({
      version: z.string().max(100).optional().meta({ description: 'The newest where it is left out.' }),
      format: z.enum(['json', 'mermaid']).default('json'),
    }),
  },
  responses: {
    200: {
      description: 'The machine.',
      content: {
        'application/json': { schema: machineDetail },
        'text/plain': { schema: z.string().meta({ description: 'Mermaid, where `format` asks for it.' }) },
      },
    },
    ...problemAnswers('invalid-query', 'machine-not-found'),
  },
});

export function machineRoutes(app: OpenAPIHono, engine: SagaEngine): void {
  // Machines do not change while the process lives.
  const shown = new Map<RegisteredMachine, z.infer<typeof machineDetail>>();

  app.openapi(list, (c) => {
    const ids = [...new Set(engine.machines.map(({ id }) => id))];
    const machines = ids.map((id) => {
      const versions = versionsOf(engine, id);
      return { id, versions, steps: machineOf(engine, id).steps.map(({ name }) => name) };
    });
    return c.json({ machines }, 200);
  });

  app.openapi(show, (c) => {
    const { version, format } = c.req.valid('query');
    const machine = machineOf(engine, c.req.valid('param').id, version);
    const detail = shown.get(machine) ?? detailOf(machine, versionsOf(engine, machine.id));
    shown.set(machine, detail);
    return format === 'mermaid' ? c.text(detail.mermaid, 200) : c.json(detail, 200);
  });
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

function detailOf(found: RegisteredMachine, versions: string[]): z.infer<typeof machineDetail> {
  const { id, version, structure, deadlineMs, steps, machine } = found;
  return {
    id,
    version,
    versions,
    structure,
    deadline_ms: deadlineMs,
    steps: steps.map(({ name, participant, action, compensation }) => ({
      name,
      participant,
      action: action.path,
      compensation: compensation.path,
    })),
    config: JSON.parse(toConfig(machine)),
    mermaid: toMermaid(machine),
  };
}
