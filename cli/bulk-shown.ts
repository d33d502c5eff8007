/** Acts on many sagas as people read them: before, on the way, and afterwards. */
import type { Bulk, Schemas } from '../client/client.ts';
import type { Invocation } from './command.ts';
import type { Cell } from './paper.ts';
import { asJson, type Colour, shown } from './text.ts';

type Preview = Schemas['BulkPreview'];
type Group = Preview['groups'][number];
type State = keyof Bulk['counts'];
type Row = readonly Cell[];

/** Those that need a person come first. */
const STATES: Readonly<Record<State, readonly [string, Colour]>> = {
  parked: ['parked again', 'red'],
  again: ['failed again', 'red'],
  refused: ['nothing done', 'yellow'],
  pending: ['pending', 'blue'],
  unasked: ['not asked', 'grey'],
  done: ['done', 'green'],
};
const grey = (text: string): Cell => ({ text, colour: 'grey' });

/** Nobody asks any more, and nothing is on its way: where all were asked, those that failed again try once more by themselves. */
export function isEnded({ running, counts: { pending, again, unasked } }: Bulk): boolean {
  return !running && pending === 0 && (again === 0 || unasked > 0);
}

/** Where everybody sees it, if the coordinator has pages. */
export function pageOf(url: string, id: string): string {
  return shown(`${url}/bulks/${id}`);
}

export function tellBulk(bulk: Bulk, { asJson: json, paper, url, around: { out, err } }: Invocation): void {
  if (json) {
    out.write(`${asJson(bulk, 2)}\n`);
    return;
  }
  const { bulk_id: id, by, reason, created_at: begun, counts, sagas, can_continue: canContinue } = bulk;
  const facts: Row[] = [
    [grey('bulk'), shown(id)],
    [grey('act'), actOf(bulk)],
    [grey('by'), `${shown(by)}: ${shown(reason)}`],
    [grey('begun'), paper.time(begun)],
    [grey('page'), pageOf(url, id)],
    [grey('stage'), stageOf(bulk)],
  ];
  const states = Object.entries(STATES) as [State, readonly [string, Colour]][];
  const counted = states.filter(([state]) => counts[state] > 0 || state === 'done');
  const rows = counted.map(([state, [text, colour]]): Row => [{ text, colour }, shown(counts[state])]);
  out.write(`${paper.table(facts)}\n${paper.table(rows)}`);
  const named = sagas.filter(({ state }) => state === 'parked' || state === 'again' || state === 'refused');
  if (named.length > 0) {
    const told = named.map(({ saga_id, state, result, status }): Row => {
      const [text, colour] = STATES[state];
      const why = state === 'refused' ? `${text}: ${shown(result)}` : text;
      return [{ text: shown(saga_id), least: 'whole' }, { text: why, colour }, shown(status) || '-'];
    });
    out.write(`\n${paper.table([['SAGA', 'WHAT CAME OF IT', 'STATUS'].map(grey), ...told])}`);
  }
  if (canContinue)
    err.write(`${shown(counts.unasked)} were not asked: \`saga bulk continue ${shown(id)}\` asks them\n`);
}

function stageOf({ stage, running, can_continue: canContinue }: Bulk): Cell {
  if (stage === 'stopped') return { text: 'stopped: some have failed again', colour: 'red' };
  if (stage === 'halted') return 'stopped by hand';
  if (canContinue) return { text: 'nobody asks: the coordinator that did has ended', colour: 'red' };
  return running ? 'asking' : 'all were asked';
}

export function tellBulks(
  bulks: readonly Schemas['BulkSummary'][],
  { asJson: json, paper, around: { out } }: Invocation,
): void {
  const rows = bulks.map(
    (bulk): Row => [
      { text: shown(bulk.bulk_id), least: 'whole' },
      actOf(bulk),
      shown(bulk.sagas),
      shown(bulk.by),
      { text: paper.time(bulk.created_at), least: 'whole' },
    ],
  );
  const heads = ['BULK', 'ACT', 'SAGAS', 'BY', 'BEGUN'].map(grey);
  out.write(json ? `${asJson({ bulks }, 2)}\n` : paper.table([heads, ...rows]));
}

export function tellPreview(
  preview: Preview,
  { asJson: json, paper, around: { out, err } }: Invocation,
): void {
  if (json) {
    out.write(`${asJson(preview, 2)}\n`);
    return;
  }
  const { sagas, has_more: hasMore, groups } = preview;
  const told = groups.map(
    (group) => `${paper.paint('bold', titleOf(group))}\n${paper.table(foreseenOf(group))}`,
  );
  out.write(told.join('\n'));
  err.write(
    `${shown(sagas)} would be asked${hasMore ? ', the newest of more that there are' : ''}: nothing was\n`,
  );
}

function titleOf({ sagas, machine, step, kind, error }: Group): string {
  const cause = step === null ? (error ?? 'in flight') : `${callOf({ step, kind })}: ${error ?? ''}`;
  return shown(`${sagas} of ${machine}, ${cause}`);
}

/** If all calls succeed. */
function foreseenOf({ sagas, held, foreseen, impossible, calls, ends, left }: Group): Row[] {
  const not = impossible > 0 ? `, ${impossible} cannot be asked for it as they stand` : '';
  return [
    [grey('held'), heldIn(held)],
    ...(foreseen < sagas || impossible > 0 ? [[grey('looked at'), shown(`${foreseen}${not}`)]] : []),
    ...(calls.length === 0 ? [[grey('calls'), '-']] : []),
    ...calls.map(
      ({ count, participant, ...call }, index): Row => [
        grey(index === 0 ? 'calls' : ''),
        shown(`${count} × ${callOf(call)}, of ${participant}`),
      ],
    ),
    [
      grey('then'),
      Object.entries(ends)
        .map(([end, count]) => shown(`${count} ${end}`))
        .join(', ') || '-',
    ],
    [grey('still held'), heldIn(left)],
  ];
}

function callOf({ step, kind }: Pick<Group, 'step' | 'kind'>): string {
  return kind === 'compensation' ? `undo ${step}` : String(step);
}

function actOf({ act, step, as, with_proof: isProven }: Schemas['BulkSummary'] | Bulk): string {
  return [act, step, as, isProven && 'with proof'].map(shown).filter(Boolean).join(' ');
}

/** `17 payment, 425.00 EUR of payment`: amounts of money come in minor units. */
function heldIn(sums: Group['held']): string {
  const told = Object.entries(sums).map(([name, sum]) => {
    const [kind = '', unit] = name.split(' ');
    return unit === undefined ? `${sum} ${kind}` : `${amountIn(sum, unit)} of ${kind}`;
  });
  return shown(told.join(', ')) || '-';
}

function amountIn(amount: number, unit: string): string {
  if (!/^[A-Z]{3}$/.test(unit)) return `${amount} ${unit}`;
  const format = new Intl.NumberFormat('en', { style: 'currency', currency: unit });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 2;
  return `${(amount / 10 ** digits).toFixed(digits)} ${unit}`;
}
