/**
 * The registry: name and version lead to a machine that was checked, and that is driven purely.
 *
 * A registered machine is all that the engine knows of a saga. Snapshots are opaque to everybody else.
 */
import { type AnyActorScope, type AnyMachineSnapshot, type AnyStateMachine, createActor } from 'xstate';
import { checkMachine } from './check.ts';
import type { Answer, CallMeta, Policies, SagaContext, SagaData, SagaEvent, SagaInput } from './saga.ts';
import { sagaContext } from './saga.ts';
import type { Step } from './step.ts';
import { callStates, nameOf, structureOf } from './structure.ts';

/** What a module such as order.ts gives: a machine, and what a machine alone does not say. */
export interface SagaDefinition {
  readonly id: string;
  /** Raised whenever the structure changes; sagas end on the version on which they began. */
  readonly version: string;
  readonly machine: AnyStateMachine;
  /** In the order in which they are done. */
  readonly steps: readonly Step[];
  readonly policies: Policies;
  /** How long a saga may run before it is undone; without one it may run for ever. */
  readonly deadlineMs?: number;
  /** Dotted paths into the data that are shown to nobody. */
  readonly secrets: readonly string[];
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

/** The participant call that a state announces, complete but for who makes it and when. */
export interface Call extends CallMeta {
  readonly attempt: number;
  readonly timeoutMs: number;
  readonly body: Answer;
  /** Checks a 2xx answer; what does not pass is unreadable. */
  readonly accepts: (answer: unknown) => answer is Answer;
  /** Takes the saga's secrets out of a text, which a participant may have echoed. */
  readonly redact: (text: string) => string;
}

/** What the state of a saga asks for. The engine derives all that it does from this. */
export type Asks =
  | { readonly kind: 'call'; readonly call: Call }
  | { readonly kind: 'wait'; readonly retryAt: number }
  | { readonly kind: 'operator' }
  | { readonly kind: 'nothing'; readonly succeeded: boolean };

export type SagaSnapshot = Omit<AnyMachineSnapshot, 'context'> & { readonly context: SagaContext };

const NONE = {};

/** What stands in a secret's place. */
export const REDACTED = '[redacted]';

/** A machine that was checked: the pure kernel of its sagas. */
export class RegisteredMachine {
  readonly id: string;
  readonly version: string;
  /** Hash of the structure: states, transitions and announced calls, without policies. */
  readonly structure: string;
  readonly steps: readonly Step[];
  readonly machine: AnyStateMachine;
  readonly deadlineMs: number | null;

  readonly #policies: Policies;
  readonly #calls: ReadonlyMap<string, CallMeta>;
  readonly #stepOf: ReadonlyMap<string, Step>;
  readonly #scope: AnyActorScope;
  readonly #secretPaths: readonly (readonly string[])[];

  /** @throws MachineError that names state and rule */
  constructor({ id, version, machine, steps, policies, deadlineMs, secrets }: SagaDefinition) {
    checkMachine(machine, steps);
    this.id = id;
    this.version = version;
    this.structure = structureOf(machine);
    this.steps = steps;
    this.#secretPaths = secrets.map((path) => path.split('.'));
    this.machine = machine;
    this.deadlineMs = deadlineMs ?? null;
    this.#policies = policies;
    this.#calls = callStates(machine);
    this.#stepOf = new Map(steps.map((step) => [step.name, step]));
    this.#scope = inertScope(machine);
  }

  begin(input: SagaInput): SagaSnapshot {
    return this.machine.getInitialSnapshot(this.#scope, input);
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
   * The next snapshot; `null` where the state does not know the event. Asking first whether it does would have XState
   * look for the transition twice: where there is none, it gives back the snapshot itself.
   */
  nextIfKnown(snapshot: SagaSnapshot, event: SagaEvent): SagaSnapshot | null {
    const next = this.machine.transition(snapshot as AnyMachineSnapshot, event, this.#scope);
    return next === snapshot ? null : next;
  }

  /** Forward steps that were done. Compensation does not lower it. */
  stepsCompleted({ answers }: SagaContext): number {
    return Object.keys(answers).length;
  }

  /** The context as it may be shown. */
  redacted(context: SagaContext): SagaContext {
    const { data, ...rest } = context;
    return { ...this.hide(rest, context), data: withoutPaths(data, this.#secretPaths) };
  }

  /** Any JSON of the saga with its secrets taken out, which a participant may have echoed in an answer or a reason. */
  hide<T>(json: T, { data }: Pick<SagaContext, 'data'>): T {
    const values = this.#secretPaths.map((path) => path.reduce<unknown>(memberOf, data)).filter(isTelling);
    return values.length === 0 ? json : (withoutValues(json, values) as T);
  }

  accepts(snapshot: SagaSnapshot, event: SagaEvent): boolean {
    return snapshot.can(event);
  }

  /**
   * The snapshot as the text to store: what XState's `getPersistedSnapshot` gives. That looks through the whole context for
   * actors, which costs as much as the text; a saga has none, nor a history: the rules of machines see to it.
   */
  persist({ status, output, error, value, context }: SagaSnapshot): string {
    return JSON.stringify({ status, output, error, value, historyValue: NONE, context, children: NONE });
  }

  /** @throws where the text is no snapshot of this machine */
  restore(text: string): SagaSnapshot {
    const snapshot: SagaSnapshot = this.machine.restoreSnapshot(JSON.parse(text), this.#scope);
    sagaContext.parse(snapshot.context);
    return snapshot;
  }

  asks(snapshot: SagaSnapshot): Asks {
    if (snapshot.status === 'done') {
      const { failure, resolution } = snapshot.context;
      return { kind: 'nothing', succeeded: resolution ? resolution.as === 'COMPLETED' : failure === null };
    }
    const meta = this.#calls.get(nameOf(snapshot.value));
    if (meta !== undefined) return { kind: 'call', call: this.#call(meta, snapshot.context) };
    if (snapshot.hasTag('waiting')) return { kind: 'wait', retryAt: snapshot.context.retryAt ?? 0 };
    return { kind: 'operator' };
  }

  /**
   * An action receives what its step needs. A compensation receives all facts, over them what its own action
   * was sent, and the action's answer where one came.
   */
  #call(meta: CallMeta, { data, answers, attempt }: SagaContext): Call {
    const step = this.#stepOf.get(meta.step);
    if (step === undefined) throw new Error(`${this.id}@${this.version} has no step ${meta.step}`);
    const request = step.action.request(data as never);
    const answer = answers[step.name];
    const body =
      meta.kind === 'action'
        ? request
        : { ...data, ...request, ...(answer === undefined ? {} : { original_response: answer }) };
    const { timeoutMs } = this.#policies(step.name, meta.kind);
    const accepts = (found: unknown): found is Answer =>
      meta.kind === 'compensation' || step.action.answer.safeParse(found).success;
    const redact = (text: string) => this.hide(text, { data });
    const { kind, participant, path } = meta;
    return { step: step.name, kind, participant, path, attempt, timeoutMs, body, accepts, redact };
  }
}

/** What names a version to a store; the structure is empty where only a migration knows the version. */
type MachineVersion = Pick<RegisteredMachine, 'id' | 'version' | 'structure'>;

/** All machines that this process knows, by id and version. */
export class Registry {
  readonly #machines = new Map<string, RegisteredMachine>();
  /** By the version from which they lead. */
  readonly #migrations = new Map<
    string,
    { readonly from: MachineVersion; readonly to: RegisteredMachine; readonly migrate: Migration['migrate'] }
  >();

  /**
   * Older versions come first, so that no migrations lead in a circle.
   * @throws MachineError for a machine that breaks a rule, Error for one that is there already
   */
  register(definition: SagaDefinition): RegisteredMachine {
    const { id, version, migrations = [] } = definition;
    const key = `${id}@${version}`;
    if (this.#machines.has(key)) throw new Error(`machine ${key} is registered twice`);
    if (this.#migrations.has(key))
      throw new Error(`machine ${key} must be registered before those that replace it`);
    const machine = new RegisteredMachine(definition);
    for (const { from, migrate } of migrations) {
      const source = `${id}@${from}`;
      if (source === key) throw new Error(`machine ${key} cannot be migrated to itself`);
      if (this.#migrations.has(source)) throw new Error(`two migrations lead from machine ${source}`);
      this.#migrations.set(source, { from: { id, version: from, structure: '' }, to: machine, migrate });
    }
    this.#machines.set(key, machine);
    return machine;
  }

  get(id: string, version: string): RegisteredMachine | undefined {
    return this.#machines.get(`${id}@${version}`);
  }

  all(): readonly RegisteredMachine[] {
    return [...this.#machines.values()];
  }

  /** All versions whose sagas can be carried on here: those registered, and those from which a migration leads to one. */
  takes(): readonly MachineVersion[] {
    const sources = [...this.#migrations].filter(([key]) => !this.#machines.has(key));
    return [...this.#machines.values(), ...sources.map(([, { from }]) => from)];
  }

  /** The machine that carries on the sagas of a version: its own, or the one to which its migrations lead. */
  takerOf(id: string, version: string): RegisteredMachine | undefined {
    const key = `${id}@${version}`;
    const migration = this.#migrations.get(key);
    return migration === undefined ? this.#machines.get(key) : this.takerOf(id, migration.to.version);
  }

  /**
   * A stored snapshot, as the machine has it that carries the saga on.
   * @throws where a migration fails, or the text is no snapshot of that machine
   */
  restore({ id, version }: Pick<MachineVersion, 'id' | 'version'>, text: string): SagaSnapshot {
    const migration = this.#migrations.get(`${id}@${version}`);
    if (migration !== undefined) {
      const migrated = JSON.stringify(migration.migrate(JSON.parse(text)));
      return this.restore({ id, version: migration.to.version }, migrated);
    }
    const machine = this.#machines.get(`${id}@${version}`);
    if (machine === undefined) throw new Error(`machine ${id}@${version} is not registered`);
    return machine.restore(text);
  }
}

function memberOf(at: unknown, name: string): unknown {
  return typeof at === 'object' && at !== null ? (at as SagaData)[name] : undefined;
}

/** A value of a few letters would be found everywhere, and taking it out would hide nothing and garble much. */
function isTelling(value: unknown): value is string {
  return typeof value === 'string' && value.length >= 6;
}

function withoutPaths(data: SagaData, paths: readonly (readonly string[])[]): SagaData {
  const shown: Record<string, unknown> = { ...data };
  for (const [name, ...rest] of paths) {
    if (name === undefined || !(name in shown)) continue;
    shown[name] = rest.length === 0 ? REDACTED : withoutPaths(shown[name] as SagaData, [rest]);
  }
  return shown;
}

/** The same JSON with every occurrence of the values taken out of its texts; itself where there is none, as nearly always. */
function withoutValues(json: unknown, values: readonly string[]): unknown {
  if (!holdsAny(json, values)) return json;
  if (typeof json === 'string') return values.reduce((text, value) => text.replaceAll(value, REDACTED), json);
  if (Array.isArray(json)) return json.map((item) => withoutValues(item, values));
  return Object.fromEntries(
    Object.entries(json as object).map(([name, value]) => [name, withoutValues(value, values)]),
  );
}

function holdsAny(json: unknown, values: readonly string[]): boolean {
  if (typeof json === 'string') return values.some((value) => json.includes(value));
  if (typeof json !== 'object' || json === null) return false;
  return Object.values(json).some((inner) => holdsAny(inner, values));
}

/**
 * Transitions need an actor to belong to, though ours never runs. One that is never started serves all
 * transitions of a machine; making one for each, as xstate's `transition()` does, costs five times the transition itself.
 */
function inertScope(machine: AnyStateMachine): AnyActorScope {
  const nothing = () => {};
  const self = createActor(machine, { input: { data: {} } satisfies SagaInput });
  return {
    self,
    system: self.system,
    id: '',
    sessionId: '',
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: nothing,
  };
}

export type * from './saga.ts';
export { nameOf } from './structure.ts';
