/** What a saga is made of, for whoever has to start one, feed one or look after one: its parts in a row, and its schemas. */
import { z } from 'zod';
import type { Part, Step } from './parts.ts';

/** One part, and where it stands. */
export interface Placed {
  readonly part: Part;
  /** The parallel part whose branch it is in, or the choice; the nearest of them. `null` for a part of the saga itself. */
  readonly inside: { readonly part: string; readonly branch: string } | null;
  /** Behind the pivot: its call is repeated until it succeeds. */
  readonly isPast: boolean;
}

/** The branches of a choice, which has no names for them. */
const TAKEN = 'then';
const OTHERWISE = 'otherwise';

/** Every part in the order of doing, those inside others behind these. */
export function outlineOf(
  parts: readonly Part[],
  inside: Placed['inside'] = null,
  isPast = false,
): readonly Placed[] {
  let past = isPast;
  return parts.flatMap((part): readonly Placed[] => {
    const own = { part, inside, isPast: past };
    switch (part.kind) {
      case 'step':
        past ||= part.isPivot;
        return [own];
      case 'parallel':
        return [
          own,
          ...part.branches.flatMap(({ name, parts }) =>
            outlineOf(parts, { part: part.name, branch: name }, past),
          ),
        ];
      case 'choice':
        return [
          own,
          ...outlineOf(part.taken, { part: part.name, branch: TAKEN }, past),
          ...outlineOf(part.otherwise, { part: part.name, branch: OTHERWISE }, past),
        ];
      default:
        return [own];
    }
  });
}

/**
 * The JSON Schema (draft 2020-12) of what a client sends. What zod alone can say, as a date or a condition of the definition's
 * own, is left open in it; where a schema cannot be shown at all, everything is, and its description says why.
 */
export function jsonSchemaOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  try {
    return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Readonly<
      Record<string, unknown>
    >;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { description: `It cannot be shown as JSON Schema: ${why}` };
  }
}

/** A part by the word with which a definition makes it. */
export type PartWord = 'step' | 'pivot' | 'for_each' | 'parallel' | 'when' | 'wait_for' | 'sleep';

export function wordOf(part: Part): PartWord {
  switch (part.kind) {
    case 'step':
      return part.isPivot ? 'pivot' : part.step.each ? 'for_each' : 'step';
    case 'choice':
      return 'when';
    case 'event':
      return 'wait_for';
    default:
      return part.kind;
  }
}

export function partName(part: Part): string {
  return part.kind === 'step' ? part.step.name : part.name;
}

/** Why no call undoes a step, and whether what it did stays; `null` where one does. */
export function notUndone({
  compensation,
}: Step): { readonly reason: string; readonly stays: boolean } | null {
  if ('path' in compensation) return null;
  return 'none' in compensation
    ? { reason: compensation.none, stays: true }
    : { reason: compensation.unneeded, stays: false };
}
