/**
 * What a saga is made of, as plain data: the short form in define.ts collects parts, compile.ts makes the machine of them.
 */
import type { z } from 'zod';
import type { HeldSaid } from './held-said.ts';
import type { Answer, CallPolicy, SagaData } from './saga.ts';

/** How a step is undone, or why it is not. */
export type Undo<Data = never, A = never> =
  | {
      /** Name of the state; `undoing` and the step's name unless said otherwise. */
      readonly state?: string;
      readonly path: string;
      /**
       * What the compensation receives beside the saga's ids, what its action was sent and `original_response`. The answer is
       * missing where none came: the action may have been done all the same.
       */
      readonly request?: (data: Data, answer: A | undefined) => Answer;
    }
  /** It cannot be undone, for this reason: what it did stays, and stands on the list of what is held. */
  | { readonly state?: string; readonly none: string }
  /** There is nothing to undo, for this reason: it only asked, or what it did harms nobody. */
  | { readonly unneeded: string };

/** A read of the participant's: never part of a transition, and so none of the structure. */
export interface Ask {
  /** Below the participant's URL; always GET, with `saga_id` and `step` in the query. */
  readonly path: string;
}

/** One forward action and the compensation that undoes it. `Data` is the saga's business facts. */
export interface Step<Data = never> {
  readonly name: string;
  readonly participant: string;
  readonly action: {
    /** Name of the state; `doing` and the step's name unless said otherwise. */
    readonly state?: string;
    readonly path: string;
    /** What the action receives. Must depend on facts alone that stand before the step, so that a repeat sends the same. */
    readonly request: (data: Data) => Answer;
    /** What a usable answer looks like; any other 2xx counts as unreadable. */
    readonly answer: z.ZodType<Answer>;
    /** The facts that the answer adds. */
    readonly gains: (answer: never) => Partial<Data>;
  };
  readonly compensation: Undo<Data>;
  /** What stands while the step is not undone, said to a person. */
  readonly held?: (data: Data, answer: never) => string | HeldSaid;
  /** Where its participant says, without any effect, what stands of its call. */
  readonly ask?: Ask;
  /** The participant answers 202, and says within this time what came of it. */
  readonly asynchronous?: { readonly withinMs: number };
  /** How its calls are made and repeated, where that is not as usual. Settings override it. */
  readonly policies?: {
    readonly action?: Partial<CallPolicy>;
    readonly compensation?: Partial<CallPolicy>;
  };
  /** Makes it a step of many calls, one for each item of a list. */
  readonly each?: Each;
}

/** One call for every item. `request`, `held` and the undo's `request` find the item as `item` among the data. */
export interface Each {
  /** Pure: depends on facts alone that stand before the step. */
  readonly items: (data: never) => readonly unknown[];
  /** Different for each item; part of its idempotency key. */
  readonly key: (item: never) => string;
  /** More items than this are a bug of the definition. */
  readonly itemsMax: number;
  /** So many calls are under way at once. */
  readonly concurrency: number;
  /** The facts that all answers add, in the order of the items. */
  readonly gains: (answers: readonly never[]) => SagaData;
}

export interface ForwardPart {
  readonly kind: 'step';
  readonly step: Step;
  /** With it the saga is past undoing. */
  readonly isPivot: boolean;
}

export interface ParallelPart {
  readonly kind: 'parallel';
  readonly name: string;
  /** Each is done beside the others. */
  readonly branches: readonly { readonly name: string; readonly parts: readonly Part[] }[];
}

export interface ChoicePart {
  readonly kind: 'choice';
  readonly name: string;
  /** Pure; asked once, when the saga gets there. */
  readonly condition: (data: never) => boolean;
  readonly taken: readonly Part[];
  readonly otherwise: readonly Part[];
}

export interface EventPart {
  readonly kind: 'event';
  /** Of the event, and of the wait for it. */
  readonly name: string;
  readonly withinMs: number;
  /** What its data must look like. */
  readonly data: z.ZodType<Answer>;
  readonly gains: (data: never) => SagaData;
  /** Why it has the saga undone; `null` where the saga goes on. */
  readonly refuses: (data: never) => string | null;
  /** Where it does not come in time: the saga is undone, or goes on with these facts. */
  readonly late: 'undo' | ((data: never) => SagaData);
}

export interface SleepPart {
  readonly kind: 'sleep';
  readonly name: string;
  /** How long, or until when. */
  readonly until: number | ((data: never) => Date);
}

export type Part = ForwardPart | ParallelPart | ChoicePart | EventPart | SleepPart;

/** Every part, those inside others included, in the order of doing. */
export function allParts(parts: readonly Part[]): Part[] {
  return parts.flatMap((part) => {
    if (part.kind === 'parallel') return [part, ...part.branches.flatMap((branch) => allParts(branch.parts))];
    if (part.kind === 'choice') return [part, ...allParts(part.taken), ...allParts(part.otherwise)];
    return [part];
  });
}

/** Whether a step has a call that undoes it. */
export function isUndoable({ compensation }: Step): boolean {
  return 'path' in compensation;
}

/** The name of an item's calls: participants know them by it, and so do logs and operators. */
export function addressOf(step: string, key: string): string {
  return `${step}/${encodeURIComponent(key)}`;
}

/** The step to which a name belongs, whether it is the step's own or one of its items'. */
export function stepIn(address: string): string {
  const slash = address.indexOf('/');
  return slash < 0 ? address : address.slice(0, slash);
}
