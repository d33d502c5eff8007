/** Help of all commands and of one, made of their table. */
import type { Command, Commands, Options } from './command.ts';
import { meant } from './nearest.ts';
import { EXIT, UsageError } from './surroundings.ts';

const COLUMNS = 80;

const ENDS = `It ends with 0 where all went well, 1 where the saga failed or is parked, the
coordinator is not healthy, a service breaks a promise, or an audit is not
whole, 2 where the command is wrong, 3 where nobody answers, 4 where it refuses,
5 where the saga still runs when the wait is over.
`;

export const help: Command = {
  summary: 'all commands, or one with its options',
  words: [{ name: 'COMMAND', isOptional: true }],
  options: {},
  async run({ words: [name], commands, common, around: { out } }) {
    if (name === undefined) out.write(overview(commands));
    else if (Object.hasOwn(commands, name)) out.write(helpOf(name, commands[name] as Command, common));
    else throw new UsageError(`there is no command ${name}${meant(name, Object.keys(commands))}`);
    return EXIT.ok;
  },
};

function overview(commands: Commands): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    'saga: asks a saga coordinator.\n\n',
    ...rows.map(([name, summary]) => beside(`saga ${name}`, summary, 19)),
    '\nOptions of one: saga help COMMAND. Completion: saga help completion.\n\n',
    ENDS,
  ].join('');
}

/** @param common options that every command has */
export function helpOf(name: string, { summary, more, words, options }: Command, common: Options): string {
  const said = words.map(({ name: word, isOptional, repeats }) => {
    const shown = repeats === true ? `${word}...` : word;
    return isOptional === true ? `[${shown}]` : shown;
  });
  const own = Object.entries(options);
  const usage = ['saga', name, ...said, '[options]'].join(' ');
  const lines = (all: Options) =>
    Object.entries(all).map(([option, { value, says, choices, short }]) => {
      const called = `${short === undefined ? '' : `-${short}, `}--${option}${value === undefined ? '' : ` ${value}`}`;
      return beside(called, choices === undefined ? says : `${says}: ${choices.join(', ')}`, 24);
    });
  return [
    `${usage}\n\n${wrapped(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`, 0)}\n`,
    ...(more === undefined ? [] : [`\n${wrapped(more, 0)}\n`]),
    ...(own.length > 0 ? ['\n', ...lines(options)] : []),
    '\n',
    ...lines(common),
  ].join('');
}

/** A name, and beside it what it is; below it where the name is too long. */
function beside(name: string, says: string, column: number): string {
  const text = wrapped(says, column + 2);
  return name.length < column
    ? `  ${name.padEnd(column)}${text}\n`
    : `  ${name}\n${' '.repeat(column + 2)}${text}\n`;
}

/** In lines that fit, each but the first indented. */
function wrapped(text: string, indent: number): string {
  const lines: string[] = [''];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join(`\n${' '.repeat(indent)}`);
}
