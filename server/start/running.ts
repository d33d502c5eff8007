/** What runs because of us, in the order of its start, and what ran before and is left as it was. */

import type { Ending } from './child.ts';

export interface Started {
  readonly name: string;
  isAlive(): boolean;
  /** Waits until it has ended. Answers how. */
  stop(): Promise<Ending>;
  kill(): void;
}

export type Say = (line: string) => void;

export class Running {
  readonly #started: Started[] = [];
  readonly #adopted: string[] = [];
  readonly #say: Say;
  #atEnd: () => void = () => {};

  constructor(say: Say) {
    this.#say = say;
  }

  add(started: Started): void {
    this.#started.push(started);
  }

  /** Called once when all has been stopped. */
  atEnd(last: () => void): void {
    this.#atEnd = last;
  }

  /** It is left running, and named when we end. */
  adopt(name: string): void {
    this.#adopted.push(name);
  }

  /** Stops each after what relies on it has ended. Answers whether all ended as they should. */
  async stop(): Promise<boolean> {
    let isClean = true;
    for (const { name, isAlive, stop } of [...this.#started].reverse()) {
      if (!isAlive()) continue;
      const ending = await stop().catch((error: Error): Ending => ({ isClean: false, words: error.message }));
      if (!ending.isClean) isClean = false;
      this.#say(`${name} ${ending.words}`);
    }
    for (const name of this.#adopted) this.#say(`${name}: ran before, left running`);
    this.#atEnd();
    return isClean;
  }

  kill(): void {
    for (const started of this.#started) {
      if (started.isAlive()) started.kill();
    }
  }
}
