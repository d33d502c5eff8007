/**
 * A saga as a test that plays it again: its input, what participants said in turn, and the calls that were made, for `run` of
 * saga-coordinator/testing. It is made of what is shown of the saga, and so has no secrets.
 */
import { stringify } from '../../json/exact.ts';
import type { Answer, RegisteredMachine } from '../../machines/index.ts';
import { jsonSchemaOf } from '../../machines/outline.ts';
import { callStates, leavesIn } from '../../machines/structure.ts';
import type { NumberedEntry } from '../../stores/saga-store.ts';
import type { SagaHistory } from '../engine/contract.ts';

/** The text, with the events whose data must be filled in by hand; or why there can be none. */
export type TestText =
  | { readonly text: string; readonly events: readonly string[] }
  | { readonly why: string };

/** What a script can say, or what comes of itself: of anything else a test would have to lie. */
const PLAYED: ReadonlySet<string> = new Set([
  ...['started', 'done', 'refused', 'retryable', 'unknown', 'deferred', 'due'],
  ...['accepted', 'outcome', 'event', 'takenOver'],
]);

export function testOf({ saga, log }: SagaHistory, machine: RegisteredMachine): TestText {
  const why = hindrance({ saga, log });
  if (why !== null) return { why };
  const states = callStates(machine.machine);
  const script = new Map<string, string[]>();
  const calls: string[] = [];
  const killed: string[] = [];
  const events = new Set<string>();
  const say = (title: string, reply: string, isCall = true) => {
    if (isCall) calls.push(title);
    script.set(title, [...(script.get(title) ?? []), reply]);
  };
  for (const [index, entry] of log.entries()) {
    const { event, step, kind, from } = entry;
    if (event === 'event' && entry.reason !== undefined) events.add(entry.reason);
    if (event === 'takenOver') {
      const [call] = leavesIn(from ?? '').flatMap((leaf) => states.get(leaf) ?? []);
      const title = call === undefined ? null : titleOf(call.step, call.kind);
      // What came of the call that was under way nobody has heard.
      if (title !== null) say(title, 'unreached()');
      if (title !== null) killed.push(title);
    }
    const reply = replyTo(entry, log.slice(index + 1), saga.context.answers);
    if (reply === null || step === null) continue;
    say(titleOf(step, kind), reply, event !== 'outcome');
  }
  if (killed.length > 1)
    return { why: 'It was taken over more than once: a script kills a coordinator once.' };
  const options = [
    ...(events.size > 0
      ? [
          `events: {\n${[...events].map((name) => `${nameIn(name)}: {}, // What came with it is not kept.`).join('\n')}\n},`,
        ]
      : []),
    ...killed.map((title) => `killedDuring: ${text(title)},`),
  ];
  const spoken = [...script].filter(([title, replies]) => !isUsual(title, replies));
  const replies = spoken.map(([title, said]) => `${nameIn(title)}: [${said.join(', ')}],`);
  const used = [
    'run',
    ...spoken.flatMap(([, said]) => said.map((reply) => reply.slice(0, reply.indexOf('(')))),
  ];
  const lines = [
    `import { expect, it } from 'vitest';`,
    `import { ${[...new Set(used)].sort().join(', ')} } from 'saga-coordinator/testing';`,
    `import saga from './${saga.machine.id}.ts'; // Where ${saga.machine.id}, version ${saga.machine.version}, is defined.`,
    '',
    `it(${text(`goes as ${saga.id} did`)}, async () => {`,
    `const end = await run(`,
    'saga,',
    `${stringify(inputOf(machine, saga.context.data), 2)},`,
    ...(replies.length + options.length > 0 ? ['{', ...replies, '},'] : []),
    ...(options.length > 0 ? ['{', ...options.join('\n').split('\n'), '},'] : []),
    ');',
    `expect(end).toMatchObject({`,
    `status: ${text(saga.status)},`,
    `calls: [${calls.map(text).join(', ')}],`,
    '});',
    '});',
    '',
  ];
  return { text: indented(lines.join('\n')), events: [...events] };
}

function hindrance({ saga, log }: SagaHistory): string | null {
  if (saga.status === 'STARTED') return 'It has not ended.';
  if (saga.unreadable !== null || log[0]?.event !== 'started' || log.length !== saga.seq)
    return 'Its log is not whole.';
  const other = log.find(({ event, outcome }) => !PLAYED.has(event) && outcome !== 'ignored');
  if (other !== undefined)
    return `No script can do what entry ${other.seq} of its log tells: ${other.event}.`;
  const isBeside = ({ to, step }: NumberedEntry) => leavesIn(to).length > 1 || step?.includes('/') === true;
  return log.some(isBeside)
    ? 'Some of its calls were made side by side: a script answers them in an order of its own.'
    : null;
}

/** What a script says for it; `null` for what is no outcome of a call. */
function replyTo(
  { event, outcome, step, kind, error }: NumberedEntry,
  later: readonly NumberedEntry[],
  answers: Readonly<Record<string, Answer>>,
): string | null {
  switch (event === 'outcome' ? outcome : event) {
    case 'done': {
      const answer = kind === 'action' ? answers[step ?? ''] : undefined;
      return answer === undefined ? 'done()' : `done(${stringify(answer, 2)})`;
    }
    case 'refused':
      return `refused(${text(error ?? 'no')})`;
    case 'accepted':
      return 'accepted()';
    case 'retryable':
      return 'busy()';
    case 'unknown':
      // Whoever is asked again says what was done: so it was not, as long as that is open.
      return later.some((one) => one.step === step && one.kind === kind) ? 'unreached()' : 'lost()';
    default:
      return null;
  }
}

function titleOf(step: string, kind: NumberedEntry['kind']): string {
  return kind === 'compensation' ? `undo ${step}` : step;
}

/** A script need not say that an undo is done. */
function isUsual(title: string, replies: readonly string[]): boolean {
  return title.startsWith('undo ') && replies.every((reply) => reply === 'done()');
}

/** The facts that a saga began with, as far as its schema names them. */
function inputOf({ input }: RegisteredMachine, data: Answer): Answer {
  const names = input === null ? undefined : (jsonSchemaOf(input).properties as object | undefined);
  return names === undefined
    ? data
    : Object.fromEntries(Object.entries(data).filter(([name]) => name in names));
}

function text(value: string): string {
  return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function nameIn(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : text(name);
}

/** Each line as deep as the brackets before it. */
function indented(lines: string): string {
  let depth = 0;
  return lines
    .split('\n')
    .map((line) => {
      const bare = line.trim();
      if (/^[)\]}]/.test(bare)) depth -= 1;
      const shown = bare === '' ? '' : '  '.repeat(depth) + bare;
      if (/[([{]$/.test(bare)) depth += 1;
      return shown;
    })
    .join('\n');
}
