/** What a command is, and what it is given. */
import type { ParseArgsConfig } from 'node:util';
import type { SagaClient } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import type { ExitCode, Surroundings } from './surroundings.ts';

export type Options = NonNullable<ParseArgsConfig['options']>;

/** What a command is given. */
export interface Invocation {
  readonly coordinator: SagaClient;
  /** The same, for what the client has no method for. */
  readonly transport: Transport;
  /** Those that were given, by name. */
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly words: readonly string[];
  readonly asJson: boolean;
  readonly around: Surroundings;
}

export interface Command {
  readonly options: Options;
  /** How many words it takes, at least and at most. */
  readonly words: readonly [number, number];
  readonly run: (invocation: Invocation) => Promise<ExitCode>;
}
