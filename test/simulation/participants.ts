/**
 * Five participants with the ledger of docs/participants.md and books that show what stands. The ledger is a small
 * model of its own, so that a fault of the stub services' ledger cannot hide a fault of the coordinator.
 */
import type { Call, Kind } from '../../machines/index.ts';
import { answers } from '../machines/placed-order.ts';
import type { Timeline } from './timeline.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter?: string;
  readonly body: string;
}

/** What the participant itself does with a call, whatever the network does with it. */
export interface Mood {
  readonly serviceMs: number;
  /** Answered instead of asking the ledger: nothing happens, and no row is left behind. */
  readonly instead?: HttpAnswer;
  /** Answered after the ledger has done its work, in place of the true answer. */
  readonly garbled?: HttpAnswer;
  /** A business no to an action that is performed for the first time. */
  readonly refuses?: boolean;
}

/** The ledger's row of one saga and step, and with it what the books say. */
export interface Row {
  action: 'done' | 'refused' | null;
  compensated: boolean;
  /** How often the effect was brought about, and undone. */
  performed: number;
  undone: number;
}

interface Account extends Row {
  /** While a call is inside, the others wait here. */
  queue: (() => void)[] | null;
}

const NO: HttpAnswer = { status: 409, body: '{"type":"business-no"}' };
const BLOCKED: HttpAnswer = { status: 409, body: '{"type":"action-blocked"}' };
const UNDONE: HttpAnswer = { status: 200, body: '{}' };

export class SimulatedParticipants {
  readonly #accounts = new Map<string, Account>();
  readonly #timeline: Timeline;
  readonly #moodOf: (sagaId: string, call: Call) => Mood;
  readonly #broken: (what: string) => void;

  constructor(
    timeline: Timeline,
    moodOf: (sagaId: string, call: Call) => Mood,
    broken: (what: string) => void,
  ) {
    this.#timeline = timeline;
    this.#moodOf = moodOf;
    this.#broken = broken;
  }

  /** What the books of a step say of a saga. */
  row(sagaId: string, step: string): Row {
    return this.#account(sagaId, step);
  }

  stands(sagaId: string, step: string): boolean {
    const { performed, undone } = this.row(sagaId, step);
    return performed > undone;
  }

  async take(sagaId: string, call: Call): Promise<HttpAnswer> {
    const mood = this.#moodOf(sagaId, call);
    if (mood.instead !== undefined) {
      await this.#timeline.wait(mood.serviceMs);
      return mood.instead;
    }
    const account = this.#account(sagaId, call.step);
    await this.#enter(account);
    await this.#timeline.wait(mood.serviceMs);
    const answer = this.#settle(account, call.step, call.kind, mood);
    this.#check(account, `${sagaId} ${call.step}`);
    this.#leave(account);
    return mood.garbled ?? answer;
  }

  #settle(account: Account, step: string, kind: Kind, mood: Mood): HttpAnswer {
    return kind === 'action' ? this.#act(account, step, mood) : this.#compensate(account);
  }

  #act(account: Account, step: string, { refuses }: Mood): HttpAnswer {
    if (account.compensated) return BLOCKED;
    if (account.action === null) {
      account.action = refuses === true ? 'refused' : 'done';
      if (account.action === 'done') account.performed += 1;
    }
    return account.action === 'done' ? { status: 201, body: JSON.stringify(answers[step]) } : NO;
  }

  #compensate(account: Account): HttpAnswer {
    if (!account.compensated) {
      if (account.action === 'done') account.undone += 1;
      account.compensated = true;
    }
    return UNDONE;
  }

  #check({ performed, undone }: Account, title: string): void {
    if (performed > 1) this.#broken(`${title}: the effect was brought about ${performed} times`);
    if (undone > performed) this.#broken(`${title}: undone ${undone} times, performed ${performed} times`);
  }

  async #enter(account: Account): Promise<void> {
    if (account.queue === null) {
      account.queue = [];
      return;
    }
    const { queue } = account;
    await new Promise<void>((resolve) => queue.push(resolve));
  }

  #leave(account: Account): void {
    const next = account.queue?.shift();
    if (next === undefined) account.queue = null;
    else next();
  }

  #account(sagaId: string, step: string): Account {
    const key = `${sagaId} ${step}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { action: null, compensated: false, performed: 0, undone: 0, queue: null };
      this.#accounts.set(key, account);
    }
    return account;
  }
}
