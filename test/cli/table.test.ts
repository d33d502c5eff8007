/** What is made of the commands' table: help, what is told of a wrong command, and what shells complete. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, COMMON } from '../../cli/commands.ts';
import { argumentsOf } from '../programs.ts';
import { saga } from './command.ts';

const names = Object.keys(COMMANDS);

describe('help', () => {
  it('lists every command, in 80 columns', async () => {
    for (const args of [['help'], ['--help'], ['-h']]) {
      const { code, out, err } = await saga(args);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      for (const name of names) expect(out).toMatch(new RegExp(`^  saga ${name} +\\S`, 'm'));
      for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  it.each(names)('of %s names each of its words and options, and is the same three ways', async (name) => {
    const { code, out } = await saga(['help', name]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^saga ${name}\\b`));
    const { words, options } = COMMANDS[name] ?? { words: [], options: {} };
    for (const word of words) expect(out.split('\n')[0]).toContain(word.name);
    for (const option of Object.keys({ ...options, ...COMMON }))
      expect(out).toMatch(new RegExp(`^ .*--${option}\\b`, 'm'));
    for (const line of out.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
    // Also where other words are missing or wrong.
    expect((await saga([name, '--help'])).out).toBe(out);
    expect((await saga([name, '-h', 'a', 'b', 'c', 'd'])).out).toBe(out);
  });
});

describe('a wrong command', () => {
  it.each([
    [[], 'which command? (see saga help)'],
    [['lst'], 'there is no command lst; did you mean list?'],
    [['stat'], 'there is no command stat; did you mean stats?'],
    [['toString'], 'there is no command toString (see saga help)'],
    [['help', 'shwo'], 'there is no command shwo; did you mean show?'],
    [['help', 'x', 'y'], 'help takes no further word, as y (see saga help help)'],
    [['show'], 'show needs ID (see saga help show)'],
    [['show', 'a', 'b'], 'show takes no further word, as b (see saga help show)'],
    [['store'], 'store needs repartition or keys (see saga help store)'],
    [
      ['store', 'repartitions'],
      'store knows repartition or keys, not repartitions; did you mean repartition?',
    ],
    [['resolve', 'x', 'DONE'], 'resolve knows COMPLETED or FAILED, not DONE (see saga help resolve)'],
    [['list', '--lable', 'x'], 'list has no option --lable; did you mean --label?'],
    [['list', '--toString'], 'list has no option --toString (see saga help list)'],
    [['list', '-x'], 'list has no option -x (see saga help list)'],
    [['list', '--label'], '--label needs a value: --label LABEL (see saga help list)'],
    [['list', '--label', '--json'], '--label needs a value: --label LABEL (see saga help list)'],
    [['list', '--label', 'a', '--label=b'], '--label is given twice (see saga help list)'],
    [['list', '--json=yes'], '--json is a switch, and takes no value (see saga help list)'],
    [
      ['list', '--status', 'ABORTE'],
      '--status is STARTED, COMPLETED, FAILED or ABORTED, not ABORTE; did you mean ABORTED?',
    ],
    [['completion', 'tcl'], 'completion knows bash, zsh, fish or words, not tcl (see saga help completion)'],
  ])('%j ends with 2, and one line says why', async (args, why) => {
    expect(await saga(args)).toEqual({ code: 2, out: '', err: `saga: ${why}\n` });
  });
});

describe('completion', () => {
  const words = async (...typed: string[]) =>
    (await saga(['completion', 'words', '--', ...typed])).out.split('\n').filter((word) => word !== '');

  it('offers commands, options that are not there yet, and choices', async () => {
    expect(await words('')).toEqual([...names, '--version']);
    expect(await words('s')).toEqual(['submit', 'show', 'skip', 'send-event', 'stats', 'store']);
    expect(await words('list', '--s')).toEqual(['--search', '--status', '--state', '--stuck-for', '--since']);
    expect(await words('list', '--state', 'x', '--s')).toEqual([
      '--search',
      '--status',
      '--stuck-for',
      '--since',
    ]);
    expect(await words('list', '--status', '')).toEqual(['STARTED', 'COMPLETED', 'FAILED', 'ABORTED']);
    expect(await words('resolve', '--by', 'ada', 'ID', 'C')).toEqual(['COMPLETED']);
    expect(await words('help', 'wa')).toEqual(['watch']);
    expect(await words('completion', '')).toEqual(['bash', 'zsh', 'fish', 'words']);
  });

  it('leaves to the shell what it does not know', async () => {
    for (const typed of [
      ['submit', ''],
      ['list', '--label', ''],
      ['nothing', ''],
      ['show', 'x', 'y', ''],
    ])
      expect(await words(...typed)).toEqual([]);
  });

  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'completion-'));
    const program = argumentsOf('cli/main.ts').map((word) => `'${word}'`);
    writeFileSync(join(folder, 'saga'), `#!/bin/sh\nexec '${process.execPath}' ${program.join(' ')} "$@"\n`);
    chmodSync(join(folder, 'saga'), 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const isHere = (shell: string) =>
    (process.env.PATH ?? '').split(delimiter).some((path) => existsSync(join(path, shell)));
  it.for([
    ['bash', 'COMP_WORDS=(saga list --status C); COMP_CWORD=3; _saga; echo "$COMPREPLY"'],
    // Outside a completing shell there is nothing to add to: what would be added is seen all the same.
    ['zsh', 'compadd() { echo $found }; words=(saga list --status C); CURRENT=4; _saga'],
    ['fish', "complete -C 'saga list --status C'"],
  ] as const)('works in %s', async ([shell, ask], { skip }) => {
    if (!isHere(shell)) skip(`${shell} is not installed`);
    const { out: script } = await saga(['completion', shell]);
    const before = shell === 'zsh' ? 'compdef() { :; }' : '';
    const env = { PATH: `${folder}${delimiter}${process.env.PATH}`, HOME: folder };
    const said = execFileSync(shell, ['-c', `${before}\n${script}\n${ask}`], {
      env,
      encoding: 'utf8',
      cwd: process.cwd(),
    });
    expect(said).toBe('COMPLETED\n');
  });
});
