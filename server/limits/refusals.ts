/** Tells of what was refused: each one in a counter, and in the log once in a while, since a flood of refusals is no flood of news. */
import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import type { StartResult } from '../engine/contract.ts';

/** Why a start was refused: by a limit, or by the engine. */
export type Why = 'caller' | 'machine' | Extract<StartResult, { kind: 'refused' }>['why'];

/** Those of which the log tells here: what drains, or has no store, says so itself. */
const TOLD: readonly Why[] = ['caller', 'machine', 'overloaded', 'store-full'];
const WHYS: readonly Why[] = [...TOLD, 'draining', 'store-unavailable'];
const KINDS = ['start', 'stream'] as const;

/** How often the log tells of one kind of refusal. */
const TELL_EVERY_MS = 60_000;

export class Refusals {
  readonly #starts: Counter;
  readonly #waits: Counter;
  readonly #logger: Logger;
  readonly #now: () => number;
  /** When the log told of it last, and how many there were since. */
  readonly #told = new Map<string, { atMs: number; since: number }>();

  /** @param machines ids of all that are run here */
  constructor(registry: Registry, logger: Logger, machines: Iterable<string>, now: () => number) {
    this.#starts = new Counter({
      name: 'saga_starts_refused_total',
      help: 'Starts that were refused, by machine and why (caller, machine: a limit; overloaded, store-full, draining, store-unavailable).',
      labelNames: ['machine', 'why'],
      registers: [registry],
    });
    this.#waits = new Counter({
      name: 'saga_waits_refused_total',
      help: 'Requests that were not kept waiting because as many of their caller were, by kind (start, stream).',
      labelNames: ['kind'],
      registers: [registry],
    });
    for (const machine of machines) for (const why of WHYS) this.#starts.inc({ machine, why }, 0);
    for (const kind of KINDS) this.#waits.inc({ kind }, 0);
    this.#logger = logger;
    this.#now = now;
  }

  start(why: Why, machine: string, caller: string): void {
    this.#starts.inc({ machine, why });
    if (TOLD.includes(why)) this.#tell(`start ${why}`, { why, machine, caller }, 'starts are refused');
  }

  wait(kind: (typeof KINDS)[number], caller: string): void {
    this.#waits.inc({ kind });
    this.#tell(`wait ${kind}`, { kind, caller }, 'requests of a caller are not kept waiting');
  }

  /** @param refused an example: the one of many that was refused just now */
  #tell(what: string, refused: object, message: string): void {
    const now = this.#now();
    const told = this.#told.get(what);
    if (told !== undefined && now - told.atMs < TELL_EVERY_MS) {
      told.since += 1;
      return;
    }
    this.#told.set(what, { atMs: now, since: 0 });
    this.#logger.warn({ ...refused, not_told: told?.since ?? 0 }, message);
  }
}
