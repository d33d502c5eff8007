/**
 * The ledger makes a participant safe to call more than once. It keeps one account per saga and step and lets
 * the calls for one account in one at a time, so an action, its duplicate and its compensation never overlap.
 *
 *   action         first time: performed, and a definitive answer is kept; again: replayed;
 *                  after the compensation: refused for good, for an overtaken action must never take effect
 *   compensation   first time: undoes what the account says was done, perhaps nothing; again: replayed
 *
 * Only definitive answers are kept: a 5xx or a "not now" leaves the account open for the retry. A real service
 * keeps the account in the same database transaction as the effect; here both live in one process's memory.
 */
import { Book } from './book.ts';
import type { Call, CallOutcome, Journal } from './journal.ts';
import { type Answer, isDefinitive, problem } from './wire.ts';

/** What came of performing an action; `effect` is what its compensation will need, null where nothing was done. */
export interface Performed<Effect> {
  readonly answer: Answer;
  readonly effect: Effect | null;
}

export interface Settled {
  readonly outcome: CallOutcome;
  readonly answer: Answer;
}

interface Account<Effect> {
  /** Settles when the last call that was let in has left. */
  turn: Promise<unknown>;
  /** Calls inside or waiting; an account in use is never forgotten. */
  present: number;
  action: Performed<Effect> | null;
  compensation: Answer | null;
}

export interface LedgerLimits {
  readonly accountsMax?: number;
  /** Calls for one account, the running one included; one more is told to come back. */
  readonly presentMax?: number;
}

const BLOCKED = problem(
  409,
  'action-blocked',
  'Action blocked',
  'This step has been compensated already; its action will never be performed.',
);

const BUSY = problem(
  503,
  'step-busy',
  'Step busy',
  'Too many calls for this step are waiting; repeat the call later.',
  {},
  { 'retry-after': '1' },
);

const NOTHING_TO_UNDO = {
  status: 'nothing-to-undo',
  detail: 'This step did nothing here, and its action is blocked from now on.',
};

export class Ledger<Effect> {
  readonly #journal: Journal;
  readonly #accounts: Book<Account<Effect>>;
  readonly #presentMax: number;
  #waiting = 0;

  constructor(journal: Journal, { accountsMax = 100_000, presentMax = 32 }: LedgerLimits = {}) {
    this.#journal = journal;
    this.#accounts = new Book({ entriesMax: accountsMax, mayForget: ({ present }) => present === 0 });
    this.#presentMax = presentMax;
  }

  /** Calls that wait for another call of their step. */
  get waiting(): number {
    return this.#waiting;
  }

  action(call: Call, perform: () => Promise<Performed<Effect>>): Promise<Settled> {
    return this.#inTurn(call, async (account) => {
      if (account.compensation !== null) return { outcome: 'blocked', answer: BLOCKED };
      if (account.action !== null) return { outcome: 'replayed', answer: account.action.answer };
      const performed = await perform();
      const { answer, effect } = performed;
      if (!isDefinitive(answer)) return { outcome: 'failed', answer };
      account.action = performed;
      return { outcome: effect === null ? 'refused' : 'performed', answer };
    });
  }

  /** `undo` is handed the account's effect and nothing else, so no body can make it undo what was not done. */
  compensation(call: Call, undo: (effect: Effect) => Promise<object>): Promise<Settled> {
    return this.#inTurn(call, async (account) => {
      if (account.compensation !== null) return { outcome: 'replayed', answer: account.compensation };
      const effect = account.action?.effect ?? null;
      const body = effect === null ? NOTHING_TO_UNDO : await undo(effect);
      account.compensation = { status: 200, body };
      return { outcome: effect === null ? 'nothing-to-undo' : 'performed', answer: account.compensation };
    });
  }

  async #inTurn(call: Call, settle: (account: Account<Effect>) => Promise<Settled>): Promise<Settled> {
    const account = this.#account(call);
    if (account.present >= this.#presentMax) {
      this.#journal.append(call, 'failed', BUSY.status);
      return { outcome: 'failed', answer: BUSY };
    }
    account.present += 1;
    this.#waiting += 1;
    const turn = account.turn.then(async () => {
      this.#waiting -= 1;
      try {
        const settled = await settle(account);
        this.#journal.append(call, settled.outcome, settled.answer.status);
        return settled;
      } catch (bug) {
        this.#journal.append(call, 'failed', 500);
        throw bug;
      } finally {
        account.present -= 1;
      }
    });
    account.turn = turn.catch(() => undefined);
    return turn;
  }

  #account({ sagaId, step }: Call): Account<Effect> {
    // A header cannot contain a line break, so no two pairs share a key.
    const key = `${sagaId}\n${step}`;
    return (
      this.#accounts.get(key) ??
      this.#accounts.put(key, { turn: Promise.resolve(), present: 0, action: null, compensation: null })
    );
  }
}
