/** From words to a command, and from what came of it to an exit code. */
import { parseArgs } from 'node:util';
import { SagaClient } from '../client/client.ts';
import { ProblemError, UnreachableError } from '../client/errors.ts';
import { Transport } from '../client/transport.ts';
import type { Command, Invocation, Options } from './invocation.ts';
import { list } from './list.ts';
import { looks } from './look.ts';
import { operate } from './operate.ts';
import { sendEvent } from './send-event.ts';
import { show } from './show.ts';
import { store } from './store.ts';
import { submit } from './submit.ts';
import { EXIT, type ExitCode, type Surroundings, UsageError } from './surroundings.ts';
import { asJson, painter, shown } from './text.ts';
import { USAGE } from './usage.ts';
import { verify } from './verify.ts';
import { VERSION } from './version.ts';
import { watch } from './watch.ts';

const COMMANDS: Readonly<Record<string, Command>> = {
  submit,
  list,
  show,
  watch,
  ...operate,
  'send-event': sendEvent,
  ...looks,
  store,
  verify,
};

const COMMON = {
  url: { type: 'string' },
  token: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies Options;

const URL_UNSET = 'http://127.0.0.1:9000';

export async function run(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  const paint = painter(around.err.isTerminal, around.env);
  const say = (text: string) => around.err.write(`${paint('red', 'saga:')} ${text}\n`);
  let json = false;
  try {
    const [name, ...rest] = args;
    if (
      name === 'help' ||
      name === '--help' ||
      name === '-h' ||
      rest.includes('--help') ||
      rest.includes('-h')
    ) {
      around.out.write(USAGE);
      return EXIT.ok;
    }
    if (name === '--version') {
      around.out.write(`${VERSION}\n`);
      return EXIT.ok;
    }
    const invocation = invoke(name, rest, around);
    json = invocation.asJson;
    return await invocation.command.run(invocation);
  } catch (error) {
    if (error instanceof UsageError) {
      say(`${shown(error.message)}\nTry: saga help`);
      return EXIT.usage;
    }
    if (error instanceof UnreachableError) {
      say(shown(error.message));
      return EXIT.unreachable;
    }
    if (!(error instanceof ProblemError)) throw error;
    if (json && error.problem !== null) around.out.write(`${asJson(error.problem, 2)}\n`);
    say(shown(error.message) + pointed(error.problem));
    return EXIT.refused;
  }
}

function invoke(name: string | undefined, args: readonly string[], around: Surroundings) {
  if (name === undefined) throw new UsageError('which command?');
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`there is no command ${name}`);
  const command = COMMANDS[name] as Command;
  const { values, positionals: words } = parsed(args, { ...COMMON, ...command.options });
  const [least, most] = command.words;
  if (words.length < least) throw new UsageError(`${name} needs more words`);
  if (words.length > most) throw new UsageError(`${name} knows no ${words[most]}`);
  const url = textOf(values.url) ?? around.env.SAGA_URL ?? '';
  const token = textOf(values.token) ?? around.env.API_TOKEN ?? '';
  const reached = coordinatorAt(url || URL_UNSET, token || undefined);
  return { command, ...reached, values, words, asJson: values.json === true, around };
}

function coordinatorAt(url: string, token: string | undefined) {
  try {
    return { coordinator: new SagaClient({ url, token }), transport: new Transport(url, token ?? null) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`--url and --token: ${error.message}`);
  }
}

function parsed(args: readonly string[], options: Options) {
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { values: values as Invocation['values'], positionals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (!code?.startsWith('ERR_PARSE_ARGS_')) throw error;
    throw new UsageError(message);
  }
}

function textOf(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Each bad field of a body that was refused. */
function pointed(problem: unknown): string {
  const { errors } = (problem ?? {}) as { errors?: unknown };
  if (!Array.isArray(errors)) return '';
  return errors.map(({ pointer, detail }) => `\n  ${shown(pointer)}  ${shown(detail)}`).join('');
}
