/**
 * Participants with the ledger of docs/participants.md and books that show what stands. The ledger is a small
 * model of its own, so that a fault of the stub services' ledger cannot hide a fault of the coordinator.
 */
import type { Answer, Call, Kind } from '../../machines/index.ts';
import type { Reported } from '../../server/engine/contract.ts';
import type { Timeline } from './timeline.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly retryAfter?: string;
  readonly location?: string;
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
  /** An asynchronous action is taken now and performed so much later; `tells` has it call back then, else it can be asked for. */
  readonly later?: { readonly ms: number; readonly tells: boolean };
}

/** The ledger's row of one call of a saga, and with it what the books say. */
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
  /** Its action was taken, and is to be performed later. */
  isTaken: boolean;
}

const NO: HttpAnswer = { status: 409, body: '{"type":"business-no"}' };
const BLOCKED: HttpAnswer = { status: 409, body: '{"type":"action-blocked"}' };
const UNDONE: HttpAnswer = { status: 200, body: '{}' };

export class SimulatedParticipants {
  readonly #accounts = new Map<string, Account>();
  readonly #timeline: Timeline;
  readonly #answers: Readonly<Record<string, Answer>>;
  readonly #tell: (sagaId: string, reported: Reported) => void;
  readonly #broken: (what: string) => void;

  constructor(given: {
    readonly timeline: Timeline;
    readonly answers: Readonly<Record<string, Answer>>;
    readonly tell: (sagaId: string, reported: Reported) => void;
    readonly broken: (what: string) => void;
  }) {
    this.#timeline = given.timeline;
    this.#answers = given.answers;
    this.#tell = given.tell;
    this.#broken = given.broken;
  }

  /** What the books say of one call of a saga, by its address. */
  row(sagaId: string, address: string): Row {
    return this.#account(sagaId, address);
  }

  stands(sagaId: string, address: string): boolean {
    const { performed, undone } = this.row(sagaId, address);
    return performed > undone;
  }

  async take(sagaId: string, call: Call, mood: Mood): Promise<HttpAnswer> {
    if (mood.instead !== undefined) {
      await this.#timeline.wait(mood.serviceMs);
      return mood.instead;
    }
    const account = this.#account(sagaId, call.address);
    await this.#enter(account);
    await this.#timeline.wait(mood.serviceMs);
    const answer = call.isFetch
      ? this.#said(account, call)
      : this.#settle(account, sagaId, call, call.kind, mood);
    this.#check(account, `${sagaId} ${call.address}`);
    this.#leave(account);
    return mood.garbled ?? answer;
  }

  #settle(account: Account, sagaId: string, call: Call, kind: Kind, mood: Mood): HttpAnswer {
    return kind === 'action' ? this.#act(account, sagaId, call, mood) : this.#compensate(account);
  }

  #act(account: Account, sagaId: string, call: Call, mood: Mood): HttpAnswer {
    if (account.compensated) return BLOCKED;
    if (account.action === null && call.isAsynchronous && (account.isTaken || mood.later !== undefined))
      return this.#later(account, sagaId, call, mood);
    if (account.action === null) {
      account.action = mood.refuses === true ? 'refused' : 'done';
      if (account.action === 'done') account.performed += 1;
    }
    return this.#said(account, call);
  }

  #said({ action }: Account, { step }: Call): HttpAnswer {
    if (action === null) return { status: 202, body: '{}' };
    return action === 'done' ? { status: 201, body: JSON.stringify(this.#answers[step]) } : NO;
  }

  #later(account: Account, sagaId: string, call: Call, { later, refuses }: Mood): HttpAnswer {
    const { step, attempt } = call;
    if (!account.isTaken && later !== undefined) {
      account.isTaken = true;
      this.#timeline.after(later.ms, () => {
        account.action = refuses === true ? 'refused' : 'done';
        if (account.action === 'done') account.performed += 1;
        if (!later.tells) return;
        const answer = this.#answers[step] ?? {};
        this.#tell(
          sagaId,
          account.action === 'done'
            ? { step, attempt, outcome: 'done', answer }
            : { step, attempt, outcome: 'refused', error: 'no' },
        );
      });
    }
    return { status: 202, body: '{}', ...(later?.tells ? {} : { location: `/later/${step}` }) };
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

  #account(sagaId: string, address: string): Account {
    const key = `${sagaId} ${address}`;
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { action: null, compensated: false, performed: 0, undone: 0, queue: null, isTaken: false };
      this.#accounts.set(key, account);
    }
    return account;
  }
}
