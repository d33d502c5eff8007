/**
 * How fast sagas may be started, by one caller and of one machine, and how many requests of one caller may be kept waiting. Each
 * process counts for itself: nothing is asked of the store. Nothing but starts is counted, no probe, no call-back and no operator;
 * and what was begun before is joined whatever the limits say.
 */

import type { Context } from 'hono';
import { type LimitSettings, OTHERS } from '../limit-settings.ts';
import { Problem } from '../problem.ts';
import { Buckets, type Level } from './buckets.ts';
import { callerKey } from './caller-key.ts';
import type { Refusals, Why } from './refusals.ts';

/** As clients are told which of them is spent. */
type Policy = 'caller' | 'machine';

type WaitKind = 'start' | 'stream';

/** What the limits say of one start. */
export interface Admission {
  readonly isRefused: boolean;
  /** What clients are told of it, names with values; none where nothing is limited. */
  readonly fields: () => Readonly<Record<string, string>>;
  /** Nothing was started, so it does not count. */
  readonly giveBack: () => void;
  /** Of one that is refused: what its client is told. */
  readonly problem: () => Problem;
}

/** What one policy has for one start. */
interface Share {
  readonly policy: Policy;
  readonly buckets: Buckets;
  readonly key: string;
  level: Level;
}

/** A hundred bytes each, about. */
const CALLERS_MAX = 10_000;

export class Limits {
  readonly #refusals: Refusals;
  readonly #callers: Buckets | null;
  /** By machine; one that is not there has no limit. */
  readonly #machines: ReadonlyMap<string, Buckets>;
  readonly #waitsMax: Readonly<Record<WaitKind, number | null>>;
  /** Requests that are kept waiting, by kind and caller; one that has none is not there. */
  readonly #waiting: Readonly<Record<WaitKind, Map<string, number>>> = {
    start: new Map(),
    stream: new Map(),
  };
  readonly #now: () => number;

  /**
   * @param machines ids of all that are run here
   * @param now in milliseconds, on a clock that never goes back
   */
  constructor(settings: LimitSettings, machines: Iterable<string>, now: () => number, refusals: Refusals) {
    const { startsPerCallerMax, startsPerMachineMax, startsWindowSeconds } = settings;
    const windowMs = startsWindowSeconds * 1000;
    this.#callers =
      startsPerCallerMax === null ? null : new Buckets({ count: startsPerCallerMax, windowMs }, CALLERS_MAX);
    this.#machines = new Map(
      [...machines].flatMap((machine) => {
        const count = startsPerMachineMax[machine] ?? startsPerMachineMax[OTHERS];
        return count === undefined ? [] : [[machine, new Buckets({ count, windowMs }, 1)] as const];
      }),
    );
    this.#waitsMax = { start: settings.waitsPerCallerMax, stream: settings.watchersPerCallerMax };
    this.#now = now;
    this.#refusals = refusals;
  }

  /** Whether a saga may be started: it counts as soon as this was asked. */
  admit(c: Context, machine: string): Admission {
    const ofMachine = this.#machines.get(machine);
    if (this.#callers === null && ofMachine === undefined) return UNLIMITED;
    const shares: Share[] = [];
    const now = this.#now();
    const take = (policy: Policy, buckets: Buckets, key: string) =>
      shares.push({ policy, buckets, key, level: buckets.take(key, now) });
    if (this.#callers !== null) take('caller', this.#callers, callerKey(c));
    if (ofMachine !== undefined) take('machine', ofMachine, machine);
    const spent = shares.filter(({ level }) => !level.isTaken);
    const giveBack = () => {
      for (const share of shares) {
        if (share.level.isTaken) share.level = share.buckets.giveBack(share.key, this.#now());
      }
    };
    // What one of them has let through counts for none of them.
    if (spent.length > 0) giveBack();
    return {
      isRefused: spent.length > 0,
      fields: () => fieldsOf(shares),
      giveBack,
      problem: () => {
        for (const { policy } of spent) this.#refusals.start(policy, machine, callerKey(c));
        return problemOf(spent, fieldsOf(shares));
      },
    };
  }

  /** Tells of a start that the engine has refused. */
  refused(c: Context, machine: string, why: Why): void {
    this.#refusals.start(why, machine, callerKey(c));
  }

  /** Keeps a request waiting; whoever was let in must leave, once. `null` where as many of its caller wait as may. */
  wait(c: Context, kind: WaitKind): (() => void) | null {
    const most = this.#waitsMax[kind];
    if (most === null) return NOTHING;
    const key = callerKey(c);
    const waiting = this.#waiting[kind];
    const before = waiting.get(key) ?? 0;
    if (before >= most) {
      this.#refusals.wait(kind, key);
      return null;
    }
    waiting.set(key, before + 1);
    let isIn = true;
    return () => {
      const now = waiting.get(key) ?? 0;
      if (isIn && now > 1) waiting.set(key, now - 1);
      else if (isIn) waiting.delete(key);
      isIn = false;
    };
  }
}

const NOTHING = () => {};

const UNLIMITED: Admission = {
  isRefused: false,
  fields: () => ({}),
  giveBack: NOTHING,
  problem: () => {
    throw new Error('nothing is limited, so nothing is refused');
  },
};

/** As in draft-ietf-httpapi-ratelimit-headers-10. */
function fieldsOf(shares: readonly Share[]): Readonly<Record<string, string>> {
  const list = (item: (share: Share) => string) => shares.map(item).join(', ');
  return {
    'ratelimit-policy': list(
      ({ policy, buckets: { quota } }) => `"${policy}";q=${quota.count};w=${quota.windowMs / 1000}`,
    ),
    ratelimit: list(({ policy, level }) => `"${policy}";r=${level.left};t=${secondsOf(level)}`),
  };
}

function problemOf(spent: readonly Share[], fields: Readonly<Record<string, string>>): Problem {
  const said = spent.map(({ policy, buckets: { quota } }) => {
    const whose = policy === 'caller' ? 'by one caller' : 'of this machine';
    return `${quota.count} starts in ${quota.windowMs / 1000} s ${whose}`;
  });
  return new Problem(
    'rate-limited',
    `at most ${said.join(', and ')}; nothing was stored`,
    { violated_policies: spent.map(({ policy }) => policy) },
    { 'retry-after': String(Math.max(1, ...spent.map(({ level }) => secondsOf(level)))), ...fields },
  );
}

/** Until there is one more. */
function secondsOf({ nextInMs }: Level): number {
  return Math.ceil(nextInMs / 1000);
}
