/** How fast sagas may be started, and how many requests may wait, from the environment. Without these settings nothing is limited. */
import { z } from 'zod';
import { whole } from './numbers.ts';

export interface LimitSettings {
  /** Starts by one caller in the window; `null` for no limit. */
  readonly startsPerCallerMax: number | null;
  /** Starts of one machine in the window, by its id; `*` for those that are not named. One for which there is none has no limit. */
  readonly startsPerMachineMax: Readonly<Record<string, number>>;
  readonly startsWindowSeconds: number;
  /** Starts of one caller that are kept waiting; `null` for no bound but those of all together. */
  readonly waitsPerCallerMax: number | null;
  /** Streams of events of one caller, counted apart, so that watching takes nothing from orders; `null` likewise. */
  readonly watchersPerCallerMax: number | null;
}

/** What stands for all that are not named. */
export const OTHERS = '*';

const starts = whole(1, 1_000_000);
/** A number for each machine, or such as `trip=100` for one of them, separated by commas. */
const perMachine = z
  .string()
  .refine((list) => perMachineIn(list) !== null, 'must be a number, or such as 3000,trip=100');

/** `null` where it is none. */
function perMachineIn(list: string): ReadonlyMap<string, number> | null {
  const each = new Map<string, number>();
  for (const entry of list.split(',')) {
    const [, machine = OTHERS, digits = ''] = /^\s*(?:([^=\s]+)=)?(\d+)\s*$/.exec(entry) ?? [];
    const { data } = starts.safeParse(digits);
    if (data === undefined || each.has(machine)) return null;
    each.set(machine, data);
  }
  return each;
}

/** By their names; config.ts reads them with all others. */
export const LIMIT_VARIABLES = {
  STARTS_PER_CALLER_MAX: starts.optional(),
  STARTS_PER_MACHINE_MAX: perMachine.optional(),
  STARTS_WINDOW_SECONDS: whole(1, 24 * 3600).default(60),
  WAITS_PER_CALLER_MAX: whole(0, 1_000_000).optional(),
  WATCHERS_PER_CALLER_MAX: whole(0, 1_000_000).optional(),
};

type Values = z.infer<z.ZodObject<typeof LIMIT_VARIABLES>>;

/** What is wrong with the limits of machines: that one is named which is none. @param machines ids of all that may run here */
export function strangersIn(list: string | undefined, machines: readonly string[]): string | null {
  const named = (list && perMachineIn(list)?.keys()) || [];
  const strangers = [...named].filter((name) => name !== OTHERS && !machines.includes(name));
  if (strangers.length === 0) return null;
  return `no saga is called ${strangers.join(', ')}, only ${[...new Set(machines)].join(', ')}`;
}

export function limitsIn(values: Values): LimitSettings {
  return {
    startsPerCallerMax: values.STARTS_PER_CALLER_MAX ?? null,
    startsPerMachineMax: Object.freeze(
      Object.fromEntries(perMachineIn(values.STARTS_PER_MACHINE_MAX ?? '') ?? []),
    ),
    startsWindowSeconds: values.STARTS_WINDOW_SECONDS,
    waitsPerCallerMax: values.WAITS_PER_CALLER_MAX ?? null,
    watchersPerCallerMax: values.WATCHERS_PER_CALLER_MAX ?? values.WAITS_PER_CALLER_MAX ?? null,
  };
}
