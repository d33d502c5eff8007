/** Who runs which machines, in keys of one slot beside the boot numbers: `declare`, `gone` and `declared` of the contract. */
import { type Declared, type Disagreement, type MachineRef, newestBoots, type Owner } from '../saga-store.ts';
import type { Client } from './client.ts';
import { asking, orDamaged, together } from './faults.ts';
import { type DeclarationKeys, machineName, machineOfName } from './keys.ts';
import { chunked, type Keyspace } from './keyspace.ts';
import { inThrees, pairs } from './replies.ts';
import { run } from './scripts.ts';
import type { StoreClock } from './store-clock.ts';

/** Parked sagas that are looked at in one go. */
const PARKED_PAGE = 500;

export class Declarations {
  readonly #redis: Client;
  readonly #keyspace: Keyspace;
  readonly #keys: DeclarationKeys;
  readonly #clock: StoreClock;
  readonly #offset: () => string;
  /** What was declared last, and accepted. */
  #said: ReadonlySet<string> = new Set();

  constructor(
    redis: Client,
    keyspace: Keyspace,
    keys: DeclarationKeys,
    clock: StoreClock,
    offset: () => string,
  ) {
    this.#redis = redis;
    this.#keyspace = keyspace;
    this.#keys = keys;
    this.#clock = clock;
    this.#offset = offset;
  }

  /**
   * A structure that no saga needs is looked for outside the script, because sagas live in other slots. Between that look
   * and the script none can begin: only a coordinator that has declared the version begins one, and the script
   * refuses where there is such.
   */
  async declare(machines: readonly MachineRef[], owner: Owner, leaseMs: number): Promise<Disagreement[]> {
    const disagreements = await this.#declare(machines, owner, leaseMs, []);
    const unneeded: Disagreement[] = [];
    for (const one of disagreements) {
      if (one.liveAt.length === 0 && !(await this.#isNeeded(one.machine))) unneeded.push(one);
    }
    return unneeded.length === 0 ? disagreements : this.#declare(machines, owner, leaseMs, unneeded);
  }

  async #declare(
    machines: readonly MachineRef[],
    { name, boot }: Owner,
    leaseMs: number,
    replaceable: readonly Disagreement[],
  ): Promise<Disagreement[]> {
    const replacedBy = new Map(replaceable.map(({ machine, declared }) => [machine, declared]));
    const said = (machine: MachineRef) => `${boot} ${name} ${machineName(machine)} ${machine.structure}`;
    const [nowMs, ...found] = await run(
      this.#redis,
      'declare',
      [this.#keys.structures, this.#keys.versions, this.#keys.live],
      [
        this.#offset(),
        name,
        String(boot),
        String(leaseMs),
        ...machines.flatMap((machine) => [
          machineName(machine),
          machine.structure,
          replacedBy.get(machine) ?? (this.#said.has(said(machine)) ? '*' : ''),
        ]),
      ],
    );
    this.#clock.learn(Number(nowMs));
    if (found.length === 0) this.#said = new Set(machines.map(said));
    return inThrees(found as string[]).flatMap(([position, declared, names]) => {
      const machine = machines[Number(position)];
      const liveAt = [...new Set(names.split('\n').filter((line) => line !== ''))].sort();
      return machine === undefined ? [] : [{ machine, declared, liveAt }];
    });
  }

  async #isNeeded(machine: MachineRef): Promise<boolean> {
    const name = machineName(machine);
    const { partitions } = this.#keyspace;
    const running = await together(partitions.map((keys) => this.#redis.zcard(keys.due(name))));
    if (running.some((count) => count > 0)) return true;
    // Parked sagas are in no index of their version. There are few of them, and they are looked at for this alone.
    for (const { status } of partitions) {
      for (let after = '-'; ; ) {
        const ids = await asking(
          this.#redis.zrangebylex(status.ABORTED, after, '+', 'LIMIT', 0, PARKED_PAGE),
        );
        for (const some of chunked(ids)) {
          const names = await together(some.map((id) => this.#keyspace.machineOf(id)));
          if (names.includes(name)) return true;
        }
        const last = ids.at(-1);
        if (ids.length < PARKED_PAGE || last === undefined) break;
        after = `(${last}`;
      }
    }
    return false;
  }

  async gone(afterMs: number): Promise<MachineRef[]> {
    const until = String(Math.floor(this.#clock.now() - afterMs));
    const names = await asking(orDamaged(this.#redis.zrangebyscore(this.#keys.versions, '-inf', until), []));
    const structures = await together(
      names.map((name) => orDamaged(this.#redis.hget(this.#keys.structures, name), null)),
    );
    return names.flatMap((name, index) => {
      const machine = machineOfName(name);
      return machine === null ? [] : { ...machine, structure: structures[index] ?? '' };
    });
  }

  async declared(): Promise<Declared[]> {
    const now = this.#clock.now();
    const found = await asking(orDamaged(this.#redis.zrange(this.#keys.live, 0, -1, 'WITHSCORES'), []));
    return newestBoots(
      pairs(found).flatMap(([member, score]) => {
        const [, boot, name] = /^\S+ (\d+) (.*)$/s.exec(member) ?? [];
        const untilMs = Number(score);
        if (boot === undefined || name === undefined || !(untilMs > now)) return [];
        return [{ owner: { name, boot: Number(boot) }, untilMs }];
      }),
    );
  }
}
