/** All machines that a process knows: name and version lead to the one that carries a saga on. */
import { parse, stringify } from '../json/exact.ts';
import { MachineError } from './check.ts';
import { type Migration, RegisteredMachine, type SagaDefinition, type SagaSnapshot } from './registered.ts';
import type { MadeBy } from './transitions.ts';
import { walk } from './walk.ts';

/** What names a version to a store; the structure is empty where only a migration knows the version. */
type MachineVersion = Pick<RegisteredMachine, 'id' | 'version' | 'structure'>;

/** All machines that this process knows, by id and version. */
export class Registry {
  readonly #by: MadeBy['by'];
  readonly #machines = new Map<string, RegisteredMachine>();
  /** By the version from which they lead. */
  readonly #migrations = new Map<
    string,
    { readonly from: MachineVersion; readonly to: RegisteredMachine; readonly migrate: Migration['migrate'] }
  >();

  /** @param by what makes the machines' transitions, as far as it can */
  constructor(by: MadeBy['by'] = 'table') {
    this.#by = by;
  }

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
    const machine = new RegisteredMachine(definition, this.#by);
    const fault = walk(machine.machine, machine.steps);
    if (fault !== null) throw new MachineError(id, fault.state, fault.rule, fault.detail, fault.path);
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
      const migrated = stringify(migration.migrate(parse(text)));
      return this.restore({ id, version: migration.to.version }, migrated);
    }
    const machine = this.#machines.get(`${id}@${version}`);
    if (machine === undefined) throw new Error(`machine ${id}@${version} is not registered`);
    return machine.restore(text);
  }
}
