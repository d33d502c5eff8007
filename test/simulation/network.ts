/** Messages between processes, store and participants: each has a fate, and the fate decides all that becomes of it. */
import type { Process } from './process.ts';
import type { Trace } from './seeded.ts';
import type { Timeline } from './timeline.ts';

export interface Message {
  readonly from: Process;
  readonly to: 'store' | 'participant';
  /** `commit`, or `payment action`. */
  readonly what: string;
  /** Which of its kind: a commit's transition, a call's attempt. */
  readonly about: string;
  /** A message that changes nothing where it arrives. */
  readonly reads: boolean;
}

export interface Fate {
  /** Happens to the sender right before the message leaves it. */
  readonly before?: () => void;
  /** Happens to the sender right after the message has taken effect, before its answer leaves. */
  readonly after?: () => void;
  /** The connection is refused: the sender knows that nothing arrived. */
  readonly notSent?: boolean;
  /** How long the request, its double and the answer travel; `null` where they never arrive. */
  readonly requestMs: number | null;
  readonly doubleMs?: number | null;
  readonly replyMs: number | null;
}

export class Network {
  /** Requests, effects and answers that are still on their way. */
  inFlight = 0;
  readonly #timeline: Timeline;
  readonly #trace: Trace;
  readonly #fateOf: (message: Message) => Fate;

  constructor(timeline: Timeline, trace: Trace, fateOf: (message: Message) => Fate) {
    this.#timeline = timeline;
    this.#trace = trace;
    this.#fateOf = fateOf;
  }

  /** @param title what the trace shows of the message */
  send<T>(
    message: Message,
    title: string,
    take: () => Promise<T>,
    heard: { readonly answered: (result: T) => void; readonly notSent: () => void },
  ): void {
    const { from } = message;
    const fate = this.#fateOf(message);
    const sentMs = this.#timeline.ms;
    fate.before?.();
    from.hear(() => {
      if (fate.notSent === true) {
        this.#trace.note(`${this.#timeline.ms} ${from.title} ${title}: not sent`);
        // Not at once: whoever sends is not told before it has begun to wait.
        this.#timeline.after(1, () => from.hear(heard.notSent));
        return;
      }
      const lost = fate.requestMs === null ? ' lost on the way' : '';
      const held = sentMs === this.#timeline.ms ? '' : `, held since ${sentMs}`;
      this.#trace.note(`${this.#timeline.ms} ${from.title} -> ${title}${lost}${held}`);
      for (const delayMs of [fate.requestMs, fate.doubleMs ?? null]) {
        if (delayMs === null) continue;
        this.inFlight += 1;
        this.#timeline.after(delayMs, () => void this.#arrive(from, title, fate, take, heard.answered));
      }
    });
  }

  async #arrive<T>(
    from: Process,
    title: string,
    { after, replyMs }: Fate,
    take: () => Promise<T>,
    answered: (result: T) => void,
  ): Promise<void> {
    const result = await take();
    this.#trace.note(`${this.#timeline.ms} ${title} of ${from.title} = ${shown(result)}`);
    after?.();
    if (replyMs === null) {
      this.inFlight -= 1;
      return;
    }
    this.#timeline.after(replyMs, () => {
      this.inFlight -= 1;
      from.hear(() => answered(result));
    });
  }
}

/** Enough of an answer to read the trace by. */
function shown(result: unknown): string {
  if (Array.isArray(result)) return `${result.length}: ${result.map(shown).join(' ')}`;
  if (typeof result !== 'object' || result === null) return String(result);
  const { kind, status, fence, remainingMs, record } = result as Record<string, unknown>;
  const { revision } = (fence ?? (record as { fence?: unknown } | undefined)?.fence ?? {}) as {
    revision?: number;
  };
  return [kind, status, revision && `rev ${revision}`, remainingMs !== undefined && `for ${remainingMs} ms`]
    .filter(Boolean)
    .join(' ');
}
