/** What runs because of us, in the order of its start, and what ran before and is left as it was. */

export interface Started {
  readonly name: string;
  isAlive(): boolean;
  /** Waits until it has ended. Answers what was wrong with its end, or `null`. */
  stop(): Promise<string | null>;
  kill(): void;
}

export type Say = (line: string) => void;

export class Running {
  readonly #started: Started[] = [];
  readonly #adopted: string[] = [];
  readonly #say: Say;

  constructor(say: Say) {
    this.#say = say;
  }

  add(started: Started): void {
    this.#started.push(started);
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
      const trouble = await stop().catch((error: Error) => error.message);
      if (trouble !== null) isClean = false;
      this.#say(`${name} ${trouble ?? 'stopped'}`);
    }
    for (const name of this.#adopted) this.#say(`${name}: ran before, left running`);
    return isClean;
  }

  kill(): void {
    for (const started of this.#started) {
      if (started.isAlive()) started.kill();
    }
  }
}
