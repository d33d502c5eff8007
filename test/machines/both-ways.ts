/** One saga driven by its machine's table and by XState at once: every snapshot of the one must be that of the other. */
import { expect } from 'vitest';
import {
  activitiesIn,
  RegisteredMachine,
  type SagaDefinition,
  type SagaEvent,
  type SagaSnapshot,
} from '../../machines/index.ts';

const at = 1000;

export interface BothWays {
  readonly table: SagaSnapshot;
  readonly xstate: SagaSnapshot;
}

/** All that anybody can see of a snapshot. */
function seen(machine: RegisteredMachine, snapshot: SagaSnapshot) {
  const { value, status, output, error, context, tags } = snapshot;
  return {
    text: machine.persist(snapshot),
    json: JSON.stringify(snapshot),
    meta: snapshot.getMeta(),
    fields: Object.keys(snapshot),
    tags: [...tags].map((tag) => [tag, snapshot.hasTag(tag)]),
    matches: snapshot.matches(value as never),
    known: { value, status, output, error, context },
  };
}

export class Twins {
  readonly tabled: RegisteredMachine;
  readonly judge: RegisteredMachine;

  constructor(define: () => SagaDefinition) {
    this.tabled = new RegisteredMachine(define());
    this.judge = new RegisteredMachine(define(), 'xstate');
  }

  begin(data: Record<string, unknown>): BothWays {
    return this.#same(
      this.tabled.begin({ data, at }, tellsNobody),
      this.judge.begin({ data, at }),
      'at the beginning',
    );
  }

  /** `null` where the state does not know the event. */
  next({ table, xstate }: BothWays, event: SagaEvent): BothWays | null {
    const one = outcomeOf(() => this.tabled.nextIfKnown(table, event, tellsNobody));
    const other = outcomeOf(() => this.judge.nextIfKnown(xstate, event));
    const about = `${JSON.stringify(xstate.value)} on ${JSON.stringify(event)}`;
    if (one.next === null || other.next === null) {
      expect(one, about).toEqual(other);
      return null;
    }
    return this.#same(one.next, other.next, about);
  }

  /** As another process would have them. */
  restored({ table, xstate }: BothWays): BothWays {
    return {
      table: this.tabled.restore(this.judge.persist(xstate)),
      xstate: this.judge.restore(this.tabled.persist(table)),
    };
  }

  /** What may come to a saga where it stands, likely or not. */
  eventsAt({ xstate }: BothWays, answer: Record<string, unknown>): SagaEvent[] {
    const failed = { at, error: 'no', random: 0.5, retryAfterMs: null };
    const steps = this.judge.steps.map(({ name }) => name);
    const common: SagaEvent[] = [
      { type: 'cancel', at, reason: 'enough' },
      { type: 'deadline', at },
      { type: 'retry', at },
      { type: 'due', at },
      { type: 'resolve', at, as: 'COMPLETED', by: 'eve', reason: 'so' },
      { type: 'resolve', at, as: 'FAILED', by: 'eve', reason: 'so' },
      ...steps.map((step): SagaEvent => ({ type: 'skip', at, step })),
      ...[...this.judge.events.keys()].flatMap((name): SagaEvent[] => [
        {
          type: 'event',
          at,
          id: `${name} yes`,
          name,
          data: { ok: true, intact: true, approved: true, by: 'ada' },
        },
        {
          type: 'event',
          at,
          id: `${name} no`,
          name,
          data: { ok: false, intact: false, approved: false, by: 'ada' },
        },
      ]),
    ];
    const own = activitiesIn(this.judge.asks(xstate)).flatMap(({ kind, to: address }): SagaEvent[] => {
      const to = address === undefined ? {} : { to: address };
      const deferred = { type: 'deferred', at, error: 'busy', delayMs: 5, ...to } as const;
      return [
        { type: 'done', at, answer, ...to },
        { type: 'refused', ...failed, ...to },
        { type: 'retryable', ...failed, ...to },
        { type: 'unknown', ...failed, ...to },
        { type: 'unknown', ...failed, tooLarge: address ?? steps[0] ?? '', ...to },
        // What was not called was not put off.
        ...(kind === 'call' ? [deferred] : []),
        { type: 'accepted', at, location: '/later', pollAfterMs: 5, ...to },
        { type: 'accepted', at, location: null, pollAfterMs: 5, ...to },
        { type: 'due', at: at + 1_000_000, ...to },
      ];
    });
    return [...own, ...common];
  }

  #same(table: SagaSnapshot, xstate: SagaSnapshot, about: string): BothWays {
    // One text first: a difference in all that can be seen is rare, and looking at all of it is dear.
    expect(this.tabled.persist(table), about).toBe(this.judge.persist(xstate));
    expect(seen(this.tabled, table), about).toEqual(seen(this.judge, xstate));
    return { table, xstate };
  }
}

function outcomeOf(next: () => SagaSnapshot | null) {
  try {
    return { next: next(), threw: null };
  } catch (error) {
    return { next: null, threw: String(error) };
  }
}

/** A sample that differs would be mended by the very XState that it is held against. */
function tellsNobody(difference: object): void {
  throw new Error(`told of a difference: ${JSON.stringify(difference)}`);
}
