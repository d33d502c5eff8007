/** From a saga in the short form to what the registry takes. */
import { MachineError } from './check.ts';
import { compile } from './compile.ts';
import type { Saga } from './define.ts';
import { DefinitionError } from './defined.ts';
import { allParts, type EventPart, type Part } from './parts.ts';
import type { SagaDefinition } from './registered.ts';
import type { Policies } from './saga.ts';

/**
 * @param deadlineMs how long a saga may run that says nothing of it itself; without one it may run for ever
 * @throws MachineError where it has no part, DefinitionError where two parts of one kind have one name
 */
export function definitionOf(
  { about, parts }: Saga,
  policies: Policies,
  deadlineMs: number | null = null,
): SagaDefinition {
  const { id, version, input, label, search, secrets } = about;
  if (parts.length === 0)
    throw new MachineError(id, '(none)', 'reachable', 'it has no part, so nothing is to be done');
  checkNames(id, parts);
  const ownDeadlineMs = about.deadlineMs ?? deadlineMs;
  return {
    id,
    version,
    input,
    label,
    search,
    secrets,
    policies,
    parts,
    events: eventsIn(parts),
    ...(ownDeadlineMs === null ? {} : { deadlineMs: ownDeadlineMs }),
    ...compile(id, parts, policies),
  };
}

function eventsIn(parts: readonly Part[]): ReadonlyMap<string, EventPart> {
  const events = allParts(parts).filter((part) => part.kind === 'event');
  return new Map(events.map((part) => [part.name, part]));
}

/** Of two parts with one name the later would take the place of the other, in silence. */
function checkNames(saga: string, parts: readonly Part[]): void {
  const seen = new Set<string>();
  for (const part of allParts(parts)) {
    const name = part.kind === 'step' ? part.step.name : part.name;
    // Both are waits, and known by their names as such.
    const kind = part.kind === 'sleep' ? 'event' : part.kind;
    if (seen.has(`${kind} ${name}`))
      throw new DefinitionError(
        saga,
        'the name',
        new RangeError(
          `${name} is the name of two parts: participants and operators could not tell them apart`,
        ),
      );
    seen.add(`${kind} ${name}`);
  }
}
