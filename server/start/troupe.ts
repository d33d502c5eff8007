/**
 * What `npm start` runs, where faults are switched on: the dashboard's crash theatre may have one killed, and it is started again. What
 * dies by itself, or by somebody's hand in a terminal, stays dead as ever: then somebody means to carry on by hand.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cast, CastMember, Victim } from '../cast.ts';
import type { Say } from './running.ts';

/** One process, over all its lives. */
export interface Part {
  readonly kind: CastMember['kind'];
  readonly name: string;
  /** `null` while none runs that is ours to end. */
  pid(): number | null;
  /** Ends it at once, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it anew, and waits until it is ready. @throws with what to mend */
  again(): Promise<void>;
}

interface Place {
  readonly part: Part;
  startedAtMs: number;
  isUp: boolean;
  kills: number;
}

export class Troupe implements Cast {
  readonly #say: Say;
  readonly #leaving: AbortSignal;
  readonly #places: Place[] = [];

  constructor(say: Say, leaving: AbortSignal) {
    this.#say = say;
    this.#leaving = leaving;
  }

  /** One that has come up. */
  add(part: Part): void {
    this.#places.push({ part, startedAtMs: Date.now(), isUp: true, kills: 0 });
  }

  async members(): Promise<CastMember[]> {
    return this.#places.map(({ part, startedAtMs, isUp, kills }) => {
      const pid = part.pid();
      return { kind: part.kind, name: part.name, pid, isUp: isUp && pid !== null, startedAtMs, kills };
    });
  }

  async kill({ kind, name }: Victim, awayMs: number): Promise<boolean> {
    const place = this.#places.find(({ part }) => part.kind === kind && part.name === name);
    const pid = place?.part.pid() ?? null;
    if (place === undefined || pid === null || !place.isUp || this.#leaving.aborted) return false;
    place.isUp = false;
    place.kills += 1;
    const back = awayMs === 0 ? 'at once' : `in ${awayMs / 1000} s`;
    this.#say(
      `\n${name} (pid ${pid}) is killed because the dashboard was asked to; it is started again ${back}`,
    );
    await place.part.kill();
    void this.#again(place, awayMs);
    return true;
  }

  async #again(place: Place, awayMs: number): Promise<void> {
    const { part } = place;
    try {
      await delay(awayMs, undefined, { signal: this.#leaving });
      place.startedAtMs = Date.now();
      await part.again();
      place.isUp = true;
      this.#say(`${part.name} (pid ${part.pid()}) runs again\n`);
    } catch (error) {
      // What had begun to come up is stopped with everything else.
      if (!this.#leaving.aborted)
        this.#say(`${part.name} does not come up again: ${(error as Error).message}\n`);
    }
  }
}
