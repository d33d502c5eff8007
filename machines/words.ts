/**
 * The words of every saga's statechart: its guards and its actions, bound to what the definition says. Where several calls
 * may be under way at once, each counts its attempts under its own name (`beside`); else the saga itself does.
 */
import { assign, setup } from 'xstate';
import { asRead } from './answer.ts';
import { DefinitionError, defined } from './defined.ts';
import { areSettled, itemAt, itemsAhead, itemsBack, itemsOf, promoted, withItem } from './items.ts';
import {
  addressOf,
  type ChoicePart,
  type EventPart,
  isUndoable,
  type Part,
  type SleepPart,
  type Step,
  stepIn,
} from './parts.ts';
import {
  type Attempts,
  backoffMs,
  type CallMeta,
  type CallPolicy,
  type Item,
  type SagaContext,
  type SagaData,
  type SagaEvent,
  type SagaInput,
  type Tag,
} from './saga.ts';

type Event<Type extends SagaEvent['type']> = Extract<SagaEvent, { type: Type }>;
type Failed = Event<'refused' | 'retryable' | 'unknown'>;
type Backoff = Pick<CallPolicy, 'backoffMs' | 'backoffMaxMs'>;

/** Why a saga is undone whose deadline has passed. */
const DEADLINE_REASON = 'deadline: the saga ran longer than it may';

/** Under whose name attempts are counted: the saga's only call needs none. */
export interface Counted {
  readonly beside?: string;
}

/** The attempts of a call that has its own: one beside others, or one item's. */
export interface Limited extends Counted {
  readonly attemptsMax: number;
  readonly each?: string;
}

export interface OfStep {
  readonly step: string;
}

/** Ids of events that are remembered, so that a repeat is known; the oldest is forgotten first. */
export const EVENT_IDS_MAX = 200;

/** @param parts what is not a step; steps alone need none */
export function vocabulary(steps: readonly Step[], parts: readonly Part[] = []) {
  const stepOf = new Map(steps.map((step) => [step.name, step]));
  const named = <Kind extends Part['kind']>(kind: Kind) =>
    new Map(
      parts
        .filter((part): part is Extract<Part, { kind: Kind; name: string }> => part.kind === kind)
        .map((part) => [part.name, part]),
    );
  const choices: ReadonlyMap<string, ChoicePart> = named('choice');
  const events: ReadonlyMap<string, EventPart> = named('event');
  const sleeps: ReadonlyMap<string, SleepPart> = named('sleep');

  const gained = ({ data, answers }: SagaContext, event: SagaEvent, step: string) => {
    const { answer } = event as Event<'done'>;
    const action = stepOf.get(step)?.action;
    const gains = () => action?.gains(asRead(action.answer, answer) as never) as SagaData | undefined;
    const all = { ...answers };
    all[step] = answer;
    return { answers: all, data: { ...data, ...defined(step, 'gains', gains) } };
  };
  const eachOf = (step: string) => {
    const each = stepOf.get(step)?.each;
    if (each === undefined) throw new Error(`step ${step} has no items`);
    return each;
  };

  return setup({
    types: {} as { context: SagaContext; events: SagaEvent; input: SagaInput; meta: CallMeta; tags: Tag },
    guards: {
      /**
       * Attempts are left, and nobody wants undone what is still being done: an undoing has all of its own. One that was too
       * large is another call when it is sent with less, which happens once.
       */
      mayRepeat: ({ context, event }, params: { attemptsMax: number }) =>
        tooLarge(event) !== undefined ||
        (context.attempt < params.attemptsMax &&
          (context.cancelled === undefined || context.failure !== null)),
      /** The same of a call that is beside others. */
      mayRepeatBeside: ({ context, event }, params: Limited) =>
        attemptsOf(context, event, params).attempt < params.attemptsMax && !isStopping(context),
      attemptsLeft: ({ context, event }, params: Limited) =>
        tooLarge(event) !== undefined || attemptsOf(context, event, params).attempt < params.attemptsMax,
      cancelled: ({ context }) => context.cancelled !== undefined,
      /** A call or a wait that is beside others: one of them has failed, or somebody wants the saga undone. */
      stopping: ({ context }) => isStopping(context),
      goingOn: ({ context }) => !isStopping(context),
      alreadyUndone: ({ context }, { step }: OfStep) => context.undone.includes(step),
      nothingHeld: ({ context }) => context.held.length === 0,
      isHeld: ({ context }, { step }: OfStep) => context.held.some((one) => stepIn(one.step) === step),
      namesHeld: ({ context, event }) =>
        context.held.some((one) => one.step === (event as Event<'skip'>).step),
      namesStep: ({ event }, { step }: OfStep) => (event as Event<'skip'>).step === step,
      namesItem: ({ context, event }, { step }: OfStep) =>
        itemAt(context, step, (event as Event<'skip'>).step)?.phase === 'waiting',
      asCompleted: ({ event }) => (event as Event<'resolve'>).as === 'COMPLETED',
      /** The step may be passed over, and was: there is nothing to undo. */
      notBegun: ({ context }, { step }: OfStep) => !(context.began ?? []).includes(step),
      /** All that was ever heard of its call says that it was not done. */
      surelyNot: ({ context }, { step }: OfStep) => !(context.uncertain ?? []).includes(step),
      cancelledUnmade: ({ context }, { step }: OfStep) =>
        context.cancelled !== undefined && !(context.uncertain ?? []).includes(step),
      /** Its time is up for all of its calls that are under way, because the saga is to be undone. */
      stoppedItems: ({ context }, { step }: OfStep) =>
        isStopping(context) && areSettled(itemsOf(context, step), true),
      stands: ({ context }, { step }: OfStep) =>
        context.answers[step] !== undefined || (context.uncertain ?? []).includes(step),
      chosen: ({ context }, { part }: { part: string }) => context.chosen?.[part] === true,
      arrived: ({ context }, { part }: { part: string }) => arrived(context, part) !== undefined,
      refused: ({ context }, { part }: { part: string }) =>
        typeof arrived(context, part)?.refusal === 'string',
      settled: ({ context }, { step }: OfStep) => areSettled(itemsOf(context, step), false),
      inTime: ({ context, event }, { step }: OfStep) =>
        event.at < (context.pending?.[step]?.until ?? 0) && context.pending?.[step]?.location !== null,
      isNew: ({ context, event }) => !(context.eventIds ?? []).includes((event as Event<'event'>).id),
    },
    actions: {
      firstAttempt: assign(({ context }, counted?: Counted) =>
        count(context, counted, { attempt: 1, retryAt: null }),
      ),
      nextAttempt: assign(({ context, event }, counted?: Counted) =>
        count(context, counted, {
          attempt: attemptsOf(context, event, counted).attempt + 1,
          retryAt: null,
        }),
      ),
      backOff: assign(({ context, event }, params: Backoff & Counted) => {
        const { attempt } = attemptsOf(context, event, params);
        const retryAt = retryAtOf(event, params, attempt);
        return { ...count(context, params, { attempt, retryAt }), ...narrowed(context, event) };
      }),
      /** The wait costs no attempt: the one that it leads to has the number of the one that was not made. */
      defer: assign(({ context, event }, counted?: Counted) => {
        const { at, delayMs } = event as Event<'deferred'>;
        const { attempt } = attemptsOf(context, event, counted);
        return count(context, counted, { attempt: attempt - 1, retryAt: at + delayMs });
      }),
      /** Keeps the answer and adds its facts to the data. */
      gain: assign(({ context, event }, { step }: OfStep) => gained(context, event, step)),
      /** The action was done, but the saga is to be undone: its answer is needed for that. */
      gainCancelled: assign(({ context, event }, { step }: OfStep) => ({
        ...gained(context, event, step),
        failure: { step: null, reason: context.cancelled ?? '' },
      })),
      noteCancel: assign({ cancelled: ({ event }) => cancelReason(event) }),
      noteCancelled: assign({ failure: ({ event }) => ({ step: null, reason: cancelReason(event) }) }),
      /** Was to be undone as soon as its call had settled: one that was not made has. */
      noteCancelledBefore: assign({
        failure: ({ context }) => ({ step: null, reason: context.cancelled ?? '' }),
      }),
      noteFailure: assign({
        failure: ({ event }, { step }: OfStep) => ({ step, reason: (event as Failed).error }),
      }),
      /** What failed first is why; whatever fails beside it meanwhile is not. */
      noteFirstFailure: assign({
        failure: ({ context, event }, { step }: OfStep) =>
          context.failure ?? { step, reason: (event as Failed).error },
      }),
      /** Branches were stopped because somebody wanted the saga undone, where none of them failed. */
      noteStopped: assign({
        failure: ({ context }) => context.failure ?? { step: null, reason: context.cancelled ?? '' },
      }),
      noteUndone: assign({ undone: ({ context }, { step }: OfStep) => [...context.undone, step] }),
      noteHeld: assign({
        held: ({ context, event }, { step }: OfStep) => [
          ...context.held,
          { step, reason: (event as Failed).error },
        ],
      }),
      /** What cannot be undone stays: said once, also where the undoing comes by again. */
      noteKept: assign({
        held: ({ context }, { step, reason }: OfStep & { reason: string }) =>
          context.held.some((one) => one.step === step) ? context.held : [...context.held, { step, reason }],
      }),
      /** The same of each item of a step. */
      noteItemsKept: assign({
        held: ({ context }, { step, reason }: OfStep & { reason: string }) => {
          const names = itemsOf(context, step).map(({ key }) => addressOf(step, key));
          const kept = names.filter(
            (name) =>
              (context.answers[name] !== undefined || context.uncertain?.includes(name) === true) &&
              !context.undone.includes(name) &&
              !context.held.some((one) => one.step === name),
          );
          return [...context.held, ...kept.map((name) => ({ step: name, reason }))];
        },
      }),
      /** What was held is tried again; what was undone is not, and what cannot be undone stays held. */
      forgetHeld: assign({
        held: ({ context }) =>
          context.held.filter(({ step }) => {
            const known = stepOf.get(stepIn(step));
            return known !== undefined && !isUndoable(known);
          }),
      }),
      noteSkipped: assign(({ context, event }) => {
        const { step } = event as Event<'skip'>;
        return { undone: [...context.undone, step], held: context.held.filter((one) => one.step !== step) };
      }),
      noteResolution: assign({
        resolution: ({ event }) => {
          const { as, by, reason } = event as Event<'resolve'>;
          return { as, by, reason };
        },
      }),

      /** From here on there may be something to undo. */
      begin: assign({
        began: ({ context }, { step }: OfStep) => including(context.began, step),
      }),
      /** The call may have been made: only an answer of its participant tells. */
      noteUncertain: assign({
        uncertain: ({ context }, { step }: OfStep) => including(context.uncertain, step),
      }),
      /** Its participant has said that it was not made. */
      noteCertain: assign({
        uncertain: ({ context }, { step }: OfStep) => (context.uncertain ?? []).filter((one) => one !== step),
      }),
      noteStuck: assign({
        stuck: ({ event }, { step }: OfStep) => ({ step, reason: (event as Failed).error }),
      }),
      forgetStuck: assign(() => without('stuck')),

      choose: assign({
        chosen: ({ context }, { part }: { part: string }) => {
          const says = defined(part, 'the condition', () =>
            choices.get(part)?.condition(context.data as never),
          );
          return { ...context.chosen, [part]: says === true };
        },
      }),
      /** Sets the time that a wait has. */
      startWait: assign(({ context, event }, { part, ...counted }: { part: string } & Counted) => {
        const now = context.at ?? event.at ?? 0;
        const sleep = sleeps.get(part);
        const retryAt = sleep ? wakesAt(sleep, context.data, now) : now + (events.get(part)?.withinMs ?? 0);
        return count(context, counted, { attempt: 0, retryAt });
      }),
      noteTooLate: assign({
        failure: ({ context }, { part }: { part: string }) =>
          context.failure ?? { step: null, reason: `${part}: it did not come in time` },
      }),
      goOnWithout: assign({
        data: ({ context }, { part }: { part: string }) => {
          const late = events.get(part)?.late;
          const facts =
            typeof late === 'function' ? defined(part, 'late', () => late(context.data as never)) : {};
          return { ...context.data, ...facts };
        },
      }),
      /** Something came from outside: it is kept until a state consumes it, or the saga ends. */
      keepEvent: assign(({ context, event }) => {
        const { id, name, data } = event as Event<'event'>;
        const part = events.get(name);
        const refusal = part ? defined(name, 'refuses', () => part.refuses(data as never)) : null;
        return {
          inbox: [...(context.inbox ?? []), { id, name, data, refusal }],
          eventIds: [...(context.eventIds ?? []), id].slice(-EVENT_IDS_MAX),
        };
      }),
      takeEvent: assign(({ context }, { part }: { part: string }) => {
        const taken = arrived(context, part);
        if (taken === undefined) return {};
        const facts = defined(part, 'gains', () => events.get(part)?.gains(taken.data as never));
        return { ...taking(context, taken.id), data: { ...context.data, ...facts } };
      }),
      noteRefusal: assign(({ context }, { part }: { part: string }) => {
        const taken = arrived(context, part);
        const failure = context.failure ?? { step: null, reason: `${part}: ${taken?.refusal ?? ''}` };
        return { ...taking(context, taken?.id), failure };
      }),

      /** An asynchronous participant has taken the call: its time runs, and where it named a place that is asked first. */
      notePending: assign(
        ({ context, event }, { step, withinMs, ...counted }: OfStep & { withinMs: number } & Counted) => {
          const { at, location, pollAfterMs } = event as Event<'accepted'>;
          const until = context.pending?.[step]?.until ?? at + withinMs;
          const retryAt = location === null ? until : Math.min(until, at + pollAfterMs);
          const { attempt } = attemptsOf(context, event, counted);
          return {
            ...count(context, counted, { attempt, retryAt }),
            pending: { ...context.pending, [step]: { location, until } },
          };
        },
      ),
      /** Its outcome could not be asked for: the question is repeated like a call, but never past its time. */
      askLater: assign(({ context, event }, { step, ...params }: OfStep & Backoff & Counted) => {
        const { attempt } = attemptsOf(context, event, params);
        const until = context.pending?.[step]?.until ?? event.at;
        const next = 'delayMs' in event ? event.at + event.delayMs : retryAtOf(event, params, attempt);
        const retryAt = Math.min(until, next);
        return count(context, params, { attempt, retryAt });
      }),
      noteNoOutcome: assign({
        failure: ({ context }, { step }: OfStep) =>
          context.failure ?? { step, reason: 'its outcome did not come in time' },
      }),

      beginItems: assign({
        items: ({ context }, { step }: OfStep) => {
          const found = stepOf.get(step);
          if (found === undefined) throw new Error(`no step ${step}`);
          return { ...context.items, [step]: itemsAhead(found, eachOf(step), context.data) };
        },
      }),
      beginItemsBack: assign({
        items: ({ context }, { step }: OfStep) => ({
          ...context.items,
          [step]: itemsBack(itemsOf(context, step), eachOf(step).concurrency),
        }),
      }),
      itemDone: assign(({ context, event }, { step }: OfStep) => {
        const { to = '', answer } = event as Event<'done'>;
        return {
          answers: { ...context.answers, [to]: answer },
          items: nextOf(context, step, { phase: 'done', retryAt: null }, to, isStopping(context)),
        };
      }),
      itemFailed: assign(({ context, event }, { step }: OfStep) => {
        const { to = '', error } = event as Failed;
        const failure = context.failure ?? { step, reason: `${to}: ${error}` };
        const items = withItem(context, step, to, { phase: 'failed', retryAt: null });
        return {
          failure,
          items: { ...context.items, [step]: items },
          ...uncertain(context, event, step, to),
          ...certain(context, event, to),
        };
      }),
      itemBacksOff: assign(({ context, event }, { step, ...params }: OfStep & Backoff) => {
        const { to = '' } = event as Failed;
        const { attempt } = attemptsOf(context, event, { each: step });
        const retryAt = retryAtOf(event, params, attempt);
        const items = withItem(context, step, to, { phase: 'waiting', retryAt });
        return {
          items: { ...context.items, [step]: items },
          ...uncertain(context, event, step, to),
          ...narrowed(context, event),
        };
      }),
      itemDeferred: assign({
        items: ({ context, event }, { step }: OfStep) => {
          const { to, at, delayMs } = event as Event<'deferred'>;
          const { attempt } = attemptsOf(context, event, { each: step });
          const change = { phase: 'waiting', attempt: attempt - 1, retryAt: at + delayMs } as const;
          return { ...context.items, [step]: withItem(context, step, to, change) };
        },
      }),
      /** One that waits is called again: the one that an event names, or all at once where an operator asks. */
      itemAgain: assign({
        items: ({ context, event }, { step }: OfStep) => {
          const to = 'to' in event ? event.to : undefined;
          const list = itemsOf(context, step).map((item) =>
            item.phase === 'waiting' && (to === undefined || item === itemAt(context, step, to))
              ? ({ ...item, phase: 'calling', attempt: item.attempt + 1, retryAt: null } as const)
              : item,
          );
          return { ...context.items, [step]: list };
        },
      }),
      gainItems: assign({
        data: ({ context }, { step }: OfStep) => {
          const action = stepOf.get(step)?.action;
          const answers = itemsOf(context, step).map(({ key }) => {
            const answer = context.answers[addressOf(step, key)] ?? {};
            return action ? asRead(action.answer, answer) : answer;
          });
          return { ...context.data, ...defined(step, 'gains', () => eachOf(step).gains(answers as never)) };
        },
      }),
      itemUndone: assign(({ context, event }, { step }: OfStep) => {
        const { to = '' } = event as Event<'done'>;
        return {
          undone: [...context.undone, to],
          items: nextOf(context, step, { phase: 'undone', retryAt: null }, to),
        };
      }),
      itemHeld: assign(({ context, event }, { step }: OfStep) => {
        const { to = '', error } = event as Failed;
        return {
          held: [...context.held, { step: to, reason: error }],
          items: nextOf(context, step, { phase: 'failed', retryAt: null }, to),
        };
      }),
      itemSkipped: assign(({ context, event }, { step }: OfStep) => {
        const { step: to } = event as Event<'skip'>;
        return {
          undone: [...context.undone, to],
          items: nextOf(context, step, { phase: 'undone', retryAt: null }, to),
        };
      }),
      /** Every item of which a call may have been made is undone. */
      noteItemsUndone: assign({
        undone: ({ context }, { step }: OfStep) =>
          itemsOf(context, step).every(({ phase }) => phase === 'undone' || phase === 'never')
            ? [...context.undone, step]
            : context.undone,
      }),
    },
  });

  /** Of an item that cannot be undone it must be known whether its call may have been made: nobody will ask its participant. */
  function uncertain(context: SagaContext, event: SagaEvent, step: string, to: string): Partial<SagaContext> {
    const found = stepOf.get(step);
    if (!isOf(event, 'unknown') || found === undefined || isUndoable(found)) return {};
    return { uncertain: including(context.uncertain, to) };
  }

  /** A refusal is an answer about its key, whatever became of an attempt before. */
  function certain(context: SagaContext, event: SagaEvent, to: string): Partial<SagaContext> {
    if (!isOf(event, 'refused') || !context.uncertain?.includes(to)) return {};
    return { uncertain: context.uncertain.filter((one) => one !== to) };
  }

  /** The items after one of them has changed: the next is announced where there is a place for it. */
  function nextOf(context: SagaContext, step: string, change: Partial<Item>, to: string, isStopping = false) {
    const items = withItem(context, step, to, change);
    return { ...context.items, [step]: isStopping ? items : promoted(items, eachOf(step).concurrency) };
  }
}

function attemptsOf(
  context: SagaContext,
  event: SagaEvent,
  params: (Counted & { each?: string }) | undefined,
): Attempts {
  if (params?.each !== undefined) {
    return itemAt(context, params.each, 'to' in event ? event.to : undefined) ?? NO_ATTEMPT;
  }
  return params?.beside === undefined ? context : (context.beside?.[params.beside] ?? NO_ATTEMPT);
}

function including(names: readonly string[] = [], name: string): readonly string[] {
  return names.includes(name) ? names : [...names, name];
}

const NO_ATTEMPT: Attempts = { attempt: 0, retryAt: null };

function count(context: SagaContext, counted: Counted | undefined, attempts: Attempts): Partial<SagaContext> {
  if (counted?.beside === undefined) return attempts;
  return { beside: { ...context.beside, [counted.beside]: attempts } };
}

/** An event that is addressed bears its address behind its type. */
function isOf(event: SagaEvent, type: SagaEvent['type']): boolean {
  return event.type === type || event.type.startsWith(`${type}.`);
}

/** The call that was too large for its participant, by its name. */
function tooLarge(event: SagaEvent): string | undefined {
  return 'tooLarge' in event ? event.tooLarge : undefined;
}

function narrowed({ narrow = [] }: SagaContext, event: SagaEvent): Pick<SagaContext, 'narrow'> {
  const name = tooLarge(event);
  return name === undefined ? {} : { narrow: [...narrow, name] };
}

function retryAtOf(event: SagaEvent, policy: Backoff, attempt: number): number {
  if (tooLarge(event) !== undefined) return event.at;
  const { at, random, retryAfterMs } = event as Event<'retryable' | 'unknown'>;
  return at + backoffMs(policy, attempt, random, retryAfterMs);
}

function isStopping({ failure, cancelled }: SagaContext): boolean {
  return failure !== null || cancelled !== undefined;
}

function wakesAt({ name, until }: SleepPart, data: SagaData, now: number): number {
  if (typeof until === 'number') return now + until;
  const at = defined(name, 'until', () => until(data as never).getTime());
  if (!Number.isFinite(at)) throw new DefinitionError(name, 'until', new RangeError('it is no moment'));
  return at;
}

function arrived({ inbox }: SagaContext, name: string) {
  return inbox?.find((kept) => kept.name === name);
}

function taking({ inbox = [] }: SagaContext, id: string | undefined): Pick<SagaContext, 'inbox'> {
  return { inbox: inbox.filter((kept) => kept.id !== id) };
}

/** XState's assign adds and replaces, but removes nothing: what is gone is told as undefined, which JSON leaves out. */
function without(name: 'stuck'): Partial<SagaContext> {
  return { [name]: undefined } as unknown as Partial<SagaContext>;
}

function cancelReason(event: SagaEvent): string {
  return event.type === 'cancel' ? `cancelled: ${event.reason}` : DEADLINE_REASON;
}
