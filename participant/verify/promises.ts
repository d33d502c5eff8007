/** What docs/participants.md asks of a service, each promise played by sagas of its own. */
import { cuttingProxy } from './cutting-proxy.ts';
import { type Change, changeFrom, type Sight, together, told } from './probe.ts';
import {
  Broken,
  isDone,
  isNotNow,
  isRefused,
  jsonOf,
  type PlayedSaga,
  type Said,
  type Service,
  UnansweredError,
} from './service.ts';

/** What is learned on the way. */
export interface Bench {
  readonly service: Service;
  /** What one action changes, and what undoing it changes; `null` until they have been seen. */
  done: Change | null;
  undone: Change | null;
  /** Compensations whose answer is of no shape that counts as done. */
  readonly oddUndos: string[];
}

export interface Promised {
  readonly name: string;
  readonly says: string;
  /** Why it cannot be asked; `null` where it can. */
  readonly lacks?: (service: Service) => string | null;
  readonly play: (bench: Bench) => Promise<void>;
}

const DUPLICATES = 8;

function must(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Broken(otherwise);
}

const shown = ({ status, text }: Said) => `${status} ${text.slice(0, 100)}`.trimEnd();
const isSame = (one: Said, other: Said) =>
  one.status === other.status && JSON.stringify(jsonOf(one)) === JSON.stringify(jsonOf(other));
const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

function mustBeDone(said: Said, what: string): void {
  must(isDone(said), `${what} was answered ${shown(said)}`);
  must(isObject(jsonOf(said)), `${what} was answered ${said.status}, but its body is not a JSON object`);
}

/** Any 2xx goes on here: what stands in it is a promise of its own. */
function mustBeUndone(bench: Bench, said: Said, what: string): void {
  if (isDone(said) && said.text.trim() !== '' && !isObject(jsonOf(said)))
    bench.oddUndos.push(`${what}: ${shown(said)}`);
  must(isDone(said), `${what} was answered ${shown(said)}`);
}

async function mustStand(saga: PlayedSaga, stands: string, when: string): Promise<void> {
  const said = await saga.asked();
  const { state } = (jsonOf(said) ?? {}) as { state?: unknown };
  must(
    isDone(said) && state === stands,
    `${when} the answer is ${shown(said)}, expected "state":"${stands}"`,
  );
}

function mustBeStill(before: Sight | null, after: Sight | null, what: string): void {
  if (before === null || after === null || before.text === after.text) return;
  throw new Broken(`${what} had an effect: ${told(changeFrom(before, after))}`);
}

/** Only where one action changes something that can be counted is it seen how often it happened. */
function mustCount(
  expected: readonly Change[],
  before: Sight | null,
  after: Sight | null,
  what: string,
): void {
  if (before === null || after === null) return;
  const found = told(changeFrom(before, after));
  const allowed = expected.map(told);
  must(allowed.includes(found), `${what}: the probe says ${found}, expected ${allowed.join(' or ')}`);
}

export const PROMISES: readonly Promised[] = [
  {
    name: 'action',
    says: 'an action is performed, and answered with a JSON object',
    async play(bench) {
      const before = await bench.service.look();
      mustBeDone(await bench.service.saga().settled('action'), 'an action');
      const after = await bench.service.look();
      if (before === null || after === null) return;
      must(before.text !== after.text, 'the probe is the same before and after an action');
      bench.done = changeFrom(before, after);
    },
  },
  {
    name: 'repeat',
    says: 'a repeated action is answered the same, and happens once',
    async play({ service }) {
      const saga = service.saga();
      const first = await saga.settled('action');
      mustBeDone(first, 'an action');
      const before = await service.look();
      const again = await saga.settled('action');
      mustBeStill(before, await service.look(), 'the repeat of an action');
      must(isSame(first, again), `first ${shown(first)}, then ${shown(again)}`);
    },
  },
  {
    name: 'undo',
    says: 'a compensation undoes what was done',
    async play(bench) {
      const saga = bench.service.saga();
      mustBeDone(await saga.settled('action'), 'an action');
      const before = await bench.service.look();
      mustBeUndone(bench, await saga.settled('compensation'), 'its compensation');
      const after = await bench.service.look();
      if (before === null || after === null) return;
      must(before.text !== after.text, 'the probe is the same before and after a compensation');
      bench.undone = changeFrom(before, after);
    },
  },
  {
    name: 'undo twice',
    says: 'a repeated compensation succeeds, and happens once',
    async play(bench) {
      const saga = bench.service.saga();
      mustBeDone(await saga.settled('action'), 'an action');
      mustBeUndone(bench, await saga.settled('compensation'), 'its compensation');
      const before = await bench.service.look();
      mustBeUndone(bench, await saga.settled('compensation'), 'the repeat of a compensation');
      mustBeStill(before, await bench.service.look(), 'the repeat of a compensation');
      const late = await saga.settled('action');
      mustBeStill(before, await bench.service.look(), 'an action after its compensation');
      must(isRefused(late), `an action after its compensation was answered ${shown(late)}`);
    },
  },
  {
    name: 'compensation first',
    says: 'a compensation without an action succeeds, and does nothing',
    async play(bench) {
      const before = await bench.service.look();
      const saga = bench.service.saga();
      for (const what of ['a compensation without an action', 'its repeat'])
        mustBeUndone(bench, await saga.settled('compensation'), what);
      mustBeStill(before, await bench.service.look(), 'a compensation without an action');
    },
  },
  {
    name: 'late action',
    says: 'an action that its compensation has overtaken is refused',
    async play(bench) {
      const saga = bench.service.saga();
      mustBeUndone(bench, await saga.settled('compensation'), 'a compensation without an action');
      const before = await bench.service.look();
      const late = await saga.settled('action');
      mustBeStill(before, await bench.service.look(), 'the late action');
      must(isRefused(late), `the late action was answered ${shown(late)}`);
    },
  },
  {
    name: 'overlap',
    says: 'an action and its compensation at once leave nothing behind',
    async play(bench) {
      for (const kinds of [['action', 'compensation'] as const, ['compensation', 'action'] as const]) {
        const before = await bench.service.look();
        const saga = bench.service.saga();
        const said = await Promise.all(kinds.map((kind) => saga.call(kind)));
        const undo = said[kinds.indexOf('compensation')] as Said;
        // Once it has succeeded nobody compensates again, so what the action does later would stand for good.
        const settled = isNotNow(undo) ? await saga.settled('compensation') : undo;
        mustBeUndone(bench, settled, 'a compensation during its action');
        const late = await saga.settled('action');
        must(isRefused(late), `afterwards the action was answered ${shown(late)}`);
        const { done, undone } = bench;
        const nothing: Change = new Map();
        if (done !== null && undone !== null)
          mustCount([nothing, together(done, undone)], before, await bench.service.look(), 'both at once');
      }
    },
  },
  {
    name: 'duplicates',
    says: `${DUPLICATES} times the same action at once happen once`,
    async play({ service, done }) {
      const before = await service.look();
      const saga = service.saga();
      const said = await Promise.all(Array.from({ length: DUPLICATES }, () => saga.call('action')));
      const settled = await saga.settled('action');
      if (done !== null) mustCount([done], before, await service.look(), 'all of them together');
      mustBeDone(settled, 'the action, repeated');
      const odd = said.find((one) => !isNotNow(one) && !isSame(one, settled));
      must(odd === undefined, `one was answered ${odd && shown(odd)}, another ${shown(settled)}`);
    },
  },
  {
    name: 'undos at once',
    says: `${DUPLICATES} times the same compensation at once happen once`,
    async play(bench) {
      const saga = bench.service.saga();
      mustBeDone(await saga.settled('action'), 'an action');
      const before = await bench.service.look();
      const said = await Promise.all(Array.from({ length: DUPLICATES }, () => saga.call('compensation')));
      for (const one of [...said.filter((one) => !isNotNow(one)), await saga.settled('compensation')])
        mustBeUndone(bench, one, 'one of them');
      if (bench.undone !== null)
        mustCount([bench.undone], before, await bench.service.look(), 'all of them together');
    },
  },
  {
    name: 'refusal',
    says: 'a refused action is refused again, and there is nothing to undo',
    lacks: ({ options }) => (options.refused === undefined ? 'no body was given that is refused' : null),
    async play(bench) {
      const before = await bench.service.look();
      const saga = bench.service.saga(bench.service.options.refused);
      const first = await saga.settled('action');
      must(isRefused(first), `the action that is to be refused was answered ${shown(first)}`);
      const again = await saga.settled('action');
      must(isSame(first, again), `first ${shown(first)}, then ${shown(again)}`);
      mustBeUndone(bench, await saga.settled('compensation'), 'the compensation of a refused action');
      mustBeStill(before, await bench.service.look(), 'a refused action, with its compensation,');
    },
  },
  {
    name: 'another body',
    says: 'another body under the same key does not happen',
    async play({ service }) {
      const saga = service.saga();
      const first = await saga.settled('action');
      mustBeDone(first, 'an action');
      const before = await service.look();
      const other = await saga.settled('action', { verify: 'another body' });
      mustBeStill(before, await service.look(), 'another body under the same key');
      must(isRefused(other) || isSame(first, other), `first ${shown(first)}, then ${shown(other)}`);
    },
  },
  {
    name: 'lost answer',
    says: 'an action whose answer was lost happens once, and can be undone',
    lacks: ({ url }) =>
      url.protocol === 'http:' ? null : 'a connection is cut only where it is not encrypted',
    async play(bench) {
      const { service, done } = bench;
      const before = await service.look();
      const saga = service.saga();
      const proxy = await cuttingProxy(service.url);
      try {
        await saga.call('action', { origin: proxy.origin });
      } catch (error) {
        if (!(error instanceof UnansweredError)) throw error;
      } finally {
        await proxy.close();
      }
      mustBeDone(await saga.settled('action'), 'the repeat after a lost answer');
      if (done !== null) mustCount([done], before, await service.look(), 'the action and its repeat');
      mustBeUndone(bench, await saga.settled('compensation'), 'its compensation');
    },
  },
  {
    name: 'what stands',
    says: 'asked what stands, it tells what was done and what was undone, and does nothing',
    lacks: ({ options }) => (options.ask === undefined ? 'no path was given at which it tells' : null),
    async play(bench) {
      const { service } = bench;
      const { refused } = service.options;
      const [saga, overtaken] = [service.saga(), service.saga()];
      const before = await service.look();
      await mustStand(saga, 'unknown', 'before an action');
      mustBeStill(before, await service.look(), 'the question what stands');
      mustBeDone(await saga.settled('action'), 'an action');
      const done = await service.look();
      await mustStand(saga, 'done', 'after an action');
      mustBeStill(done, await service.look(), 'the question what stands');
      mustBeUndone(bench, await saga.settled('compensation'), 'its compensation');
      await mustStand(saga, 'undone', 'after its compensation');
      mustBeUndone(bench, await overtaken.settled('compensation'), 'a compensation without an action');
      await mustStand(overtaken, 'undone', 'after a compensation without an action');
      if (refused === undefined) return;
      const unwanted = service.saga(refused);
      await unwanted.settled('action');
      await mustStand(unwanted, 'undone', 'after a refused action');
    },
  },
  {
    name: 'undo answer',
    says: 'a compensation is answered with a JSON object or with no body',
    async play({ oddUndos: [odd] }) {
      must(odd === undefined, odd ?? '');
    },
  },
];
