/** Holds calls inside a service: what its clock sleeps on is what a test opens. */
export interface Gate {
  /** Resolves when as many calls are inside as the gate was shut for. */
  readonly entered: Promise<void>;
  open(): void;
}

export class Gates {
  #current: { enter: () => void; opened: Promise<void> } | null = null;

  /** For `openWorld({ clock })`: a latency of a service sleeps on it. */
  readonly clock = { now: Date.now, sleep: () => this.#pass() };

  /** The next calls are held until the gate is opened. */
  shut(calls = 1): Gate {
    let missing = calls;
    let full = () => {};
    let open = () => {};
    const entered = new Promise<void>((resolve) => {
      full = resolve;
    });
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const enter = () => {
      missing -= 1;
      if (missing === 0) full();
    };
    this.#current = { enter, opened };
    return { entered, open };
  }

  async #pass(): Promise<void> {
    const current = this.#current;
    current?.enter();
    await current?.opened;
  }
}
