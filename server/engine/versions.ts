/**
 * Which versions of machines there are: tells the store which ones this coordinator runs, as long as it runs, and parks the
 * sagas of versions that nobody runs any more.
 */
import type { Registry } from '../../machines/index.ts';
import {
  type Disagreement,
  type MachineRef,
  type SagaRecord,
  StoreUnavailableError,
  UNKNOWN_HELD,
} from '../../stores/saga-store.ts';
import type { Coordinating } from './contract.ts';
import { setAside } from './set-aside.ts';
import type { Surroundings } from './surroundings.ts';
import { traceOf } from './trace.ts';

export interface VersionSettings {
  /** How often the store is told; what was said counts three times as long, so that one lost round harms nobody. */
  readonly declareEveryMs: number;
  /** For how long no coordinator may have run a version before its sagas are parked. */
  readonly versionGoneAfterMs: number;
}

/** A machine was changed and kept its version: the sagas that run on it could not be carried on. */
export class MachineChangedError extends Error {
  override readonly name = 'MachineChangedError';

  constructor(disagreements: readonly Disagreement[]) {
    super(disagreements.map(wordsOf).join('\n'));
  }
}

function wordsOf({ machine, declared, liveAt }: Disagreement): string {
  const because =
    liveAt.length > 0
      ? `other coordinators run it as it was: ${liveAt.join(', ')}`
      : 'sagas of it are running or parked';
  return (
    `machine ${titleOf(machine)} has changed: its structure is ${machine.structure}, and ${declared} in the store. ` +
    'Raise its version, and keep the old one registered until its sagas have ended. ' +
    `The version can be used again once nobody needs the old structure; now ${because}.`
  );
}

export class Versions {
  readonly #in: Surroundings;
  readonly #registry: Registry;
  readonly #settings: VersionSettings;
  readonly #nextWriteId: () => string;
  readonly #bornAt: number;
  #declaredAt: number;
  #sweeping = false;

  constructor(
    surroundings: Surroundings,
    registry: Registry,
    settings: VersionSettings,
    nextWriteId: () => string,
  ) {
    this.#in = surroundings;
    this.#registry = registry;
    this.#settings = settings;
    this.#nextWriteId = nextWriteId;
    this.#bornAt = surroundings.clock.monotonic();
    this.#declaredAt = this.#bornAt;
  }

  /** @throws MachineChangedError where the store knows a version by another structure */
  async declare(): Promise<void> {
    const { store, owner, clock } = this.#in;
    const declaredAt = clock.monotonic();
    const disagreements = await store.declare(this.#registry.all(), owner, this.#leaseMs);
    if (disagreements.length > 0) throw new MachineChangedError(disagreements);
    this.#declaredAt = declaredAt;
  }

  /** Those whose declarations have time left. All coordinators declare for as long. */
  async coordinators(): Promise<Coordinating[]> {
    const declared = await this.#in.store.declared();
    return declared.map(({ owner, untilMs }) => ({ owner, heardAtMs: untilMs - this.#leaseMs }));
  }

  get #leaseMs(): number {
    return 3 * this.#settings.declareEveryMs;
  }

  /** Takes back what was declared: nobody has to wait until it runs out. */
  async withdraw(): Promise<void> {
    const { store, owner, observe } = this.#in;
    try {
      await store.declare([], owner, 0);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      observe({ type: 'store-fault', doing: 'withdraw', error });
    }
  }

  /** Once a round of recovery; does something when its time has come. */
  async round(): Promise<void> {
    const { declareEveryMs, versionGoneAfterMs } = this.#settings;
    const now = this.#in.clock.monotonic();
    if (now - this.#declaredAt >= declareEveryMs) {
      // Whoever took the version over with another structure must not be worked against: that ends the process.
      await this.declare();
      // A coordinator that is younger than that may have come back first of many, after all were away.
      this.#sweeping = now - this.#bornAt >= versionGoneAfterMs;
    }
    // A full batch means that there is more: the next round goes on.
    if (this.#sweeping) this.#sweeping = (await this.#sweep()) === SWEEP_BATCH;
  }

  /**
   * Parks sagas whose version nobody has run for too long, so that an operator sees them. Where a coordinator that
   * knows the version comes back, a retry carries them on. Answers how many it met.
   */
  async #sweep(): Promise<number> {
    const { store } = this.#in;
    const gone = (await store.gone(this.#settings.versionGoneAfterMs)).filter(
      ({ id, version }) => this.#registry.takerOf(id, version) === undefined,
    );
    if (gone.length === 0) return 0;
    // Whatever waits, or has an owner that is gone, becomes due and stays due: nobody takes it.
    const ids = await store.due(gone, SWEEP_BATCH);
    for (const id of ids) {
      const record = await store.get(id);
      // Somebody may have moved it to another version since it was found.
      const isGone = ({ machine }: SagaRecord) =>
        gone.some(({ id, version }) => machine.id === id && machine.version === version);
      if (record !== null && isGone(record)) await this.#park(record);
    }
    return ids.length;
  }

  async #park(record: SagaRecord): Promise<void> {
    const { id, machine } = record;
    const trace = traceOf(id, record.trace);
    const parked = await setAside(this.#in, record, this.#nextWriteId(), {
      event: 'versionUnknown',
      reason: 'version-unknown',
      error: `no coordinator runs ${titleOf(machine)}`,
      held: UNKNOWN_HELD,
    });
    if (parked) this.#in.observe({ type: 'version-unknown', id, trace, machine });
  }
}

function titleOf({ id, version }: MachineRef): string {
  return `${id}@${version}`;
}

/** Sagas that one round parks. */
const SWEEP_BATCH = 100;
