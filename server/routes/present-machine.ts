/** Machines as they are shown over HTTP. */
import type { z } from '@hono/zod-openapi';
import type { CallPolicy, RegisteredMachine } from '../../machines/index.ts';
import { jsonSchemaOf, notUndone, outlineOf, type Placed, partName, wordOf } from '../../machines/outline.ts';
import type { EventPart, Step } from '../../machines/parts.ts';
import { toConfig, toMermaid } from '../../machines/picture.ts';
import type { machineDetail, machineList } from './machine-schemas.ts';

type Summary = z.infer<typeof machineList>['machines'][number];
type Detail = z.infer<typeof machineDetail>;

/** @param machine of the newest version */
export function presentSummary(machine: RegisteredMachine, versions: string[]): Summary {
  const { id, steps, label, events } = machine;
  const names = steps.map(({ name }) => name);
  return { id, versions, steps: names, label, input: inputOf(machine), events: [...events.keys()] };
}

export function presentMachine(shown: RegisteredMachine, versions: string[]): Detail {
  const { id, version, structure, deadlineMs, label, terms, events, machine } = shown;
  const outline = outlineOf(shown.parts);
  return {
    id,
    version,
    versions,
    structure,
    deadline_ms: deadlineMs,
    label,
    search: [...terms.names],
    input: inputOf(shown),
    events: [...events.values()].map(presentEvent),
    parts: outline.map(presentPart),
    steps: outline.flatMap(({ part, isPast }) =>
      part.kind === 'step' ? [presentStep(shown, part.step, isPast)] : [],
    ),
    config: JSON.parse(toConfig(machine)),
    mermaid: toMermaid(machine),
  };
}

function inputOf({ input }: RegisteredMachine): Summary['input'] {
  return input === null ? null : jsonSchemaOf(input);
}

function presentEvent({ name, data, withinMs, late }: EventPart): Detail['events'][number] {
  return { name, data: jsonSchemaOf(data), within_ms: withinMs, late: late === 'undo' ? 'undo' : 'go_on' };
}

function presentPart({ part, inside }: Placed): Detail['parts'][number] {
  const sleeps = part.kind === 'sleep' && typeof part.until === 'number' ? part.until : null;
  return { kind: wordOf(part), name: partName(part), inside, sleeps_ms: sleeps };
}

function presentStep(machine: RegisteredMachine, step: Step, isPast: boolean): Detail['steps'][number] {
  const { name, participant, action, compensation, ask, asynchronous, each } = step;
  const isUndone = 'path' in compensation;
  return {
    name,
    participant,
    action: action.path,
    compensation: isUndone ? compensation.path : null,
    not_undone: notUndone(step),
    ask: ask?.path ?? null,
    action_policy: presentPolicy(machine.policyOf(name, 'action'), isPast),
    compensation_policy: isUndone ? presentPolicy(machine.policyOf(name, 'compensation'), false) : null,
    asynchronous_within_ms: asynchronous?.withinMs ?? null,
    each: each === undefined ? null : { items_max: each.itemsMax, concurrency: each.concurrency },
  };
}

function presentPolicy(
  { timeoutMs, attemptsMax, backoffMs, backoffMaxMs }: CallPolicy,
  isEndless: boolean,
): Detail['steps'][number]['action_policy'] {
  return {
    timeout_ms: timeoutMs,
    attempts_max: isEndless ? null : attemptsMax,
    backoff_ms: backoffMs,
    backoff_max_ms: backoffMaxMs,
  };
}
