/** Who runs which machines, as the memory store keeps it: `declare`, `gone` and `declared` of the contract. */
import { type Declared, type Disagreement, type MachineRef, newestBoots, type Owner } from './saga-store.ts';

/** One version of a machine. */
interface Version {
  readonly machine: MachineRef;
  /** When the declaration made last runs out. */
  readonly endsAtMs: number;
}

interface Live extends Owner {
  readonly version: string;
  readonly endsAtMs: number;
}

export class MemoryDeclarations {
  readonly #versions = new Map<string, Version>();
  #live: readonly Live[] = [];

  /** @param isNeeded whether a saga of this version is unfinished */
  declare(
    machines: readonly MachineRef[],
    owner: Owner,
    leaseMs: number,
    nowMs: number,
    isNeeded: (machine: MachineRef) => boolean,
  ): Disagreement[] {
    this.#live = this.#live.filter(({ endsAtMs }) => endsAtMs > nowMs);
    const disagreements = machines.flatMap((machine): Disagreement[] => {
      const declared = this.#versions.get(keyOf(machine))?.machine.structure ?? machine.structure;
      if (declared === machine.structure) return [];
      const liveAt = this.#liveBeside(owner, keyOf(machine));
      return liveAt.length > 0 || isNeeded(machine) ? [{ machine, declared, liveAt }] : [];
    });
    if (disagreements.length > 0) return disagreements;

    const endsAtMs = nowMs + leaseMs;
    const said = machines.map((machine) => ({ ...owner, version: keyOf(machine), endsAtMs }));
    this.#live = [...this.#live.filter((one) => !isReplacedBy(one, owner)), ...said];
    for (const { id, version, structure } of machines) {
      this.#versions.set(keyOf({ id, version }), { machine: { id, version, structure }, endsAtMs });
    }
    return [];
  }

  endedBy(ms: number): MachineRef[] {
    const ended = [...this.#versions.values()].filter(({ endsAtMs }) => endsAtMs <= ms);
    return ended.map(({ machine }) => machine);
  }

  declared(nowMs: number): Declared[] {
    return newestBoots(
      this.#live
        .filter(({ endsAtMs }) => endsAtMs > nowMs)
        .map(({ name, boot, endsAtMs }) => ({ owner: { name, boot }, untilMs: endsAtMs })),
    );
  }

  #liveBeside(owner: Owner, version: string): string[] {
    const others = this.#live.filter((one) => one.version === version && !isReplacedBy(one, owner));
    return [...new Set(others.map(({ name }) => name))].sort();
  }
}

/** What the coordinator itself has said, or an older boot of it, which is known to be gone. */
function isReplacedBy({ name, boot }: Owner, by: Owner): boolean {
  return name === by.name && boot <= by.boot;
}

function keyOf({ id, version }: Pick<MachineRef, 'id' | 'version'>): string {
  return JSON.stringify([id, version]);
}
