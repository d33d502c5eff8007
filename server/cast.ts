/**
 * The processes that may be killed where faults are switched on (`FAULTS=1`): those that `npm start` runs, and those of a
 * coordinator that is several. Each is known to whoever started it, who alone ends it, by its own handle and never by a number that was
 * sent. A process asks its starter over the channel that they have, and one that started some itself answers for these.
 */

export interface CastMember {
  readonly kind: 'coordinator' | 'services' | 'redis';
  /** Of a coordinator its `COORDINATOR_ID`. Together with the kind it is nobody else's. */
  readonly name: string;
  /** `null` while it is down. */
  readonly pid: number | null;
  /** It has come up, and not ended since. */
  readonly isUp: boolean;
  /** When the process was started that runs, or ran last; milliseconds since 1970 by this machine's clock. */
  readonly startedAtMs: number;
  /** How often it was killed by being asked here. */
  readonly kills: number;
}

/** Whom to kill. */
export type Victim = Pick<CastMember, 'kind' | 'name'>;

export interface Cast {
  /** `null` where nobody answers who could say. */
  members(): Promise<readonly CastMember[] | null>;
  /**
   * Ends it as `kill -9` does, and has it started again, no sooner than `awayMs` later.
   * Answers whether it ran and was ended.
   */
  kill(victim: Victim, awayMs: number): Promise<boolean>;
}

/** The longest that somebody is kept away. */
const AWAY_MS_MAX = 60_000;

type Question =
  | { readonly what: 'members' }
  | { readonly what: 'kill'; readonly victim: Victim; readonly awayMs: number };

export interface CastQuestion {
  readonly type: 'cast';
  readonly id: number;
  readonly question: Question;
}

export interface CastAnswer {
  readonly type: 'cast';
  readonly id: number;
  readonly answer: readonly CastMember[] | boolean | null;
}

/** Whoever started this process is not busy: who has not answered by then does not know what was asked. */
const ANSWER_MS = 2_000;

type Channel = Pick<NodeJS.Process, 'send' | 'connected' | 'on'>;

/** The cast as the starter of this process knows it; `null` where there is no channel to one. */
export function castOver(channel: Channel = process): Cast | null {
  if (channel.send === undefined) return null;
  const waiting = new Map<number, (answer: CastAnswer['answer']) => void>();
  let asked = 0;
  channel.on('message', (message) => {
    const { type, id, answer } = message as CastAnswer;
    if (type === 'cast') waiting.get(id)?.(answer);
  });
  const ask = (question: Question): Promise<CastAnswer['answer']> =>
    new Promise((resolve) => {
      asked += 1;
      const id = asked;
      const settle = (answer: CastAnswer['answer']) => {
        clearTimeout(late);
        waiting.delete(id);
        resolve(answer);
      };
      const late = setTimeout(() => settle(null), ANSWER_MS);
      late.unref();
      waiting.set(id, settle);
      if (!channel.connected) return settle(null);
      channel.send?.({ type: 'cast', id, question } satisfies CastQuestion);
    });
  return {
    members: async () => {
      const answer = await ask({ what: 'members' });
      return Array.isArray(answer) ? answer : null;
    },
    kill: async (victim, awayMs) => (await ask({ what: 'kill', victim, awayMs })) === true,
  };
}

/** Answers a process that asked, if that is what its message is. */
export function answerCast(cast: Cast, message: unknown, reply: (answer: CastAnswer) => void): void {
  const asked = questionIn(message);
  if (asked === null) return;
  const { id, question } = asked;
  const answering =
    question.what === 'members'
      ? cast.members()
      : cast.kill(question.victim, Math.min(question.awayMs, AWAY_MS_MAX));
  void answering.then((answer) => reply({ type: 'cast', id, answer }));
}

function questionIn(message: unknown): CastQuestion | null {
  const { type, id, question } = (message ?? {}) as Partial<CastQuestion>;
  return type === 'cast' && id !== undefined && question !== undefined ? { type, id, question } : null;
}

/** Those of `own`, and behind them those whom somebody else knows. */
export function castWith(own: Cast, others: Cast | null): Cast {
  return {
    members: async () => {
      const [here, there] = await Promise.all([own.members(), others?.members() ?? null]);
      return here === null ? there : [...here, ...(there ?? [])];
    },
    kill: async (victim, awayMs) =>
      (await own.kill(victim, awayMs)) || ((await others?.kill(victim, awayMs)) ?? false),
  };
}
