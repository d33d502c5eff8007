/** What is real of a stub service, or played by a test. */

export interface Clock {
  now(): number;
  /** Resolves after `ms`, or as soon as `until` aborts. */
  sleep(ms: number, until: AbortSignal): Promise<void>;
}

/** Everything a participant may not make up by itself. */
export interface Means {
  readonly clock: Clock;
  readonly newId: (prefix: string) => string;
  /** Orders the journals of all services that share it. */
  readonly nextSeq: () => number;
  readonly faultsOn: boolean;
}
