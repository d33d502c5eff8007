/** What a shell completes. The shells ask this program, so there is one place that knows, and it is the commands' table. */
import type { Command, Commands, Options } from './command.ts';
import { EXIT } from './surroundings.ts';

/** Each hands over the words up to the cursor; where nothing is known, it completes files. */
const SCRIPTS = {
  bash: `_saga() {
  local IFS=$'\\n'
  COMPREPLY=($(saga completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _saga saga
`,
  zsh: `#compdef saga
_saga() {
  local -a found
  found=(\${(f)"$(saga completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
compdef _saga saga
`,
  fish: `function __saga
  set -l found (saga completion words -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c saga -f -a '(__saga)'
`,
} as const;

export const completion: Command = {
  summary: 'what makes a shell complete these commands',
  more: `Bash: source <(saga completion bash) in ~/.bashrc. Zsh: the same with zsh in ~/.zshrc, after compinit.
    Fish: saga completion fish > ~/.config/fish/completions/saga.fish. The shells ask \`saga completion words\`.`,
  words: [
    { name: 'SHELL', choices: [...Object.keys(SCRIPTS), 'words'] },
    { name: 'WORD', isOptional: true, repeats: true },
  ],
  options: {},
  async run({ words: [shell = '', ...typed], commands, common, around: { out } }) {
    if (shell === 'words')
      out.write(
        completed(typed, commands, common)
          .map((word) => `${word}\n`)
          .join(''),
      );
    else out.write(SCRIPTS[shell as keyof typeof SCRIPTS]);
    return EXIT.ok;
  },
};

/** @param typed the words after `saga`, the last one as far as it is typed */
export function completed(typed: readonly string[], commands: Commands, common: Options): string[] {
  const [name, ...rest] = typed.slice(0, -1);
  const current = typed.at(-1) ?? '';
  return candidates(name, rest, current, commands, common).filter((word) => word.startsWith(current));
}

function candidates(
  name: string | undefined,
  before: readonly string[],
  current: string,
  commands: Commands,
  common: Options,
): readonly string[] {
  if (name === undefined) return [...Object.keys(commands), '--version'];
  const command = Object.hasOwn(commands, name) ? (commands[name] as Command) : null;
  if (command === null) return [];
  const options = { ...common, ...command.options };
  const optionOf = (word: string | undefined) =>
    word?.startsWith('--')
      ? Object.entries(options).find(([option]) => `--${option}` === word)?.[1]
      : undefined;
  const asked = optionOf(before.at(-1));
  if (asked?.value !== undefined) return asked.choices ?? [];
  if (current.startsWith('-'))
    return Object.keys(options)
      .map((option) => `--${option}`)
      .filter((option) => !before.includes(option));
  const plain = before.filter(
    (word, index) => !word.startsWith('-') && optionOf(before[index - 1])?.value === undefined,
  );
  if (name === 'help') return Object.keys(commands);
  return command.words[plain.length]?.choices ?? [];
}
