/** Faults as data: rules that make a participant slow, refusing, silent or gone. They exist only when switched on. */
import { setMaxListeners } from 'node:events';
import { z } from 'zod';
import type { CallKind } from './journal.ts';

const RULES_MAX = 100;
const LATENCY_MS_MAX = 600_000;

/** These end the call before it reaches the ledger; the others let it go on. */
const ENDINGS = ['status', 'hang', 'drop-connection'] as const;
const KINDS = [...ENDINGS, 'latency', 'slow-effect', 'lose-answer'] as const;
const NEEDS_LATENCY = new Set<string>(['latency', 'slow-effect']);

export type Paths = Readonly<Record<CallKind, readonly string[]>>;

/** @param paths a rule may name its endpoint by one of them as well as by kind; where a kind has one alone, that is its kind */
export function faultRules(paths: Paths) {
  const kinds = ['action', 'compensation'] as const;
  const kindOf = (path: string) => kinds.find((kind) => paths[kind].length === 1 && paths[kind][0] === path);
  const rule = z
    .strictObject({
      endpoint: z
        .enum([...kinds, ...paths.action, ...paths.compensation])
        .transform((named): string => kindOf(named) ?? named),
      kind: z.enum(KINDS),
      latency_ms: z.int().min(0).max(LATENCY_MS_MAX).optional(),
      status: z.int().min(200).max(599).optional(),
      retry_after: z.int().min(0).optional(),
      times: z.int().min(1).optional(),
      probability: z.number().min(0).max(1).optional(),
      seed: z.int().optional(),
      saga_id: z.string().min(1).optional(),
    })
    .refine((given) => !NEEDS_LATENCY.has(given.kind) || given.latency_ms !== undefined, {
      path: ['latency_ms'],
      message: 'This kind of fault needs latency_ms.',
    })
    .refine((given) => given.kind !== 'status' || given.status !== undefined, {
      path: ['status'],
      message: 'This kind of fault needs a status.',
    });
  return z.union([z.array(rule).max(RULES_MAX), rule.transform((one) => [one])]);
}

export type FaultRule = z.output<ReturnType<typeof faultRules>>[number];

type Ending =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter: number | null }
  | { readonly kind: 'hang' }
  | { readonly kind: 'drop-connection' };

/** What the standing rules do to one call. */
export interface Misfortune {
  readonly struckBy: readonly string[];
  readonly delayMs: number;
  /** Waited inside the ledger, so that duplicates and the compensation meet a running action. */
  readonly effectDelayMs: number;
  readonly ending: Ending | null;
  readonly loseAnswer: boolean;
  /** Aborts when the faults are cleared: delays end and hung calls are let go. */
  readonly lifted: AbortSignal;
}

interface Standing {
  readonly rule: FaultRule;
  readonly random: () => number;
  hits: number;
}

/** As many calls as there are may wait for it; Node takes more than ten for a leak. */
function liftable(): AbortController {
  const lifted = new AbortController();
  setMaxListeners(0, lifted.signal);
  return lifted;
}

export class Faults {
  #standing: readonly Standing[] = [];
  #lifted = liftable();

  set(rules: readonly FaultRule[]): void {
    this.#standing = rules.map((rule) => ({ rule, random: seeded(rule.seed ?? 1), hits: 0 }));
  }

  clear(): void {
    this.#standing = [];
    this.#lifted.abort();
    this.#lifted = liftable();
  }

  describe(): (FaultRule & { hits: number })[] {
    return this.#standing.map(({ rule, hits }) => ({ ...rule, hits }));
  }

  /** Rules strike in their order; one that ends the call leaves those after it for later calls. */
  draw(kind: CallKind, path: string, sagaId: string): Misfortune {
    const struckBy: string[] = [];
    let delayMs = 0;
    let effectDelayMs = 0;
    let loseAnswer = false;
    let ending: Ending | null = null;
    for (const standing of this.#standing) {
      if (!strikes(standing, [kind, path], sagaId)) continue;
      const { rule } = standing;
      standing.hits += 1;
      struckBy.push(rule.kind);
      if (rule.kind === 'latency') delayMs += rule.latency_ms ?? 0;
      else if (rule.kind === 'slow-effect') effectDelayMs += rule.latency_ms ?? 0;
      else if (rule.kind === 'lose-answer') loseAnswer = true;
      else {
        ending = endingOf(rule.kind, rule);
        break;
      }
    }
    return { struckBy, delayMs, effectDelayMs, loseAnswer, ending, lifted: this.#lifted.signal };
  }
}

function strikes({ rule, random, hits }: Standing, endpoints: readonly string[], sagaId: string): boolean {
  if (!endpoints.includes(rule.endpoint)) return false;
  if (rule.saga_id !== undefined && rule.saga_id !== sagaId) return false;
  if (rule.times !== undefined && hits >= rule.times) return false;
  return rule.probability === undefined || random() < rule.probability;
}

function endingOf(kind: (typeof ENDINGS)[number], { status, retry_after }: FaultRule): Ending {
  return kind === 'status' ? { kind, status: status ?? 503, retryAfter: retry_after ?? null } : { kind };
}

/** Mulberry32: small, and the same numbers for the same seed on every machine. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
