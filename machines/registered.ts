/** A machine that was checked, and what a module gives of which it is made: all that the engine knows of a saga. */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import type { z } from 'zod';
import { parse } from '../json/exact.ts';
import { type Announced, asksOf, plainCallsOf, stepsAt } from './activities.ts';
import { asRead, faultIn } from './answer.ts';
import type { Activity, Asks, Call, CallActivity } from './asks.ts';
import { checkMachine } from './check.ts';
import { DefinitionError, defined } from './defined.ts';
import { type Said, saidIn } from './held-said.ts';
import { dataWith, itemAt, itemsCalled } from './items.ts';
import { addressOf, type EventPart, isUndoable, type Part, type Step, stepIn } from './parts.ts';
import { REDACTED, secretsIn, withoutPaths, withoutValues } from './redaction.ts';
import type {
  Answer,
  CallMeta,
  CallPolicy,
  Item,
  Kind,
  Policies,
  SagaContext,
  SagaData,
  SagaEvent,
  SagaInput,
} from './saga.ts';
import { sagaContext } from './saga.ts';
import { leavesIn, leavesOf, nameOf, structureOf } from './structure.ts';
import { factOf, type Search, Terms } from './terms.ts';
import { addressed, type MadeBy, type Tell, Transitions, textOf } from './transitions.ts';

/** What a module such as order.ts gives: a machine, and what a machine alone does not say. */
export interface SagaDefinition {
  readonly id: string;
  /** Raised whenever the structure changes; sagas end on the version on which they began. */
  readonly version: string;
  readonly machine: AnyStateMachine;
  /** In the order in which they are done. */
  readonly steps: readonly Step[];
  /** What it is made of, in the order of doing; the steps in a row unless said. */
  readonly parts?: readonly Part[];
  readonly policies: Policies;
  /** What a client sends; what it gives is the saga's first data. Without one its starts have a door of their own. */
  readonly input?: z.ZodType<SagaData>;
  /** The events from outside that it waits for, by name. */
  readonly events?: ReadonlyMap<string, EventPart>;
  /** The fact that names a saga to a person; `null` where none does. */
  readonly label?: string | null;
  /** Further facts by which a saga is found to the letter: dotted paths by name, at most 8. Never a secret. */
  readonly search?: Search;
  /** How long a saga may run before it is undone; without one it may run for ever. */
  readonly deadlineMs?: number;
  /** Dotted paths into the data that are shown to nobody, and reach no participant but by what its action is sent. */
  readonly secrets: readonly string[];
  /** Facts by which participants know a saga. They go with each compensation, as far as they stand; none unless named. */
  readonly ids?: readonly string[];
  /**
   * What a compensation is sent beside the ids, what its action was sent, and what that had answered. `narrow`, as usual:
   * nothing. `whole`: all facts but secrets, and nothing only where that is too large for the participant (413).
   */
  readonly compensations?: 'narrow' | 'whole';
  /** Sagas of these versions are carried on by this one, as soon as somebody takes them up; without, they end on their own. */
  readonly migrations?: readonly Migration[];
}

/** Makes a snapshot of an older version one of this version. */
export interface Migration {
  /** The older version. */
  readonly from: string;
  /**
   * Pure. Gets the persisted snapshot and gives one: status, value, context and whatever else XState persists. A call
   * that may have been made must stay announced under the name of its step, or be counted among the `answers`:
   * participants know it by that name.
   */
  readonly migrate: (snapshot: unknown) => unknown;
}

export type SagaSnapshot = Omit<AnyMachineSnapshot, 'context'> & { readonly context: SagaContext };

const nobody: Tell = () => {};
const NO_EVENTS: ReadonlyMap<string, EventPart> = new Map();

/** A machine that was checked: the pure kernel of its sagas. */
export class RegisteredMachine {
  readonly id: string;
  readonly version: string;
  /** Hash of the structure: states, transitions and announced calls, without policies. */
  readonly structure: string;
  readonly steps: readonly Step[];
  /** What it is made of, in the order of doing. */
  readonly parts: readonly Part[];
  readonly machine: AnyStateMachine;
  readonly deadlineMs: number | null;
  /** What a client sends; `null` where the saga does not say. */
  readonly input: z.ZodType<SagaData> | null;
  /** The events from outside that it waits for, by name. */
  readonly events: ReadonlyMap<string, EventPart>;
  /** The fact that names a saga to a person; `null` where none does. */
  readonly label: string | null;
  /** By what a saga is found. */
  readonly terms: Terms;

  readonly #policies: Policies;
  readonly #asks: ReturnType<typeof asksOf>;
  readonly #plainCalls: ReturnType<typeof plainCallsOf>;
  readonly #stepOf: ReadonlyMap<string, Step>;
  readonly #stepsAt: ReturnType<typeof stepsAt>;
  readonly #transitions: Transitions;
  readonly #secretPaths: readonly (readonly string[])[];
  readonly #ids: readonly string[];
  readonly #isWhole: boolean;

  /**
   * @param by what makes its transitions, as far as it can
   * @throws MachineError that names state and rule
   */
  constructor(definition: SagaDefinition, by: MadeBy['by'] = 'table') {
    const { id, version, machine, steps, policies, deadlineMs, secrets, ids, compensations } = definition;
    checkMachine(machine, steps);
    this.id = id;
    this.version = version;
    this.structure = structureOf(machine);
    this.steps = steps;
    this.parts = definition.parts ?? steps.map((step) => ({ kind: 'step', step, isPivot: false }));
    this.#secretPaths = secrets.map((path) => path.split('.'));
    this.#ids = ids ?? [];
    this.#isWhole = compensations === 'whole';
    this.machine = machine;
    this.deadlineMs = deadlineMs ?? null;
    this.input = definition.input ?? null;
    this.events = definition.events ?? NO_EVENTS;
    this.label = definition.label ?? null;
    this.terms = new Terms(id, this.label, definition.search ?? {}, this.#secretPaths);
    this.#policies = remembered(policies);
    this.#asks = asksOf(machine);
    this.#plainCalls = plainCallsOf(machine);
    this.#stepsAt = stepsAt(machine);
    this.#stepOf = new Map(steps.map((step) => [step.name, step]));
    this.#transitions = new Transitions(machine, by);
  }

  /** What makes its transitions. */
  get madeBy(): MadeBy {
    return this.#transitions.madeBy;
  }

  /**
   * @param tell is told where its table and XState differ: XState makes its transitions from then on
   * @throws DefinitionError where the definition's own functions fail
   */
  begin(input: SagaInput, tell: Tell = nobody): SagaSnapshot {
    return this.#transitions.begin(input, tell);
  }

  /**
   * The next snapshot. An event that the state does not know is a bug of the caller and throws, because XState
   * would pass over it in silence and the saga would stand still.
   */
  next(snapshot: SagaSnapshot, event: SagaEvent): SagaSnapshot {
    const next = this.nextIfKnown(snapshot, event);
    if (next !== null) return next;
    throw new Error(
      `${this.id}@${this.version}: state ${nameOf(snapshot.value)} knows no event ${event.type}`,
    );
  }

  /**
   * The next snapshot; `null` where the state does not know the event. Asking first whether it does would have the transition
   * looked for twice.
   * @param tell as {@link begin} has it
   */
  nextIfKnown(snapshot: SagaSnapshot, event: SagaEvent, tell: Tell = nobody): SagaSnapshot | null {
    return this.#transitions.next(snapshot as AnyMachineSnapshot, event, tell);
  }

  /** What names a saga to a person; `null` while nothing does, and where that is a secret. */
  labelOf({ data }: SagaContext): string | null {
    if (this.label === null || this.#secretPaths.some(([first]) => first === this.label)) return null;
    return factOf(data[this.label]);
  }

  /** How calls of a step are made and repeated, settings included. */
  policyOf(step: string, kind: Kind): CallPolicy {
    return this.#policies(step, kind);
  }

  /** How long an asynchronous step is left alone before its participant is asked, where that does not say. */
  pollAfterMs(step: string): number {
    return this.#policies(step, 'action').backoffMaxMs;
  }

  /** Forward steps that were done. Compensation does not lower it. */
  stepsCompleted({ answers, items }: SagaContext): number {
    let count = 0;
    for (const name of Object.keys(answers)) if (!name.includes('/')) count += 1;
    for (const [step, list] of Object.entries(items ?? {})) {
      if (list.every(({ key }) => addressOf(step, key) in answers)) count += 1;
    }
    return count;
  }

  /** The context as it may be shown. */
  redacted(context: SagaContext): SagaContext {
    const data = withoutPaths(context.data, this.#secretPaths, REDACTED);
    return this.hide({ ...context, data }, context);
  }

  /**
   * A call as it may be shown: made of facts without secrets, so that nothing that its request makes of them tells one. `null`
   * where no step has it.
   * @throws DefinitionError where the request cannot do without them
   */
  shownCall(context: SagaContext, address: string, kind: Kind): Call | null {
    const step = this.#stepOf.get(stepIn(address));
    const way = step?.[kind];
    if (step === undefined || way === undefined || !('path' in way)) return null;
    const shown = this.redacted(context);
    const meta = { step: step.name, kind, participant: step.participant, path: way.path };
    const call = this.#call(meta, address, 1, itemAt(shown, step.name, address), shown);
    return { ...call, body: this.hide(call.body, context) };
  }

  /** Any JSON of the saga with its secrets taken out, which a participant may have echoed in an answer or a reason. */
  hide<T>(json: T, { data }: Pick<SagaContext, 'data'>): T {
    const values = secretsIn(data, this.#secretPaths);
    return values.length === 0 ? json : (withoutValues(json, values) as T);
  }

  /** Why it waits for an operator, and what stands: for people, and so without secrets. */
  parked(context: SagaContext): { readonly reason: string; readonly held: readonly Standing[] } {
    const { stuck } = context;
    if (stuck !== undefined && context.failure === null)
      return {
        reason: 'step-refused',
        held: this.#shown(context, [stuck]),
      };
    return { reason: 'compensation-incomplete', held: this.#shown(context, context.held) };
  }

  /**
   * What stands of a saga that is taken out of its machine's hands: what was held before, all that was done, and what may have
   * been, since nobody waits for its answer any more. Never empty: where nothing was done yet, it says so.
   * @param state as {@link nameOf} has it
   */
  standing(context: SagaContext, state: string): readonly Standing[] {
    const held = new Map(context.held.map((one) => [one.step, one.reason]));
    const note = (names: Iterable<string>, reason: string) => {
      for (const name of names) if (!context.undone.includes(name) && !held.has(name)) held.set(name, reason);
    };
    note(Object.keys(context.answers), 'it was done, and is not undone');
    const called = leavesIn(state).flatMap((leaf) => this.#stepsAt.get(leaf) ?? []);
    const single = called.filter((step) => this.#stepOf.get(step)?.each === undefined);
    note([...(context.uncertain ?? []), ...itemsCalled(context), ...single], 'its call may have been made');
    const all = [...held].map(([step, reason]) => ({ step, reason }));
    return this.#shown(context, all.length > 0 ? all : [{ step: 'none', reason: 'nothing was done yet' }]);
  }

  #shown(
    context: SagaContext,
    held: readonly { readonly step: string; readonly reason: string }[],
  ): Standing[] {
    const list = held.map(({ step, reason }) => {
      return { step, reason, response: context.answers[step] ?? null, ...this.#saidOf(context, step) };
    });
    return this.hide(list, context);
  }

  /** What the step itself says of it; nothing where it does not, knows no answer, or fails: it is no more than words and sums. */
  #saidOf(context: SagaContext, address: string): Said {
    const step = this.#stepOf.get(stepIn(address));
    const answer = context.answers[address];
    if (step?.held === undefined || answer === undefined) return {};
    const data = dataWith(context.data, itemAt(context, step.name, address));
    try {
      const said = saidIn(step.held(data as never, asRead(step.action.answer, answer) as never));
      return said.says === undefined
        ? said
        : { ...said, says: this.hide(said.says, context).slice(0, SAYS_MAX) };
    } catch {
      return {};
    }
  }

  accepts(snapshot: SagaSnapshot, event: SagaEvent): boolean {
    return snapshot.can(addressed(event));
  }

  /** The snapshot as the text to store. */
  persist(snapshot: SagaSnapshot): string {
    return textOf(snapshot);
  }

  /** @throws where the text is no snapshot of this machine */
  restore(text: string): SagaSnapshot {
    const { context, ...stored } = parse(text) as { readonly context: SagaContext };
    sagaContext.parse(context);
    return this.#transitions.restore(stored, context);
  }

  /** @throws DefinitionError where a step's own functions fail */
  asks({ status, value, context }: SagaSnapshot): Asks {
    if (status === 'done') {
      const { failure, resolution } = context;
      return { kind: 'nothing', succeeded: resolution ? resolution.as === 'COMPLETED' : failure === null };
    }
    const plain = this.#plainCalls.get(nameOf(value));
    if (plain !== undefined) {
      const { name, meta } = plain;
      const { attempt } = context;
      const call = this.#call(meta, meta.step, attempt, undefined, context);
      return { kind: 'activities', activities: [{ kind: 'call', name, address: meta.step, attempt, call }] };
    }
    const activities: Activity[] = [];
    for (const leaf of leavesOf(value)) {
      for (const asked of this.#asks.get(leaf)?.(context) ?? []) {
        activities.push(asked.kind === 'call' ? this.#activity(asked, context) : asked);
      }
    }
    return activities.length > 0 ? { kind: 'activities', activities } : { kind: 'operator' };
  }

  #activity({ meta, item, ...announced }: Announced, context: SagaContext): CallActivity {
    const { address, attempt } = announced;
    return { ...announced, call: this.#call(meta, address, attempt, item, context) };
  }

  #idsIn(data: SagaData): SagaData {
    return Object.fromEntries(this.#ids.filter((name) => name in data).map((name) => [name, data[name]]));
  }

  /**
   * An action receives what its step needs. A compensation receives ids or all facts, over them what its own action
   * was sent, and the action's answer where one came.
   */
  #call(
    meta: CallMeta,
    address: string,
    attempt: number,
    item: Item | undefined,
    { data, answers, pending, narrow = [] }: SagaContext,
  ): Call {
    const step = this.#stepOf.get(meta.step);
    if (step === undefined) throw new Error(`${this.id}@${this.version} has no step ${meta.step}`);
    const known = dataWith(data, item);
    const request = requestOf(step, known);
    const answer = answers[address];
    const isUndo = meta.kind === 'compensation';
    const canShrink = isUndo && this.#isWhole && !narrow.includes(address);
    const facts = () => (canShrink ? withoutPaths(data, this.#secretPaths, undefined) : this.#idsIn(data));
    const body = isUndo ? { ...facts(), ...this.#undoing(step, known, request, answer) } : request;
    const { timeoutMs } = this.#policies(step.name, meta.kind);
    // Of what a compensation answers nothing is read.
    const faultOf = (found: Answer) => (isUndo ? null : faultIn(step.action.answer, found));
    const redact = (text: string) => this.hide(text, { data });
    const { kind, participant } = meta;
    const path = meta.fetch ? (pending?.[step.name]?.location ?? meta.path) : meta.path;
    return {
      step: step.name,
      address,
      kind,
      participant,
      path,
      isFetch: meta.fetch === true,
      isAsynchronous: meta.kind === 'action' && meta.each !== true && step.asynchronous !== undefined,
      isUndoable: isUndoable(step),
      attempt,
      timeoutMs,
      body,
      canShrink,
      faultIn: faultOf,
      redact,
    };
  }

  #undoing(
    { name, compensation }: Step,
    data: SagaData,
    request: Answer,
    answer: Answer | undefined,
  ): Answer {
    const own = 'path' in compensation ? compensation.request : undefined;
    const more = own
      ? defined(name, 'the request of the undo', () => own(data as never, answer as never))
      : {};
    return { ...request, ...more, ...(answer === undefined ? {} : { original_response: answer }) };
  }
}

/** The effect of one step that stands, with what its participant had answered. */
export interface Standing extends Said {
  readonly step: string;
  readonly reason: string;
  readonly response: unknown;
}

/** Letters of such words, at most. */
const SAYS_MAX = 500;

/** Each asked for once. */
function remembered(policies: Policies): Policies {
  const known = { action: new Map<string, CallPolicy>(), compensation: new Map<string, CallPolicy>() };
  return (step, kind) => {
    let policy = known[kind].get(step);
    if (policy === undefined) {
      policy = policies(step, kind);
      known[kind].set(step, policy);
    }
    return policy;
  };
}

function requestOf({ name, action }: Step, data: SagaData): Answer {
  try {
    return action.request(data as never);
  } catch (error) {
    throw new DefinitionError(name, 'the request', error);
  }
}
