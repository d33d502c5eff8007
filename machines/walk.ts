/**
 * Walks every path of a machine before a coordinator drives it, and holds each end against what must be true of any saga: what
 * was done and not undone is on the list of what is held. Facts are not known here, so what a definition's own functions would
 * say is left open: a choice is walked both ways, an event lets the saga go on or has it undone, a list has two items.
 */
import { type AnyMachineSnapshot, type AnyStateMachine, type AnyStateNode, assign } from 'xstate';
import { type Asked, asksOf } from './activities.ts';
import { promoted } from './items.ts';
import { isUndoable, type Step, stepIn } from './parts.ts';
import type { CallMeta, Item, SagaContext, SagaEvent } from './saga.ts';
import { inertScope } from './scope.ts';
import { leavesOf, nameOf, statesIn } from './structure.ts';

/** A path that breaks a rule. */
export interface Fault {
  readonly rule: 'outcomes' | 'ends' | 'undo-order' | 'held' | 'pivot';
  readonly state: string;
  /** What is wrong, and what to write instead. */
  readonly detail: string;
  /** What happened on the way, the shortest that leads there. */
  readonly path: readonly string[];
}

/** Transitions, each of which costs the more the more branches there are; a machine with more is walked as far as that. */
const STEPS_MAX = 20_000;
/** Compensations that fail on one path. Where branches multiply the states, one must do. */
const FAILED_MAX = { flat: 2, parallel: 1 } as const;

/** What the walk knows of one call that was announced, whatever the machine notes of it. */
interface Made {
  /** It was done, or may have been. */
  readonly stands: boolean;
  /** What had been done before it was announced: it must be undone first. */
  readonly after: readonly string[];
  readonly undo: 'no' | 'calling' | 'done' | 'failed';
}

type Books = Readonly<Record<string, Made>>;

interface Place {
  readonly snapshot: AnyMachineSnapshot;
  readonly books: Books;
  readonly wasRetried: boolean;
  readonly path: readonly string[];
}

/** A machine never changes, so one that several registries of a process hold is walked once. */
const known = new WeakMap<AnyStateMachine, Fault | null>();

/** The first fault that is found; `null` where there is none. */
export function walk(machine: AnyStateMachine, steps: readonly Step[]): Fault | null {
  const found = known.get(machine);
  if (found !== undefined) return found;
  const fault = walkAll(machine, steps);
  known.set(machine, fault);
  return fault;
}

function walkAll(machine: AnyStateMachine, steps: readonly Step[]): Fault | null {
  const namesOf = (found: readonly Step[]) => new Set(found.map(({ name }) => name));
  const undoable = namesOf(steps.filter(isUndoable));
  /** What they did stays unless it is undone. */
  const lasting = namesOf(steps.filter(({ compensation }) => !('unneeded' in compensation)));
  const asynchronous = namesOf(steps.filter((step) => step.asynchronous !== undefined));
  const asks = asksOf(machine);
  const pivots = new Set(
    statesIn(machine)
      .filter(({ tags }) => tags.includes('pivot'))
      .flatMap(actionsIn),
  );
  const beside = besideIn(machine);
  const isParallel = statesIn(machine).some(({ type }) => type === 'parallel');
  const failedMax = isParallel ? FAILED_MAX.parallel : FAILED_MAX.flat;
  /** Whether a step has answered matters only where that is all that tells whether it stands. */
  const telling = namesOf(steps.filter((step) => !isUndoable(step)));
  let left = STEPS_MAX;
  for (const chosen of choicesIn(machine)) {
    const bare = withoutFacts(machine, steps, chosen);
    const scope = inertScope(bare);
    const first = bare.getInitialSnapshot(scope, { data: {}, at: 0 });
    const seen = new Set<string>();
    let places: Place[] = [{ snapshot: first, books: {}, wasRetried: false, path: [] }];
    while (places.length > 0) {
      const next: Place[] = [];
      for (const place of places) {
        if (left <= 0) return null;
        const found = look(place, (snapshot, event) => {
          left -= 1;
          const after = bare.transition(snapshot, event as never, scope);
          return after === snapshot ? null : after;
        });
        if ('rule' in found) return found;
        for (const one of found) {
          const key = keyOf(one, telling);
          if (seen.has(key)) continue;
          seen.add(key);
          next.push(one);
        }
      }
      places = next;
    }
  }
  return null;

  /** Where it can go from here, or what is wrong here. */
  function look(
    place: Place,
    next: (snapshot: AnyMachineSnapshot, event: object) => AnyMachineSnapshot | null,
  ): Place[] | Fault {
    const { snapshot, wasRetried, path } = place;
    const context = snapshot.context as SagaContext;
    const asked = askedAt(snapshot);
    const state = nameOf(snapshot.value);
    const fault = (rule: Fault['rule'], detail: string): Fault => ({ rule, state, detail, path });
    const announced = announce(place.books, asked);
    if ('why' in announced) return fault(...announced.why);
    const { books } = announced;
    const standing = Object.entries(books).filter(([name, made]) => isStanding(name, made));

    if (snapshot.status === 'done') {
      if (context.failure === null) {
        const undone = Object.entries(books).find(([, { undo }]) => undo !== 'no');
        return undone
          ? fault('ends', `the saga ends as completed although ${undone[0]} was undone: let it end as failed`)
          : [];
      }
      const [stands] = standing[0] ?? [];
      return stands === undefined
        ? []
        : fault(
            'held',
            `the saga ends as undone while ${stands} stands: lead here only under the guard nothingHeld, after all that was done is undone, and else to the parked state`,
          );
    }
    if (asked.length === 0) {
      if (!snapshot.hasTag('parked'))
        return fault('ends', 'nothing is asked for here, and nobody is told: let it be final, or parked');
      return parkedAt(place, books, standing, state, next);
    }

    const found: Place[] = [];
    for (const one of asked) {
      for (const [event, says] of eventsOf(one)) {
        const failed = Object.values(books).filter(({ undo }) => undo === 'failed').length;
        const isUndo = one.kind === 'call' && one.meta.kind === 'compensation';
        if (isUndo && event.type !== 'done' && (wasRetried || failed >= failedMax)) continue;
        const after = next(snapshot, addressed(event, one));
        if (after === null) {
          if (one.kind === 'call')
            return fault(
              'outcomes',
              `the outcome ${event.type} need not lead out of the step: give it a handler without a guard that leaves it`,
            );
          continue;
        }
        if (one.kind === 'call' && askedAt(after).some(({ name }) => name === one.name))
          return fault(
            'outcomes',
            `the outcome ${event.type} need not lead out of the step: its last handler must leave it without a guard`,
          );
        found.push({
          snapshot: after,
          books: settle(books, one, event.type),
          wasRetried,
          path: [...path, says],
        });
      }
    }
    const after = next(snapshot, { type: 'cancel', at: 0, reason: 'the walk' });
    if (after !== null) found.push({ snapshot: after, books, wasRetried, path: [...path, 'cancel'] });
    return found;
  }

  function parkedAt(
    { snapshot, wasRetried, path }: Place,
    books: Books,
    standing: readonly (readonly [string, Made])[],
    state: string,
    next: (snapshot: AnyMachineSnapshot, event: object) => AnyMachineSnapshot | null,
  ): Place[] | Fault {
    const context = snapshot.context as SagaContext;
    const fault = (rule: Fault['rule'], detail: string): Fault => ({ rule, state, detail, path });
    if (context.failure !== null) {
      const unnamed = standing.find(([name]) => !context.held.some(({ step }) => step === name));
      if (unnamed)
        return fault(
          'held',
          `the saga parks while ${unnamed[0]} stands, and does not say so: its compensating state must be passed on the way, and note it as held`,
        );
    }
    const mayUndo = context.failure === null || context.held.some(({ step }) => isUndone(step));
    if (!mayUndo || wasRetried) return [];
    const after = next(snapshot, { type: 'retry', at: 0 });
    if (after === null) {
      const which = context.held.find(({ step }) => isUndone(step))?.step ?? 'what was refused';
      return fault(
        'held',
        `a retry leads nowhere while ${which} is held: name its compensating state in parked()`,
      );
    }
    const kept = Object.fromEntries(
      Object.entries(books).map(([name, made]) => [
        name,
        made.undo === 'failed' ? { ...made, undo: 'no' as const } : made,
      ]),
    );
    return [{ snapshot: after, books: kept, wasRetried: true, path: [...path, 'retry'] }];
  }

  /** Enters what is announced here for the first time. */
  function announce(
    books: Books,
    asked: readonly Asked[],
  ): { readonly books: Books } | { readonly why: [Fault['rule'], string] } {
    let now = books;
    for (const one of asked) {
      if (one.kind !== 'call') continue;
      const { address, meta } = one;
      const made = now[address];
      if (meta.kind === 'action') {
        if (made?.undo === 'done') return { why: ['ends', `${address} is done again after it was undone`] };
        if (made) continue;
        // Neither of two branches waits for the other, nor do items of one step, on the way back no more than on the way there.
        const own = stepIn(address);
        const after = Object.entries(now).filter(
          ([name, { stands }]) => stands && stepIn(name) !== own && !beside.get(own)?.has(stepIn(name)),
        );
        now = { ...now, [address]: { stands: false, after: after.map(([name]) => name), undo: 'no' } };
        continue;
      }
      const passed = Object.entries(now).find(([name, { stands }]) => stands && pivots.has(stepIn(name)));
      if (passed) return { why: ['pivot', `${address} is undone behind the pivot ${passed[0]}`] };
      if (made === undefined)
        return { why: ['undo-order', `${address} is undone although it was never begun`] };
      const earlier = Object.entries(now).find(
        ([name, other]) =>
          other.after.includes(address) && other.undo === 'no' && isUndone(name) && isStanding(name, other),
      );
      if (earlier)
        return {
          why: [
            'undo-order',
            `${address} is undone while ${earlier[0]}, which was done after it, still stands: undo that first`,
          ],
        };
      now = { ...now, [address]: { ...made, undo: 'calling' } };
    }
    return { books: now };
  }

  /** What is known when an outcome has come: of a call, or of one that was accepted before. */
  function settle(books: Books, one: Asked, outcome: string): Books {
    const address = one.kind === 'call' ? one.address : one.step;
    if (address === undefined) return books;
    const made = books[address] as Made;
    if (one.kind === 'call' && one.meta.kind === 'compensation')
      return { ...books, [address]: { ...made, undo: outcome === 'done' ? 'done' : 'failed' } };
    // A refusal is an answer about its key, whatever happened to an attempt before.
    const stands =
      outcome !== 'refused' && (made.stands || ['done', 'unknown', 'accepted'].includes(outcome));
    return { ...books, [address]: { ...made, stands } };
  }

  function isStanding(name: string, { stands, undo }: Made): boolean {
    return stands && undo !== 'done' && lasting.has(stepIn(name));
  }

  /** Whether a call undoes it. */
  function isUndone(address: string): boolean {
    return undoable.has(stepIn(address));
  }

  function askedAt({ value, context }: AnyMachineSnapshot): readonly Asked[] {
    return leavesOf(value).flatMap((leaf) => asks.get(leaf)?.(context as SagaContext) ?? []);
  }

  function eventsOf(
    one: Asked,
  ): readonly (readonly [Readonly<Record<string, unknown>> & { type: string }, string])[] {
    const at = 0;
    if (one.kind === 'wait') return [[{ type: 'due', at }, `${one.name} is over`]];
    if (one.kind === 'expect') {
      if (one.event === null)
        return [
          [{ type: 'done', at, answer: {} }, `${one.step} done`],
          [{ type: 'refused', at, error: '' }, `${one.step} refused`],
          [{ type: 'due', at }, `${one.step} says nothing in time`],
        ];
      const event = { type: 'event', at, id: one.event, name: one.event };
      return [
        [{ ...event, data: {} }, `${one.event} comes`],
        [{ ...event, data: { refusal: 'no' } }, `${one.event} refuses`],
        [{ type: 'due', at }, `${one.event} does not come`],
      ];
    }
    const { meta, address } = one;
    const failure = { at, error: '', random: 0, retryAfterMs: null };
    const undo = meta.kind === 'compensation' ? 'undo of ' : '';
    const list: [Readonly<Record<string, unknown>> & { type: string }, string][] = [
      [{ type: 'done', at, answer: {} }, `${undo}${address} done`],
      [{ type: 'refused', ...failure }, `${undo}${address} refused`],
      [{ type: 'unknown', ...failure }, `${undo}${address} unknown`],
      [{ type: 'retryable', ...failure }, `${undo}${address} not made`],
    ];
    if (asynchronous.has(meta.step) && meta.kind === 'action')
      list.push([{ type: 'accepted', at, location: null, pollAfterMs: 0 }, `${address} accepted`]);
    return list;
  }
}

function addressed(event: Readonly<Record<string, unknown>> & { type: string }, { to }: Asked): object {
  if (to === undefined || event.type === 'event') return event;
  return { ...event, to, type: `${event.type}.${stepIn(to)}` };
}

/** The steps in other branches of the parallel parts that a step is in, by the step. */
function besideIn(machine: AnyStateMachine): ReadonlyMap<string, ReadonlySet<string>> {
  const beside = new Map<string, Set<string>>();
  for (const { type, states } of statesIn(machine)) {
    if (type !== 'parallel') continue;
    const branches = Object.values(states).map(actionsIn);
    for (const branch of branches) {
      const others = branches.filter((other) => other !== branch).flat();
      for (const step of branch) beside.set(step, new Set([...(beside.get(step) ?? []), ...others]));
    }
  }
  return beside;
}

/** The steps whose actions are called in a state, those in the states inside it included. */
function actionsIn({ states, tags, meta }: AnyStateNode): string[] {
  const call = tags.includes('calling') ? (meta as CallMeta) : null;
  const own = call?.kind === 'action' ? [call.step] : [];
  return [...own, ...Object.values(states).flatMap(actionsIn)];
}

/** What tells two places apart for all that is to come. */
function keyOf({ snapshot, books, wasRetried }: Place, telling: ReadonlySet<string>): string {
  const {
    data: _,
    retryAt: __,
    attempt: ___,
    beside: ____,
    cancelled,
    answers,
    failure,
    ...context
  } = snapshot.context as SagaContext;
  const answered = Object.keys(answers).filter((name) => telling.has(stepIn(name)));
  return JSON.stringify([
    snapshot.value,
    answered,
    failure !== null,
    cancelled !== undefined,
    context,
    books,
    wasRetried,
  ]);
}

/** Every way in which a machine's choices can go; of many, each alone, none and all. */
function choicesIn(machine: AnyStateMachine): ReadonlySet<string>[] {
  const names = statesIn(machine).flatMap(({ entry }) =>
    entry.flatMap((action) => {
      const { type, params } = action as { type?: string; params: { part: string } };
      return type === 'choose' ? [params.part] : [];
    }),
  );
  if (names.length > 6) return [new Set(), ...names.map((name) => new Set([name])), new Set(names)];
  return Array.from(
    { length: 2 ** names.length },
    (_, bits) => new Set(names.filter((_, index) => (bits >> index) & 1)),
  );
}

/** The machine with all left open that only facts decide, and with one attempt for each call. */
function withoutFacts(
  machine: AnyStateMachine,
  steps: readonly Step[],
  chosen: ReadonlySet<string>,
): AnyStateMachine {
  type Given = { context: SagaContext; event: SagaEvent };
  const answered = (context: SagaContext, step: string) => ({ answers: { ...context.answers, [step]: {} } });
  const never = () => false;
  const nothing = assign({});
  return machine.provide({
    guards: { mayRepeat: never, mayRepeatBeside: never, attemptsLeft: never },
    actions: {
      gain: assign(({ context }: Given, { step }: { step: string }) => answered(context, step)),
      gainCancelled: assign(({ context }: Given, { step }: { step: string }) => ({
        ...answered(context, step),
        failure: { step: null, reason: 'cancelled' },
      })),
      choose: assign(({ context }: Given, { part }: { part: string }) => ({
        chosen: { ...context.chosen, [part]: chosen.has(part) },
      })),
      beginItems: assign(({ context }: Given, { step }: { step: string }) => {
        const concurrency = steps.find(({ name }) => name === step)?.each?.concurrency ?? 1;
        const ahead = ['first', 'second'].map(
          (key): Item => ({ key, value: null, phase: 'ahead', attempt: 0, retryAt: null }),
        );
        return { items: { ...context.items, [step]: promoted(ahead, concurrency) } };
      }),
      gainItems: nothing,
      startWait: nothing,
      goOnWithout: nothing,
      keepEvent: assign(({ context, event }: Given) => {
        const { id, name, data } = event as Extract<SagaEvent, { type: 'event' }>;
        const { refusal = null } = data as { refusal?: string };
        return { inbox: [...(context.inbox ?? []), { id, name, data, refusal }] };
      }),
      takeEvent: assign(({ context }: Given, { part }: { part: string }) => ({
        inbox: (context.inbox ?? []).filter(({ name }) => name !== part),
      })),
    },
  } as never) as AnyStateMachine;
}
