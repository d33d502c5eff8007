/** From the words of a command line to options and words, or to the one thing that is wrong with them. */
import { parseArgs } from 'node:util';
import type { Command, Invocation, Option, Options, Word } from './command.ts';
import { meant } from './nearest.ts';
import { UsageError } from './surroundings.ts';

export type Parsed = Pick<Invocation, 'values' | 'words'>;

/**
 * Strictness is ours and not parseArgs': its messages are of several sentences, and know no nearest word.
 * @throws UsageError
 */
export function parsed(name: string, args: readonly string[], command: Command, common: Options): Parsed {
  const options = { ...common, ...command.options };
  const config = Object.fromEntries(
    Object.entries(options).map(([option, { value, short }]) => [
      option,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
    ]),
  );
  const { tokens, positionals } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    tokens: true,
  });
  const values: Record<string, string | boolean> = {};
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name: option, rawName } = token;
    const known = Object.hasOwn(options, option) ? options[option] : undefined;
    if (known === undefined) {
      const all = Object.keys(options).map((one) => `--${one}`);
      throw new UsageError(`${name} has no option ${rawName}${meant(rawName, all)}`);
    }
    if (Object.hasOwn(values, option)) throw new UsageError(`${rawName} is given twice`);
    values[option] = known.value === undefined ? switched(token) : textOf(known, token);
  }
  return { values, words: values.help === true ? [] : counted(name, positionals, command.words) };
}

interface Token {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function switched({ rawName, value }: Token): true {
  if (value !== undefined) throw new UsageError(`${rawName} is a switch, and takes no value`);
  return true;
}

function textOf({ value: called, choices }: Option, { rawName, value, inlineValue }: Token): string {
  // What looks like an option is one that follows, unless it is written with an equals sign.
  if (value === undefined || (inlineValue !== true && /^-./.test(value)))
    throw new UsageError(`${rawName} needs a value: ${rawName} ${called}`);
  return choices === undefined ? value : chosen(`${rawName} is`, choices, value);
}

function counted(name: string, words: readonly string[], wanted: readonly Word[]): string[] {
  const missing = wanted.slice(words.length).find(({ isOptional }) => isOptional !== true);
  if (missing !== undefined) throw new UsageError(`${name} needs ${said(missing)}`);
  return words.map((word, index) => {
    const { choices } = wanted[index] ?? {};
    if (wanted[index] === undefined && wanted.at(-1)?.repeats !== true)
      throw new UsageError(`${name} takes no further word, as ${word}`);
    return choices === undefined ? word : chosen(`${name} knows`, choices, word);
  });
}

/** The choice as we write it, whatever case it was written in. */
function chosen(whose: string, choices: readonly string[], written: string): string {
  const found = choices.find((one) => one.toLowerCase() === written.toLowerCase());
  if (found !== undefined) return found;
  throw new UsageError(`${whose} ${oneOf(choices)}, not ${written}${meant(written, choices)}`);
}

function said({ name, choices }: Word): string {
  return choices === undefined ? name : oneOf(choices);
}

function oneOf(choices: readonly string[]): string {
  return choices.length === 1
    ? String(choices[0])
    : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}
