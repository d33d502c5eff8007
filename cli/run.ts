/** From words to a command, and from what came of it to an exit code. */
import { SagaClient } from '../client/client.ts';
import { ProblemError, UnreachableError } from '../client/errors.ts';
import { Transport } from '../client/transport.ts';
import type { Command } from './command.ts';
import { COMMANDS, COMMON } from './commands.ts';
import { helpOf } from './help.ts';
import { wholeId } from './ids.ts';
import { meant } from './nearest.ts';
import { Paper } from './paper.ts';
import { parsed } from './parse.ts';
import { EXIT, type ExitCode, type Surroundings, UsageError } from './surroundings.ts';
import { asJson, painter, shown } from './text.ts';
import { VERSION } from './version.ts';

const URL_UNSET = 'http://127.0.0.1:9000';

export async function run(args: readonly string[], around: Surroundings): Promise<ExitCode> {
  const paint = painter(around.err.isTerminal, around.env);
  const say = (text: string) => around.err.write(`${paint('red', 'saga:')} ${text}\n`);
  let json = false;
  try {
    const [first, ...rest] = args;
    if (first === '--version') {
      around.out.write(`${VERSION}\n`);
      return EXIT.ok;
    }
    const name = first === '--help' || first === '-h' ? 'help' : first;
    if (name === undefined) throw new UsageError('which command?');
    if (!Object.hasOwn(COMMANDS, name))
      throw new UsageError(`there is no command ${name}${meant(name, Object.keys(COMMANDS))}`);
    const command = COMMANDS[name] as Command;
    const { values, words: written } = parsed(name, rest, command, COMMON);
    if (values.help === true) {
      around.out.write(helpOf(name, command, COMMON));
      return EXIT.ok;
    }
    json = values.json === true;
    const url = (textOf(values.url) ?? around.env.SAGA_URL ?? '') || URL_UNSET;
    const token = textOf(values.token) ?? around.env.API_TOKEN ?? '';
    const reached = coordinatorAt(url, token || undefined);
    const words = await Promise.all(
      written.map((word, index) =>
        command.words[index]?.isSaga === true ? wholeId(reached.coordinator, word) : word,
      ),
    );
    const paper = new Paper(around, values.wide === true);
    const given = { ...reached, url: url.replace(/\/+$/, ''), values, words, asJson: json, paper, around };
    const ends = await command.run({ ...given, commands: COMMANDS, common: COMMON });
    if (paper.wasCut) around.err.write('some is cut to fit: --wide shows all\n');
    return ends;
  } catch (error) {
    if (error instanceof UsageError) {
      const choices = error.choices.map((choice) => `\n  ${choice}`).join('');
      say(shown(error.message) + (choices || whereToLook(error.message, args[0])));
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

function coordinatorAt(url: string, token: string | undefined) {
  try {
    return { coordinator: new SagaClient({ url, token }), transport: new Transport(url, token ?? null) };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`--url and --token: ${error.message}`);
  }
}

/** Whoever is told the word that was meant needs no more. */
function whereToLook(message: string, name = ''): string {
  if (message.endsWith('?') && name !== '') return '';
  return Object.hasOwn(COMMANDS, name) ? ` (see saga help ${name})` : ' (see saga help)';
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
