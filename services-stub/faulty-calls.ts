/** The calls of one service from the wire to its ledger and back. The faults stand in between, as a network would. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import type { Answer, MemoryLedger, Work } from '../participant/index.ts';
import { callOf, type Settled, settle } from './calls.ts';
import { Faults, faultRules, type Misfortune, type Paths } from './faults.ts';
import type { Call, CallKind, Journal } from './journal.ts';
import type { Means } from './means.ts';
import type { Env, Handler, Routes } from './routes.ts';
import { invalid, isDefinitive, problem, readJson, toResponse } from './wire.ts';

/** @param linger waited for before the effect, where a fault makes that slow */
type WorkOf = (linger: () => Promise<void>) => Work<undefined>;

interface Parts {
  /** Those of the service's calls. */
  readonly paths: Paths;
  readonly ledger: MemoryLedger;
  readonly journal: Journal;
  readonly means: Pick<Means, 'clock' | 'faultsOn'>;
}

export class FaultyCalls {
  readonly faults = new Faults();
  readonly #in: Parts;

  constructor(parts: Parts) {
    this.#in = parts;
  }

  /** @param answered what is said once the ledger has settled a call; its answer, unless given */
  answering(
    kind: CallKind,
    path: string,
    work: WorkOf,
    answered: (c: Context<Env>, settled: Settled) => Response = (_, { response }) => response,
  ): Handler {
    const { ledger, journal, means } = this.#in;
    return async (c) => {
      const misfortune = this.faults.draw(kind, path, c.req.header('Saga-Id') ?? '');
      const { struckBy, delayMs, effectDelayMs, ending, lifted, loseAnswer } = misfortune;
      const call = callOf(c, kind, struckBy);
      if (delayMs > 0) await means.clock.sleep(delayMs, lifted);
      if (ending !== null) return this.#endEarly(c, call, misfortune);
      const linger = async () => {
        if (effectDelayMs > 0) await means.clock.sleep(effectDelayMs, lifted);
      };
      const settled = await settle(c, call, ledger, journal, work(linger));
      return loseAnswer ? dropConnection(c) : answered(c, settled);
    };
  }

  /** Where rules are read, set and cleared; none where faults are off. */
  routes(): Routes {
    const { faults } = this;
    const { paths, means } = this.#in;
    if (!means.faultsOn) return [];
    const rules = faultRules(paths);
    const describe: Handler = (c) => c.json({ rules: faults.describe() });
    const set: Handler = async (c) => {
      const body = await readJson(c);
      if ('refusal' in body) return toResponse(body.refusal);
      const given = rules.safeParse(body.value);
      if (!given.success) return toResponse(invalid(given.error));
      faults.set(given.data);
      return describe(c);
    };
    const clear: Handler = (c) => {
      faults.clear();
      return c.body(null, 204);
    };
    return [['/faults', { GET: describe, PUT: set, DELETE: clear }]];
  }

  async #endEarly(c: Context<Env>, call: Call, { ending, lifted }: Misfortune): Promise<Response> {
    const { journal } = this.#in;
    if (ending?.kind === 'status') {
      const answer = injectedAnswer(ending.status, ending.retryAfter);
      const isRefused = ending.status >= 400 && isDefinitive(answer);
      journal.append(call, isRefused ? 'refused' : 'failed', ending.status);
      return toResponse(answer);
    }
    journal.append(call, 'failed', null);
    if (ending?.kind === 'drop-connection') return dropConnection(c);
    await eitherAborts(lifted, c.req.raw.signal);
    return toResponse(
      problem(503, 'fault-lifted', 'Fault lifted', 'A fault held this call; it had no effect.'),
    );
  }
}

function injectedAnswer(status: number, retryAfter: number | null): Answer {
  const headers: Record<string, string> = retryAfter === null ? {} : { 'retry-after': String(retryAfter) };
  return problem(status, 'fault-injected', 'Fault injected', 'A fault rule answered this call.', {}, headers);
}

function dropConnection(c: Context<Env>): Response {
  c.env.incoming.socket.destroy();
  return RESPONSE_ALREADY_SENT;
}

function eitherAborts(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    }
  });
}
