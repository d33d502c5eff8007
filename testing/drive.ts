/**
 * Drives one saga to its end as a coordinator would, purely: each transition is kept as the text that a store would hold, and the
 * next is made from that text. Time is a number, participants keep a ledger, and a kill loses all but the text.
 */
import { stringify } from '../json/exact.ts';
import type { Expectation } from '../machines/activities.ts';
import { type Activity, activitiesIn, type CallActivity } from '../machines/asks.ts';
import type { Answer, Call, RegisteredMachine, SagaEvent, SagaSnapshot } from '../machines/index.ts';
import type { Reply } from './replies.ts';

/** How whoever drives a saga decides what happens next: a script says it, or an exploration tries one after the other. */
export interface Choices {
  /** What a back-off is drawn by, from 0 to 1. */
  readonly random: number;
  /** What an action answers where nothing else is said. */
  answer(step: string): Answer;
  /**
   * What a participant does with a call of which it keeps nothing yet.
   * @param tried how often it was asked before
   */
  reply(call: Call, tried: number): Reply;
  /** What an asynchronous participant tells later of a call that it accepted; `null` for nothing. */
  told(call: Call): Reply | null;
  /** The data of an event that is waited for; `null` where it does not come in time. */
  event(name: string): Answer | null;
  /** Which of several calls in flight is answered first. */
  first(titles: readonly string[]): number;
  /** Whether the coordinator is killed now, with these calls in flight, and another carries on. */
  isKilled(titles: readonly string[]): boolean;
  /** Whether an operator cancels the saga now. */
  isCancelled(): boolean;
}

/** How a saga ended, and what was done on the way. */
export interface End {
  /** `COMPLETED`: all was done. `FAILED`: what was done was undone. `ABORTED`: it is parked, with what is held. */
  readonly status: 'COMPLETED' | 'FAILED' | 'ABORTED';
  /** Why it was undone or parked; `null` where it was not. */
  readonly error: string | null;
  readonly data: Readonly<Record<string, unknown>>;
  /** Each call as it was made, in order: `flight`, `undo flight`, an item as `insurance/ada`. */
  readonly calls: readonly string[];
  /** Steps and items whose effect happened, in order. */
  readonly did: readonly string[];
  /** Those of them that were not undone. */
  readonly stands: readonly string[];
  /** What the saga says that it holds, where it is parked. */
  readonly held: readonly { readonly step: string; readonly reason: string }[];
  /** Why it is parked, as an operator is told: `step-refused` behind the pivot, else `compensation-incomplete`. */
  readonly parked: string | null;
  /** What happened, line by line. */
  readonly log: readonly string[];
  /** How long it took, in milliseconds of its own time. */
  readonly tookMs: number;
}

/** The saga does what no saga may, whatever its business is. */
export class SagaFault extends Error {
  override readonly name = 'SagaFault';
}

/** Between two moments of a test: nothing depends on the date. */
const BEGAN_AT = Date.UTC(2026, 0, 1);
/** So many transitions no saga makes that ends. */
const TRANSITIONS_MAX = 10_000;

export class Drive {
  readonly log: string[] = [];
  readonly #machine: RegisteredMachine;
  readonly #choices: Choices;
  readonly #ledgers: Ledgers;
  readonly #calls: string[] = [];
  #snapshot: SagaSnapshot;
  /** The same as a store would hold it: all that is left when a coordinator is killed. */
  #text: string;
  #now = BEGAN_AT;
  /** What participants have said and the saga has not yet heard, by the name of the call. */
  readonly #inFlight = new Map<string, { readonly one: CallActivity; readonly reply: Reply }>();
  /** Calls that a coordinator had under way that was killed. */
  readonly #inherited = new Set<string>();
  /** Of asynchronous calls that were accepted, what is told of them, by step; `null` once it is clear that nothing is. */
  readonly #accepted = new Map<string, Call>();

  constructor(machine: RegisteredMachine, input: Answer, choices: Choices) {
    this.#machine = machine;
    this.#choices = choices;
    this.#ledgers = new Ledgers((call) => (call.kind === 'action' ? choices.answer(call.step) : {}));
    this.#snapshot = machine.begin({ data: input, at: this.#now });
    this.#text = machine.persist(this.#snapshot);
  }

  /** @throws SagaFault, DefinitionError */
  end(): End {
    for (let count = 0; count < TRANSITIONS_MAX; count += 1) {
      const snapshot = this.#snapshot;
      const asks = this.#machine.asks(snapshot);
      if (asks.kind === 'nothing') return this.#ended(snapshot, asks.succeeded ? 'COMPLETED' : 'FAILED');
      if (asks.kind === 'operator') return this.#ended(snapshot, 'ABORTED');
      this.#take(snapshot, this.#next(snapshot, activitiesIn(asks)));
    }
    throw new SagaFault(`it does not end: ${TRANSITIONS_MAX} transitions were made`);
  }

  /** All on which the rest depends: two ways that lead to the same go on alike. */
  get place(): string {
    const inFlight = [...this.#inFlight].map(([name, { reply }]) => [name, reply]);
    return stringify([
      this.#text,
      this.#now,
      inFlight,
      [...this.#inherited],
      [...this.#decided],
      this.#ledgers.kept,
    ]);
  }

  /** What happens next: calls that are announced are made, then one of all that is awaited comes. */
  #next(snapshot: SagaSnapshot, activities: readonly Activity[]): SagaEvent {
    const { deadlineMs } = this.#machine;
    const { failure, cancelled } = snapshot.context;
    const mayStop = failure === null && cancelled === undefined;
    if (deadlineMs !== null && this.#now >= BEGAN_AT + deadlineMs && mayStop)
      return this.#says('its deadline passes', { type: 'deadline', at: this.#now });
    if (mayStop && this.#machine.accepts(snapshot, this.#cancel) && this.#choices.isCancelled())
      return this.#says('an operator cancels it', this.#cancel);
    const calls = activities.filter((one) => one.kind === 'call');
    for (const one of calls) if (!this.#inFlight.has(one.name)) this.#make(one);
    if (calls.length > 0) {
      const titles = calls.map(({ call }) => titleOf(call));
      // Nobody is killed twice in one place: the second would find what the first one did.
      const isCarriedOn = calls.some(({ name }) => this.#inherited.has(name));
      if (!isCarriedOn && this.#choices.isKilled(titles)) this.#kill(titles);
      const at = calls.length === 1 ? 0 : this.#choices.first(titles);
      return this.#heard(calls[at] ?? (calls[0] as CallActivity));
    }
    return this.#outside(activities) ?? this.#timeOf(activities);
  }

  get #cancel(): SagaEvent {
    return { type: 'cancel', at: this.#now, reason: 'an operator' };
  }

  #make(one: CallActivity): void {
    const { call } = one;
    const title = titleOf(call);
    this.#calls.push(title);
    const hole = holeIn(call.body);
    if (hole !== null)
      throw new SagaFault(`${title} reads what is not there: ${hole} of its request is undefined`);
    const reply = this.#ledgers.serve(call, (tried) =>
      call.isFetch || this.#accepted.has(call.step)
        ? (this.#told(call) ?? { kind: 'accepted' })
        : this.#choices.reply(call, tried),
    );
    if (reply.kind === 'accepted') this.#accepted.set(call.step, call);
    this.#inFlight.set(one.name, { one, reply });
  }

  /** What was in flight is lost with the coordinator; participants have it in their ledgers. */
  #kill(titles: readonly string[]): void {
    this.log.push(`the coordinator is killed during ${titles.join(', ')}`);
    for (const name of this.#inFlight.keys()) this.#inherited.add(name);
    this.#inFlight.clear();
    this.#snapshot = this.#machine.restore(this.#text);
    for (const one of activitiesIn(this.#machine.asks(this.#snapshot)))
      if (one.kind === 'call') this.#make(one);
  }

  #heard({ name, to, call }: CallActivity): SagaEvent {
    const found = this.#inFlight.get(name);
    if (found === undefined) throw new Error(`${name} is not in flight`);
    this.#inFlight.delete(name);
    const { reply } = found;
    const title = titleOf(call);
    const address = to === undefined ? {} : { to };
    const at = this.#now;
    // As a coordinator does: what nothing undoes may have been done by the one that was killed.
    const isPerhapsDone = this.#inherited.delete(name) && !call.isUndoable;
    switch (reply.kind) {
      case 'done': {
        const answer = reply.answer ?? {};
        const fault = call.faultIn(answer);
        if (fault !== null)
          throw new RangeError(
            `the answer that the test gives of ${title} is not as the step wants it: ${fault}`,
          );
        return this.#says(`${title} is done`, { type: 'done', at, answer, ...address });
      }
      case 'refused':
        return this.#says(`${title} is refused: ${reply.error}`, {
          type: 'refused',
          at,
          error: reply.error,
          ...address,
        });
      case 'accepted': {
        const pollAfterMs = this.#machine.pollAfterMs(call.step);
        return this.#says(`${title} is accepted`, {
          type: 'accepted',
          at,
          location: null,
          pollAfterMs,
          ...address,
        });
      }
      default: {
        const type = reply.kind === 'busy' && !isPerhapsDone ? 'retryable' : 'unknown';
        const failed = {
          type,
          at,
          error: SAID[reply.kind],
          random: this.#choices.random,
          retryAfterMs: null,
        } as const;
        return this.#says(`${title} fails: ${SAID[reply.kind]}`, { ...failed, ...address });
      }
    }
  }

  /** What comes from outside, of what is waited for: events, and the outcomes of calls that were accepted. */
  #outside(activities: readonly Activity[]): SagaEvent | null {
    for (const one of activities) {
      if (one.kind !== 'expect') continue;
      const event = one.event === null ? this.#reported(one) : this.#sent(one, one.event);
      if (event !== null) return event;
    }
    return null;
  }

  #sent(one: Expectation, name: string): SagaEvent | null {
    if (this.#decided.has(one.name)) return null;
    this.#decided.add(one.name);
    const data = this.#choices.event(name);
    if (data === null) return null;
    return this.#says(`${name} comes`, { type: 'event', at: this.#now, id: name, name, data });
  }

  /** Waits of which it was decided that nothing comes. */
  readonly #decided = new Set<string>();

  #reported({ step = '', to }: Expectation): SagaEvent | null {
    const call = this.#accepted.get(step);
    if (call === undefined) return null;
    const told = this.#told(call);
    const address = to === undefined ? {} : { to };
    const at = this.#now;
    if (told?.kind === 'done')
      return this.#says(`${titleOf(call)} is reported done`, {
        type: 'done',
        at,
        answer: told.answer ?? {},
        ...address,
      });
    if (told?.kind === 'refused')
      return this.#says(`${titleOf(call)} is reported refused: ${told.error}`, {
        type: 'refused',
        at,
        error: told.error,
        ...address,
      });
    return null;
  }

  /** What an asynchronous participant tells of a call: decided once. */
  #told(call: Call): Reply | null {
    const kept = this.#ledgers.told.get(call.step);
    if (kept !== undefined) return kept;
    const said = this.#choices.told(call);
    const told =
      said?.kind === 'done' ? { ...said, answer: said.answer ?? this.#choices.answer(call.step) } : said;
    this.#ledgers.told.set(call.step, told);
    if (told?.kind === 'done') this.#ledgers.note(call);
    return told;
  }

  #timeOf(activities: readonly Activity[]): SagaEvent {
    const waits = activities.filter((one) => one.kind !== 'call');
    const [next] = waits.toSorted((a, b) => a.until - b.until);
    if (next === undefined) throw new SagaFault('it waits for nothing, and has not ended');
    if (next.until > this.#now) {
      this.log.push(`${spanOf(next.until - this.#now)} pass`);
      this.#now = next.until;
    }
    return { type: 'due', at: this.#now, ...(next.to === undefined ? {} : { to: next.to }) };
  }

  #take(snapshot: SagaSnapshot, event: SagaEvent): void {
    this.#snapshot = this.#machine.next(snapshot, event);
    this.#text = this.#machine.persist(this.#snapshot);
  }

  #says(line: string, event: SagaEvent): SagaEvent {
    this.log.push(line);
    return event;
  }

  #ended(snapshot: SagaSnapshot, status: End['status']): End {
    const { context } = snapshot;
    const reason = status === 'ABORTED' ? this.#machine.parked(context).reason : null;
    const { failure, stuck } = context;
    const held = stuck !== undefined && failure === null ? [stuck] : context.held;
    const { did, undone } = this.#ledgers;
    return {
      status,
      error: (failure ?? stuck)?.reason ?? null,
      data: context.data,
      calls: this.#calls,
      did: [...did],
      stands: [...did].filter((name) => !undone.has(name)),
      held: status === 'ABORTED' ? held : [],
      parked: reason,
      log: this.log,
      tookMs: this.#now - BEGAN_AT,
    };
  }
}

const SAID = {
  busy: '503, busy',
  lost: 'the answer was lost',
  unreached: 'the connection broke',
} as const;

/** As participants keep them: what was done or refused under a key is said again, and a call with other content is a fault. */
class Ledgers {
  readonly #entries = new Map<string, { readonly body: string; reply: Reply | null; tried: number }>();
  /** Steps and items whose effect happened. */
  readonly did = new Set<string>();
  readonly undone = new Set<string>();
  readonly told = new Map<string, Reply | null>();
  readonly #answerOf: (call: Call) => Answer;

  constructor(answerOf: (call: Call) => Answer) {
    this.#answerOf = answerOf;
  }

  serve(call: Call, decide: (tried: number) => Reply): Reply {
    const title = titleOf(call);
    const body = stringify(call.body);
    const entry = this.#entries.get(title) ?? { body, reply: null, tried: 0 };
    this.#entries.set(title, entry);
    if (entry.body !== body && !call.isFetch)
      throw new SagaFault(
        `${title} is repeated with another request, under the same key: ${entry.body}, then ${body}`,
      );
    if (entry.reply !== null) return entry.reply;
    const decided = decide(entry.tried);
    const reply =
      decided.kind === 'done' ? { ...decided, answer: decided.answer ?? this.#answerOf(call) } : decided;
    entry.tried += 1;
    if (reply.kind === 'done' || reply.kind === 'lost') this.note(call);
    if (reply.kind === 'done' || reply.kind === 'refused') entry.reply = reply;
    // What happened is said when it is asked for again.
    if (reply.kind === 'lost') entry.reply = { kind: 'done', answer: this.#answerOf(call) };
    return reply;
  }

  get kept(): unknown {
    const entries = [...this.#entries].map(([title, { reply, tried }]) => [title, reply ?? tried]);
    return [entries, [...this.did], [...this.undone], [...this.told]];
  }

  note({ address, kind }: Call): void {
    if (kind === 'action') this.did.add(address);
    else this.undone.add(address);
  }
}

/** How a test calls a call. */
export function titleOf({ kind, address }: Pick<Call, 'kind' | 'address'>): string {
  return kind === 'action' ? address : `undo ${address}`;
}

/** The path to the first `undefined` in a request: a fact that was read before it was there. */
function holeIn(json: unknown, path = ''): string | null {
  if (json === undefined) return path;
  if (typeof json !== 'object' || json === null) return null;
  for (const [name, inner] of Object.entries(json)) {
    const hole = holeIn(inner, path === '' ? name : `${path}.${name}`);
    if (hole !== null) return hole;
  }
  return null;
}

const UNITS = [
  [86_400_000, 'days'],
  [3_600_000, 'hours'],
  [60_000, 'minutes'],
  [1000, 's'],
  [1, 'ms'],
] as const;

function spanOf(ms: number): string {
  const [size, unit] = UNITS.find(([one]) => ms >= one && ms % one === 0) ?? [1, 'ms'];
  return `${ms / size} ${unit}`;
}
