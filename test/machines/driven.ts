/** Sagas of the short form that are driven by hand: what they ask for, and what they make of what comes. */
import type { Saga } from '../../machines/define.ts';
import { definitionOf } from '../../machines/definition.ts';
import {
  type Activity,
  activitiesIn,
  nameOf,
  RegisteredMachine,
  type SagaEvent,
  type SagaSnapshot,
} from '../../machines/index.ts';
import { everywhere } from './placed-order.ts';

const at = 1000;

/** As the registry makes it, which would also walk all that may come of it: that takes longer than most tests. */
export function registered(saga: Saga, attemptsMax = 2): RegisteredMachine {
  return new RegisteredMachine(definitionOf(saga, everywhere({ attemptsMax })));
}

/** A saga that is driven by hand, stored and restored before each event. */
export class Driven {
  readonly machine: RegisteredMachine;
  snapshot: SagaSnapshot;

  constructor(machine: RegisteredMachine, data: Record<string, unknown>) {
    this.machine = machine;
    this.snapshot = machine.begin({ data, at });
  }

  /** What it asks for, by name. */
  get asked(): string[] {
    return activitiesIn(this.machine.asks(this.snapshot)).map(({ name }) => name);
  }

  get state(): string {
    return nameOf(this.snapshot.value);
  }

  get held(): string[] {
    return this.snapshot.context.held.map(({ step }) => step);
  }

  find(name: string): Activity {
    const found = activitiesIn(this.machine.asks(this.snapshot)).find((one) => one.name === name);
    if (found === undefined) throw new Error(`it does not ask for ${name}, but for ${this.asked}`);
    return found;
  }

  done(name: string, answer: Record<string, unknown> = {}): this {
    return this.#end(name, { type: 'done', at, answer });
  }

  refused(name: string): this {
    return this.#end(name, { type: 'refused', at, error: 'no' });
  }

  fails(name: string, type: 'retryable' | 'unknown'): this {
    return this.#end(name, { type, at, error: 'away', random: 0.5, retryAfterMs: null });
  }

  due(name: string): this {
    return this.#end(name, { type: 'due', at });
  }

  comes(name: string, data: Record<string, unknown>, id = name): this {
    return this.on({ type: 'event', at, id, name, data });
  }

  on(event: SagaEvent): this {
    const restored = this.machine.restore(this.machine.persist(this.snapshot));
    this.snapshot = this.machine.next(restored, event);
    return this;
  }

  #end(name: string, event: SagaEvent): this {
    const { to } = this.find(name);
    return this.on(to === undefined ? event : ({ ...event, to } as SagaEvent));
  }
}
