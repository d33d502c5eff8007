/** Who did what: the audit shown, saved, and verified, also from a file and without a coordinator. */
import { createReadStream, readFileSync } from 'node:fs';
import type { ChainHead, Verified } from '../stores/audit-verify.ts';
import type { Command, Invocation } from './command.ts';
import type { Cell } from './paper.ts';
import { EXIT, type ExitCode, UsageError } from './surroundings.ts';
import { asJson, shown } from './text.ts';
import { timeIn, wholeIn } from './values.ts';

const PATH = '/api/coordinator/audit';
const LINES = 'text/x-ndjson';
const FILTERS = ['actor', 'by', 'saga', 'action', 'since', 'until'] as const;
/** Options of one of the three alone. */
const ONLY = {
  list: [...FILTERS, 'limit', 'cursor'],
  export: [...FILTERS, 'csv'],
  verify: ['since-head'],
} as const;

export const audit: Command = {
  summary: 'who did what; saved, and verified from FILE or as it is now',
  more:
    'list shows it, newest first. export writes all entries as they are stored, or with\n' +
    '--csv a table. verify names what was changed, removed, swapped or inserted; seals are\n' +
    'verified by AUDIT_KEY or AUDIT_KEY_FILE, of one key or several. What is missing at an\n' +
    'end is seen with --since-head: an earlier export, or what verify --json wrote.',
  words: [
    { name: 'WHAT', choices: ['list', 'export', 'verify'] },
    { name: 'FILE', isOptional: true },
  ],
  options: {
    actor: { value: 'WHO', says: 'as the coordinator knows them: user:ada' },
    by: { value: 'NAME', says: 'as they said themselves' },
    saga: { value: 'ID', says: 'of this saga, whole' },
    action: { value: 'ACTION', says: 'such as cancel' },
    since: { value: 'TIME', says: 'at this time or later; 2h is two hours ago' },
    until: { value: 'TIME', says: 'before it' },
    limit: { value: 'N', says: 'list: how many, at most 500 (50)' },
    cursor: { value: 'CURSOR', says: 'list: goes on where the last one ended' },
    csv: { says: 'export: a table, newest first, which cannot be verified' },
    'since-head': { value: 'FILE', says: 'verify: how far chains were seen to go' },
  },
  run: async (invocation) => {
    const [what = '', file] = invocation.words;
    const own: readonly string[] = ONLY[what as keyof typeof ONLY];
    const foreign = Object.keys(invocation.values).find(
      (name) => name in audit.options && !own.includes(name),
    );
    if (foreign !== undefined) throw new UsageError(`audit ${what} knows no --${foreign}`);
    if (what === 'verify') return verify(invocation, file);
    if (file !== undefined) throw new UsageError(`audit ${what} takes no further word, as ${file}`);
    return what === 'list' ? list(invocation) : save(invocation);
  },
};

function queryOf({ values, around }: Invocation): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of FILTERS) {
    const value = values[name];
    if (typeof value !== 'string') continue;
    const isTime = name === 'since' || name === 'until';
    query.set(name === 'saga' ? 'saga_id' : name, isTime ? timeIn(`--${name}`, value, around.now()) : value);
  }
  return query;
}

async function list(invocation: Invocation): Promise<ExitCode> {
  const { coordinator, values, asJson: json, paper, around } = invocation;
  const query = queryOf(invocation);
  if (values.limit !== undefined) query.set('limit', String(wholeIn('--limit', values.limit, 1, 500)));
  if (typeof values.cursor === 'string') query.set('cursor', values.cursor);
  const { body } = await coordinator.ask(`${PATH}${query.size > 0 ? `?${query}` : ''}`);
  if (json) {
    around.out.write(`${asJson(body, 2)}\n`);
    return EXIT.ok;
  }
  const { entries, cursor } = body as { entries: Readonly<Record<string, unknown>>[]; cursor: string | null };
  const heads = ['AT', 'ACTION', 'BY', 'ACTOR', 'SAGA', 'FROM', 'TO', 'REASON'];
  const rows = entries.map((entry): Cell[] => [
    { text: paper.time(entry.at), least: 'whole' },
    { text: actionOf(entry), least: 'whole' },
    shown(entry.by) || '-',
    shown(entry.actor) || '-',
    { text: shown(entry.saga_id ?? '') || '-', least: 16 },
    stateIn(entry.before),
    stateIn(entry.after),
    shown(entry.reason) || '-',
  ]);
  around.out.write(paper.table([heads.map((text): Cell => ({ text, colour: 'grey' })), ...rows]));
  if (cursor !== null) around.err.write(`more with --cursor ${shown(cursor)}\n`);
  return EXIT.ok;
}

function actionOf({ action, step, as, event, outcome }: Readonly<Record<string, unknown>>): string {
  const of = step ?? as ?? event;
  return shown(action) + (of ? ` ${shown(of)}` : '') + (outcome === 'ignored' ? ' (ignored)' : '');
}

function stateIn(standing: unknown): string {
  return shown((standing as { state?: unknown } | null)?.state ?? '') || '-';
}

/** As it comes, so that an audit of any length can be saved. */
async function save(invocation: Invocation): Promise<ExitCode> {
  const { values, transport, around } = invocation;
  const query = queryOf(invocation);
  if (values.csv !== true && query.size > 0)
    throw new UsageError('a part of the audit cannot be verified: leave the filters out, or take --csv');
  const body =
    values.csv === true
      ? await transport.download(`${PATH}.csv${query.size > 0 ? `?${query}` : ''}`, 'text/csv')
      : await transport.download(`${PATH}.ndjson`, LINES);
  const decoder = new TextDecoder();
  for await (const chunk of body) around.out.write(decoder.decode(chunk, { stream: true }));
  return EXIT.ok;
}

async function verify(invocation: Invocation, file: string | undefined): Promise<ExitCode> {
  const { values, transport, asJson: json, paper, around } = invocation;
  const { AuditVerifier } = await import('../stores/audit-verify.ts');
  const head = values['since-head'];
  const verifier = new AuditVerifier(keysIn(around.env), typeof head === 'string' ? await headsIn(head) : []);
  const pieces = file === undefined ? await transport.download(`${PATH}.ndjson`, LINES) : piecesOf(file);
  for await (const line of linesOf(pieces, file)) verifier.add(line);
  const verified = verifier.verified();
  around.out.write(json ? `${asJson(verified, 2)}\n` : paper.table(rowsOf(verified)));
  const { faults, chains } = verified;
  const count = chains.reduce((sum, { entries }) => sum + entries, 0);
  const unsealed = chains.reduce((sum, chain) => sum + chain.unsealed, 0);
  if (!json) {
    around.err.write(`${count} entries in ${chains.length} chains, ${count - unsealed} of them sealed: `);
    around.err.write(faults.length === 0 ? 'nothing is wrong with them\n' : `${faults.length} faults\n`);
  }
  return faults.length === 0 ? EXIT.ok : EXIT.sagaFailed;
}

function rowsOf({ chains, faults }: Verified): Cell[][] {
  return [
    ...chains.map(({ chain, first, seq, hash }): Cell[] => {
      const broken = faults.some((fault) => fault.chain === chain);
      return [
        { text: broken ? 'BROKEN' : 'whole', colour: broken ? 'red' : 'green', least: 'whole' },
        { text: shown(chain), least: 'whole' },
        { text: `entries ${first} to ${seq}, the last ${hash.slice(0, 16)}`, least: 'whole' },
      ];
    }),
    ...faults.map(({ chain, what }): Cell[] => [
      { text: 'fault', colour: 'red', least: 'whole' },
      { text: shown(chain), least: 'whole' },
      { text: shown(what), least: 'whole' },
    ]),
  ];
}

/** `null` where none is given: seals are left as they are. */
function keysIn({ AUDIT_KEY: given = '', AUDIT_KEY_FILE: file = '' }: Invocation['around']['env']) {
  const texts = (file === '' ? given : textIn(file)).split(/\s+/).filter((text) => text !== '');
  if (texts.length === 0) return null;
  return new Map(
    texts.map((text) => {
      const [, id, secret] = /^([\w.-]{1,64}):(\S+)$/.exec(text) ?? [];
      if (id === undefined || secret === undefined)
        throw new UsageError('AUDIT_KEY must be "id:secret", as the coordinators have it');
      return [id, secret] as const;
    }),
  );
}

function textIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

async function* piecesOf(file: string): AsyncGenerator<Uint8Array, void> {
  try {
    yield* createReadStream(file);
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** Of an export the last entry of each chain; else what verify has written. */
async function headsIn(file: string): Promise<ChainHead[]> {
  const text = textIn(file);
  const found = new Map<string, ChainHead>();
  const take = ({ chain, seq, hash }: Partial<ChainHead>) => {
    if (typeof chain === 'string' && typeof seq === 'number' && typeof hash === 'string')
      found.set(chain, { chain, seq, hash });
  };
  try {
    const { chains, ...one } = JSON.parse(text) as { chains?: readonly ChainHead[] } & Partial<ChainHead>;
    for (const each of Array.isArray(chains) ? chains : [one]) take(each);
  } catch {
    for await (const line of linesOf(piecesOf(file), file)) take(line as Partial<ChainHead>);
  }
  if (found.size === 0 && text.trim() !== '') throw new UsageError(`${file} names no end of a chain`);
  return [...found.values()];
}

async function* linesOf(
  pieces: AsyncIterable<Uint8Array>,
  file = 'the answer',
): AsyncGenerator<unknown, void> {
  const decoder = new TextDecoder();
  let number = 0;
  let left = '';
  const read = (line: string): unknown => {
    number += 1;
    try {
      return line.trim() === '' ? undefined : JSON.parse(line);
    } catch {
      throw new UsageError(`${file} is no export of an audit: line ${number} is no JSON`);
    }
  };
  for await (const piece of pieces) {
    const lines = (left + decoder.decode(piece, { stream: true })).split('\n');
    left = lines.pop() ?? '';
    for (const line of lines.map(read)) if (line !== undefined) yield line;
  }
  const last = read(left);
  if (last !== undefined) yield last;
}
