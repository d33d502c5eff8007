/** A place where a call or a store's operation is held until the test lets it go on. */
export class Gate<T = void> {
  /** Resolves when somebody has come to the gate. */
  readonly arrived: Promise<void>;
  /** Lets through whoever waits, and whoever comes later. */
  readonly open: (value: T) => void;
  readonly #opened: Promise<T>;
  #arrive: () => void = () => {};

  constructor() {
    let open: (value: T) => void = () => {};
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
    this.#opened = new Promise((resolve) => {
      open = resolve;
    });
    this.open = open;
  }

  readonly pass = (): Promise<T> => {
    this.#arrive();
    return this.#opened;
  };
}
