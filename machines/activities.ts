/**
 * What a saga's states ask for, read off its machine once: the calls to make, the waits to wait out, and the events that are
 * expected, each under a name. A saga that stands in several states at once asks for several.
 */
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { itemsOf } from './items.ts';
import { addressOf } from './parts.ts';
import type { Attempts, CallMeta, Item, PendingMeta, SagaContext, WaitMeta } from './saga.ts';
import { nodeName, statesIn } from './structure.ts';

/** A call that is announced, without what it sends. */
export interface Announced {
  readonly kind: 'call';
  /** Stable while it is announced, and different from all others of the saga. */
  readonly name: string;
  /** Whom its events are addressed to; none where it is the saga's only activity. */
  readonly to?: string;
  readonly meta: CallMeta;
  /** The step, or the item as `step/item`: how its participant knows it. */
  readonly address: string;
  readonly attempt: number;
  readonly item?: Item;
}

/** A time that must come: the next attempt of a call, or the end of a sleep. */
export interface Wait {
  readonly kind: 'wait';
  readonly name: string;
  readonly to?: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Whose next attempt it is, and which was the last; none where it is a sleep. */
  readonly step?: string;
  readonly attempt?: number;
}

/** Something that must come from outside before a time is over. */
export interface Expectation {
  readonly kind: 'expect';
  readonly name: string;
  readonly to?: string;
  /** Name of the event; `null` where it is the outcome of an asynchronous call. */
  readonly event: string | null;
  /** Of whose call the outcome is expected. */
  readonly step?: string;
  readonly attempt: number;
  /** When somebody must look all the same: its time is over, or its participant is to be asked. */
  readonly until: number;
}

export type Asked = Announced | Wait | Expectation;

/** What one innermost state asks for. */
type Ask = (context: SagaContext) => readonly Asked[];

/** The calling states that are never beside others, each of one call: most states of most machines, found without more ado. */
export function plainCallsOf(
  machine: AnyStateMachine,
): ReadonlyMap<string, { readonly name: string; readonly meta: CallMeta }> {
  const plain = statesIn(machine).filter(
    (node) => node.tags.includes('calling') && !hasNeighbours(node) && !(node.meta as CallMeta).each,
  );
  return new Map(
    plain.map((node) => {
      const meta = node.meta as CallMeta;
      return [nodeName(node), { name: `${meta.kind} ${meta.step}`, meta }];
    }),
  );
}

/** What the states of a machine ask for, by the name of the innermost state. */
export function asksOf(machine: AnyStateMachine): ReadonlyMap<string, Ask> {
  const asks = new Map<string, Ask>();
  for (const node of statesIn(machine)) {
    const ask = askOf(node);
    if (ask !== null) asks.set(nodeName(node), ask);
  }
  return asks;
}

/** Of whose call each state is, by the name of the innermost state. */
export function stepsAt(machine: AnyStateMachine): ReadonlyMap<string, string> {
  return new Map(
    statesIn(machine).flatMap((node) => {
      const step = stepAt(node);
      return step === undefined ? [] : [[nodeName(node), step] as const];
    }),
  );
}

/** The step whose call is announced, waits for its next attempt, or has its outcome still to come. */
function stepAt({ tags, meta, parent }: AnyStateNode): string | undefined {
  if (tags.includes('calling')) return (meta as CallMeta).step;
  if (tags.includes('expecting')) return (meta as Partial<PendingMeta>).pending;
  if (!tags.includes('waiting') || (meta as WaitMeta | undefined)?.wait !== undefined) return undefined;
  const calling = Object.values(parent?.states ?? {}).find((each) => each.tags.includes('calling'));
  return (calling?.meta as CallMeta | undefined)?.step;
}

function askOf(node: AnyStateNode): Ask | null {
  const isBeside = hasNeighbours(node);
  const to = (address: string) => (isBeside ? { to: address } : {});
  const attempts = (context: SagaContext, name: string): Attempts =>
    isBeside ? (context.beside?.[name] ?? NO_ATTEMPT) : context;

  const { tags, meta } = node;
  if (tags.includes('calling')) {
    const call = meta as CallMeta;
    if (call.each)
      return (context) => {
        // Where all is to stop, what waits for its next attempt does so no more.
        const isStopping =
          call.kind === 'action' && (context.failure !== null || context.cancelled !== undefined);
        const items = itemsOf(context, call.step);
        return items.flatMap((item) => (isStopping && item.phase === 'waiting' ? [] : ofItem(call, item)));
      };
    const { step, kind } = call;
    const name = `${kind} ${step}`;
    return (context) => [
      {
        kind: 'call',
        name,
        ...to(step),
        meta: call,
        address: step,
        attempt: attempts(context, step).attempt,
      },
    ];
  }
  if (tags.includes('expecting')) {
    const { wait, event = null, pending = '' } = meta as Partial<WaitMeta & PendingMeta>;
    const own = wait ?? pending;
    return (context) => {
      const { attempt, retryAt } = attempts(context, own);
      const outcome = wait === undefined ? { step: pending } : {};
      return [
        { kind: 'expect', name: `event ${own}`, ...to(own), event, ...outcome, attempt, until: retryAt ?? 0 },
      ];
    };
  }
  if (tags.includes('waiting')) {
    const step = stepAt(node);
    const own = (meta as WaitMeta | undefined)?.wait ?? step ?? '';
    return (context) => {
      const { attempt, retryAt } = attempts(context, own);
      const last = step === undefined ? {} : { step, attempt };
      return [{ kind: 'wait', name: `wait ${own}`, ...to(own), until: retryAt ?? 0, ...last }];
    };
  }
  return null;
}

function ofItem(meta: CallMeta, item: Item): Asked[] {
  const address = addressOf(meta.step, item.key);
  const { attempt, retryAt } = item;
  if (item.phase === 'calling')
    return [{ kind: 'call', name: `${meta.kind} ${address}`, to: address, meta, address, attempt, item }];
  if (item.phase === 'waiting')
    return [{ kind: 'wait', name: `wait ${address}`, to: address, until: retryAt ?? 0 }];
  return [];
}

const NO_ATTEMPT: Attempts = { attempt: 0, retryAt: null };

/** Whether a state may be active beside others. */
function hasNeighbours({ parent }: AnyStateNode): boolean {
  return parent !== undefined && (parent.type === 'parallel' || hasNeighbours(parent));
}
