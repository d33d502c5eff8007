/**
 * The short form of a saga: a chain of parts that reads like the business, from which the statechart is made.
 *
 * ```ts
 * export const trip = defineSaga({ id: 'trip', version: '1', input: z.strictObject({ to: z.string() }) })
 *   .step('flight', {
 *     at: 'airline',
 *     action: { path: '/bookings', request: ({ to }) => ({ to }), answer: z.object({ booking: z.string() }),
 *               gains: ({ booking }) => ({ flight: booking }) },
 *     undo: { path: '/bookings/cancel' },
 *   })
 *   .waitFor('approval', { within: '3 days', data: z.object({ by: z.string() }), late: 'undo' });
 * ```
 *
 * A chain and not a list, because a list cannot carry types from part to part: what a step gains, later steps can read, and a
 * name that no part before has given is red in the editor.
 */
import type { z } from 'zod';
import { DefinitionError } from './defined.ts';
import { type Duration, durationMs } from './duration.ts';
import type { HeldSaid } from './held-said.ts';
import type { Ask, Part, Step } from './parts.ts';
import type { Answer, CallPolicy, SagaData } from './saga.ts';
import type { Search } from './terms.ts';

type Json = Readonly<Record<string, unknown>>;
type None = Readonly<Record<never, never>>;

/** How the calls of one kind are made and repeated, where that is not as the settings have it for all. */
export interface CallOptions {
  /** Bounds queueing, connecting, headers and body together. */
  readonly timeout?: Duration;
  readonly attempts?: number;
  /** Before the second attempt; doubles with each, with full jitter. */
  readonly backoff?: Duration;
  readonly backoffMax?: Duration;
}

export interface ActionOptions<D, A extends Answer, G> extends CallOptions {
  /** Below the participant's URL; always POST. */
  readonly path: string;
  /** The body that is sent. Depends on facts alone that stand before the step, so that a repeat sends the same. */
  readonly request: (data: D) => Json;
  /** What a usable answer looks like; any other 2xx counts as unreadable. */
  readonly answer: z.ZodType<A>;
  /** The facts that the answer adds. */
  readonly gains?: (answer: A) => G;
  /** Name of the state: `reservingInventory`. `doing` and the step's name unless said. */
  readonly state?: string;
}

export type UndoOptions<D, A> =
  | (CallOptions & {
      readonly path: string;
      /** What the compensation receives beside the saga's ids, what the action was sent, and its answer as `original_response`. */
      readonly request?: (data: D, answer: A | undefined) => Json;
      /** Name of the state: `releasingInventory`. `undoing` and the step's name unless said. */
      readonly state?: string;
    })
  /** It cannot be undone, for this reason. What it did stays, and the saga parks with it. */
  | { readonly none: string; readonly state?: string }
  /** There is nothing to undo, for this reason: it only asked, or harms nobody. */
  | { readonly unneeded: string };

export interface StepOptions<D, A extends Answer, G> {
  /** The participant: its URL is a setting, `<NAME>_SERVICE_URL`. */
  readonly at: string;
  readonly action: ActionOptions<D, A, G>;
  readonly undo: UndoOptions<D, A>;
  /** What stands while the step is not undone, said to a person: `EUR 25.00 was taken`; with its amount, to be summed up. */
  readonly held?: (data: D, answer: A) => string | HeldSaid;
  /** Where an operator can have the participant asked what stands of the call, before deciding about it: docs/participants.md. */
  readonly ask?: Ask;
  /** The participant may answer 202 and say within this time what came of it: by call-back, or at its `Location`. */
  readonly asynchronous?: { readonly within: Duration };
}

export interface EachOptions<T, D, A extends Answer, G>
  extends Omit<StepOptions<D & { readonly item: T }, A, None>, 'asynchronous'> {
  /** Different for each item; part of its idempotency key, so never a position. */
  readonly key: (item: T) => string;
  /** The facts that all answers add, in the order of the items. */
  readonly gains?: (answers: readonly A[]) => G;
  /** 100 unless said. */
  readonly itemsMax?: number;
  /** Calls under way at once; 10 unless said. */
  readonly concurrency?: number;
}

export interface EventOptions<D, E extends Answer, G> {
  /** How long it is waited for. */
  readonly within: Duration;
  readonly data: z.ZodType<E>;
  readonly gains?: (data: E) => G;
  /** Why the event has the saga undone; `null` where the saga goes on. */
  readonly refuses?: (data: E) => string | null;
  /** Where it does not come in time: the saga is undone, or goes on with these facts. */
  readonly late: 'undo' | ((data: D) => unknown);
}

/** Facts that may be missing. */
type Maybe<E, D> = Partial<Omit<E, keyof D>>;
/** The facts of one of two: what only one of them gives may be missing. */
type Either<G, L> = Pick<G & L, keyof G & keyof L> & Partial<Omit<G, keyof L>> & Partial<Omit<L, keyof G>>;
/** The facts that all of several branches give. */
type Together<B> = (B extends unknown ? (b: B) => void : never) extends (b: infer All) => void ? All : never;
type Flat<D> = { readonly [K in keyof D]: D[K] } & unknown;

/** Any saga of the short form: what the registry takes. `I` is what a client sends to start one. */
export interface Saga<I = unknown> {
  readonly about: About;
  readonly parts: readonly Part[];
  /** For types alone: it is never there. */
  readonly '~input'?: I;
}

/** A saga so far, or one branch of it. `D` is what it knows by then, `I` what it was started with. */
export interface Parts<D, I = unknown> extends Saga<I> {
  step<A extends Answer, G = None>(name: string, options: StepOptions<D, A, G>): Parts<Flat<D & G>, I>;
  /** From here on nothing is undone: later steps are repeated until they succeed, so none of them has an `undo`. */
  pivot<A extends Answer, G = None>(
    name: string,
    options: Omit<StepOptions<D, A, G>, 'undo'>,
  ): Committed<Flat<D & G>, I>;
  /** Branches beside each other, by name; it goes on when all are done. */
  parallel<B extends Record<string, unknown>>(
    name: string,
    branches: { readonly [K in keyof B]: (from: Parts<D>) => Parts<B[K]> },
  ): Parts<Flat<D & Together<B[keyof B]>>, I>;
  /** One call for every item of a list. */
  forEach<T, A extends Answer, G = None>(
    name: string,
    items: (data: D) => readonly T[],
    options: EachOptions<T, D, A, G>,
  ): Parts<Flat<D & G>, I>;
  /** Parts that run only where the condition holds, else others or none. Their facts may be missing afterwards. */
  when<E, F = D>(
    name: string,
    condition: (data: D) => boolean,
    then: (from: Parts<D>) => Parts<E>,
    otherwise?: (from: Parts<D>) => Parts<F>,
  ): Parts<Flat<D & Maybe<E, D> & Maybe<F, D>>, I>;
  /** Waits for something from outside: `POST /sagas/{id}/events` with this name. */
  waitFor<E extends Answer, G = None>(
    name: string,
    options: EventOptions<D, E, G> & { readonly late: 'undo' },
  ): Parts<Flat<D & G>, I>;
  waitFor<E extends Answer, G = None, L = None>(
    name: string,
    options: EventOptions<D, E, G> & { readonly late: (data: D) => L },
  ): Parts<Flat<D & Either<G, L>>, I>;
  /** Waits for a span, or for a moment that the data name. */
  sleep(name: string, until: Duration | ((data: D) => Date)): Parts<D, I>;
}

/** A saga behind its pivot. */
export interface Committed<D, I = unknown> extends Saga<I> {
  step<A extends Answer, G = None>(
    name: string,
    options: Omit<StepOptions<D, A, G>, 'undo'>,
  ): Committed<Flat<D & G>, I>;
  when<E, F = D>(
    name: string,
    condition: (data: D) => boolean,
    then: (from: Committed<D>) => Committed<E>,
    otherwise?: (from: Committed<D>) => Committed<F>,
  ): Committed<Flat<D & Maybe<E, D> & Maybe<F, D>>, I>;
  /** Nothing is undone any more, so what comes too late must have facts of its own. */
  waitFor<E extends Answer, G = None, L = None>(
    name: string,
    options: Omit<EventOptions<D, E, G>, 'refuses' | 'late'> & { readonly late: (data: D) => L },
  ): Committed<Flat<D & Either<G, L>>, I>;
  sleep(name: string, until: Duration | ((data: D) => Date)): Committed<D, I>;
}

/** What is said of a saga as a whole. */
export interface SagaOptions<S extends z.ZodType<Json>> {
  /** Names the machine: in the address of a start, in listings, in metrics. */
  readonly id: string;
  /** Raised whenever the structure changes: sagas end on the version on which they began. */
  readonly version: string;
  /** What a client sends. What it gives is the saga's first data, so it may derive facts (`.transform`). */
  readonly input: S;
  /** The fact that names a saga to a person, from the input or gained on the way: `order_id`. */
  readonly label?: string;
  /** Further facts by which a saga is found to the letter, as `{ customer: 'customer_id' }`: dotted paths by name, at most 8. */
  readonly search?: Search;
  /** Dotted paths into the data that nobody is shown. */
  readonly secrets?: readonly string[];
  /** How long it may run before it is undone. */
  readonly deadline?: Duration;
}

/** The same without its types. */
export interface About {
  readonly id: string;
  readonly version: string;
  readonly input: z.ZodType<SagaData>;
  readonly label: string | null;
  readonly search: Search;
  readonly secrets: readonly string[];
  readonly deadlineMs: number | null;
  /** Its stack says where the saga is defined, for whom a rule refuses it. */
  readonly origin: Error;
}

/** @throws DefinitionError for a name that cannot be one, or a span that is none */
export function defineSaga<S extends z.ZodType<Json>>({
  id,
  version,
  input,
  label,
  search = {},
  secrets = [],
  deadline,
}: SagaOptions<S>): Parts<z.output<S>, z.input<S>> {
  const about: About = {
    id: named(id, 'a saga', id),
    version,
    input: input as unknown as z.ZodType<SagaData>,
    label: label ?? null,
    search,
    secrets,
    deadlineMs: deadline === undefined ? null : span(id, deadline),
    origin: new Error(`saga ${id} is defined here`),
  };
  return new Chain(about, []) as unknown as Parts<z.output<S>, z.input<S>>;
}

const ITEMS_MAX = 100;
const CONCURRENCY = 10;

/** Untyped behind the typed face: each method adds one part. */
class Chain implements Saga {
  readonly about: About;
  readonly parts: readonly Part[];

  constructor(about: About, parts: readonly Part[]) {
    this.about = about;
    this.parts = parts;
  }

  step(name: string, options: AnyStep): Chain {
    return this.#and({ kind: 'step', step: this.#step(name, options), isPivot: false });
  }

  pivot(name: string, options: AnyStep): Chain {
    return this.#and({ kind: 'step', step: this.#step(name, options), isPivot: true });
  }

  parallel(name: string, branches: Readonly<Record<string, (from: Chain) => Chain>>): Chain {
    this.#named('a parallel part', name);
    const list = Object.entries(branches).map(([branch, build]) => ({
      name: this.#named('a branch', branch),
      parts: this.#inside(build),
    }));
    return this.#and({ kind: 'parallel', name, branches: list });
  }

  forEach(name: string, items: (data: never) => readonly unknown[], options: AnyEach): Chain {
    const { key, gains = () => ({}), itemsMax = ITEMS_MAX, concurrency = CONCURRENCY } = options;
    const each = { items, key, gains, itemsMax, concurrency };
    return this.#and({ kind: 'step', step: { ...this.#step(name, options), each }, isPivot: false });
  }

  when(
    name: string,
    condition: (data: never) => boolean,
    then: (from: Chain) => Chain,
    otherwise?: (from: Chain) => Chain,
  ): Chain {
    return this.#and({
      kind: 'choice',
      name: this.#named('a choice', name),
      condition,
      taken: this.#inside(then),
      otherwise: otherwise ? this.#inside(otherwise) : [],
    });
  }

  waitFor(name: string, options: AnyEvent): Chain {
    const { within, data, gains = () => ({}), refuses = () => null, late } = options;
    this.#named('an event', name);
    const withinMs = span(this.about.id, within);
    return this.#and({ kind: 'event', name, withinMs, data, gains, refuses, late });
  }

  sleep(name: string, until: Duration | ((data: never) => Date)): Chain {
    this.#named('a sleep', name);
    return this.#and({
      kind: 'sleep',
      name,
      until: typeof until === 'function' ? until : span(this.about.id, until),
    });
  }

  #and(part: Part): Chain {
    return new Chain(this.about, [...this.parts, part]);
  }

  #inside(build: (from: Chain) => Chain): readonly Part[] {
    return build(new Chain(this.about, [])).parts;
  }

  #named(what: string, name: string): string {
    return named(this.about.id, what, name);
  }

  #step(name: string, { at, action, undo, held, ask, asynchronous }: AnyStep): Step {
    this.#named('a step', name);
    const { id } = this.about;
    const { path, request, answer, gains = () => ({}), state } = action;
    // Behind the pivot there is nothing to undo, and at it nothing that could be undone by a call.
    const compensation = undo ?? { unneeded: 'it is never undone' };
    const actionPolicy = policyOf(id, action);
    const undoPolicy = policyOf(id, 'path' in compensation ? compensation : {});
    return {
      name,
      participant: named(id, 'a participant', at),
      action: { path, request, answer, gains, ...(state === undefined ? {} : { state }) },
      compensation,
      ...(held === undefined ? {} : { held }),
      ...(ask === undefined ? {} : { ask }),
      ...(asynchronous === undefined ? {} : { asynchronous: { withinMs: span(id, asynchronous.within) } }),
      ...(actionPolicy || undoPolicy
        ? {
            policies: {
              ...(actionPolicy ? { action: actionPolicy } : {}),
              ...(undoPolicy ? { compensation: undoPolicy } : {}),
            },
          }
        : {}),
    } as unknown as Step;
  }
}

type AnyStep = Omit<StepOptions<never, never, unknown>, 'undo'> & {
  readonly undo?: UndoOptions<never, never>;
};
type AnyEach = Omit<EachOptions<never, never, never, SagaData>, 'action'> & Pick<AnyStep, 'action'>;
type AnyEvent = {
  readonly within: Duration;
  readonly data: z.ZodType<Answer>;
  readonly gains?: (data: never) => SagaData;
  readonly refuses?: (data: never) => string | null;
  readonly late: 'undo' | ((data: never) => SagaData);
};

function policyOf(
  saga: string,
  { timeout, attempts, backoff, backoffMax }: CallOptions,
): Partial<CallPolicy> | null {
  const policy = {
    ...(timeout === undefined ? {} : { timeoutMs: span(saga, timeout) }),
    ...(attempts === undefined ? {} : { attemptsMax: attempts }),
    ...(backoff === undefined ? {} : { backoffMs: span(saga, backoff) }),
    ...(backoffMax === undefined ? {} : { backoffMaxMs: span(saga, backoffMax) }),
  };
  return Object.keys(policy).length === 0 ? null : policy;
}

function span(saga: string, text: Duration): number {
  try {
    return durationMs(text);
  } catch (error) {
    throw new DefinitionError(saga, 'a span', error);
  }
}

/** Names become names of states, settings, headers and metrics: letters and digits, with - and _ between them. */
function named(saga: string, what: string, name: string): string {
  if (/^[a-z][a-zA-Z0-9]*(?:[-_][a-zA-Z0-9]+)*$/.test(name) && name.length <= 60) return name;
  throw new DefinitionError(
    saga,
    'the name',
    new RangeError(
      `${what} cannot be called ${JSON.stringify(name)}: it begins with a small letter, and has letters, digits, - and _ alone, at most 60`,
    ),
  );
}
