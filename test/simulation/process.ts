/**
 * A coordinator's process as the world sees it: what it hears (timers, answers) and what it sends go through here, so
 * that it can be cut off for good or stopped for a while, in the midst of whatever it does.
 */
import type { Clock } from '../../server/engine/clock.ts';
import type { Engine } from '../../server/engine/engine.ts';
import type { Owner } from '../../stores/saga-store.ts';
import { at } from '../machines/placed-order.ts';
import type { Timeline } from './timeline.ts';

export class Process implements Clock {
  readonly owner: Owner;
  /** Set once, right after the engine was built upon this very process. */
  engine: Engine | null = null;
  state: 'running' | 'paused' | 'gone' = 'running';
  /** A newer boot has this name while this one still lives: the one zombie that cannot know that it lost its right. */
  superseded = false;
  /** Until when none of its messages reaches the store. */
  cutOffUntilMs = 0;
  readonly #timeline: Timeline;
  readonly #skewMs: number;
  #held: (() => void)[] = [];

  /** @param skewMs by how much its wall clock is wrong; its monotonic clock starts anywhere, as real ones do */
  constructor(owner: Owner, timeline: Timeline, skewMs: number) {
    this.owner = owner;
    this.#timeline = timeline;
    this.#skewMs = skewMs;
  }

  get title(): string {
    return `${this.owner.name}/${this.owner.boot}`;
  }

  readonly now = (): number => at + this.#timeline.ms + this.#skewMs;
  readonly monotonic = (): number => this.#timeline.ms + Math.abs(this.#skewMs);

  after(ms: number, callback: () => void): () => void {
    let wanted = true;
    const cancel = this.#timeline.after(ms, () => this.hear(() => wanted && callback()));
    return () => {
      wanted = false;
      cancel();
    };
  }

  /** What reaches it, or leaves it: at once, when it wakes, or never. */
  hear(callback: () => void): void {
    if (this.state === 'gone') return;
    if (this.state === 'paused') this.#held.push(callback);
    else callback();
  }

  crash(): void {
    this.state = 'gone';
    this.#held = [];
  }

  pause(): void {
    if (this.state === 'running') this.state = 'paused';
  }

  /** What was held comes one after the other, as in an event loop that was stopped. */
  resume(): void {
    if (this.state !== 'paused') return;
    this.state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const callback of held) this.#timeline.after(0, () => this.hear(callback));
  }
}
