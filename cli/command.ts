/** What a command is, and what it is given. Its usage, its help and what a shell completes are made of this alone. */
import type { SagaClient } from '../client/client.ts';
import type { Transport } from '../client/transport.ts';
import type { Paper } from './paper.ts';
import type { ExitCode, Surroundings } from './surroundings.ts';

export interface Option {
  /** What stands for its value in help: `SECONDS`. A switch has none. */
  readonly value?: string;
  readonly says: string;
  /** All values that there are. */
  readonly choices?: readonly string[];
  /** Another name, of one letter. */
  readonly short?: string;
}

export type Options = Readonly<Record<string, Option>>;

/** A word of a command line that is no option. */
export interface Word {
  readonly name: string;
  readonly isOptional?: true;
  /** Whether it is the id of a saga, of which a beginning is enough. */
  readonly isSaga?: true;
  readonly choices?: readonly string[];
  /** Whether any number may follow. */
  readonly repeats?: true;
}

/** What a command is given. */
export interface Invocation {
  readonly coordinator: SagaClient;
  /** The same, for what the client has no method for. */
  readonly transport: Transport;
  /** Where the coordinator is, without a slash at its end. */
  readonly url: string;
  /** Those that were given, by name. */
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly words: readonly string[];
  readonly asJson: boolean;
  readonly paper: Paper;
  readonly around: Surroundings;
  readonly commands: Commands;
  /** What every command knows beside its own options. */
  readonly common: Options;
}

export interface Command {
  /** Begins small and ends without a full stop: it stands beside the name. */
  readonly summary: string;
  /** What else there is to say; lines of 80 characters at most. */
  readonly more?: string;
  readonly words: readonly Word[];
  readonly options: Options;
  readonly run: (invocation: Invocation) => Promise<ExitCode>;
}

export type Commands = Readonly<Record<string, Command>>;
