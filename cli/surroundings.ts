/** What a command finds around it: handed in, so that tests give it a world of their own. */
export interface Output {
  readonly write: (text: string) => void;
  readonly isTerminal: boolean;
}

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is piped in; `null` at a terminal, where nobody would know that something is waited for. */
  readonly input: AsyncIterable<Uint8Array | string> | null;
  readonly out: Output;
  readonly err: Output;
  readonly columns: number;
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<unknown>;
  readonly userName: () => string;
}

/** What the process ends with. docs/cli.md lists them. */
export const EXIT = {
  ok: 0,
  sagaFailed: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  stillRunning: 5,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command cannot be understood. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** What to choose from. */
  readonly choices: readonly string[];

  constructor(message: string, choices: readonly string[] = []) {
    super(message);
    this.choices = choices;
  }
}
