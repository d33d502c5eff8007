/**
 * How a record lies in its hash, and how it is read back. What Redis gives back is validated: a record that
 * somebody edited or half restored must not reach a statechart. Nothing is skipped in silence, and nothing fails with
 * it: what cannot be read of a record has a stand-in, and the record says which fields these are.
 */
import { z } from 'zod';
import { parse, stringify } from '../../json/exact.ts';
import { spanOf } from '../assertions.ts';
import { bornAtMs } from '../partition.ts';
import {
  type LogEntry,
  type MachineRef,
  type NumberedEntry,
  type Parked,
  SAGA_STATUSES,
  type SagaRecord,
  type SagaStatus,
  type SagaSummary,
  SIGNAL_KINDS,
  type Signal,
  UNKNOWN_HELD,
  UNREADABLE,
  type Write,
} from '../saga-store.ts';
import { counterField, type MachineName, machineOfName } from './keys.ts';
import { causeKeyIn, encodeCauses } from './parked.ts';

const UNREADABLE_MACHINE: MachineRef = { id: UNREADABLE, version: '', structure: '' };
const UNREADABLE_SIGNAL: Signal = { id: UNREADABLE, kind: UNREADABLE, atMs: 0, by: '', reason: '' };

/** Letters of 32 bytes in base64. */
const KEY_AT_REST = 43;
const LED_AT_REST = 38;
const LETTERS_OF_DIGEST = 20;
/** A body's SHA-256 as the routes write it. */
const DIGEST = /^[\w-]{43}$/;

const status = z.enum(SAGA_STATUSES);
/** Few enough digits to be exact. The scripts read the same (`digits` in lua/shared.lua). */
const whole = z
  .string()
  .regex(/^\d{1,15}$/, 'no whole number')
  .transform(Number);
const count = z.number().int().nonnegative();
const orNull = <T extends z.ZodType>(schema: T) => z.union([z.literal('').transform(() => null), schema]);

/** @param read leaves numbers as they were written where a saga's participants have written them */
function json<T extends z.ZodType>(schema: T, read: (text: string) => unknown = JSON.parse) {
  const parsed = z.string().transform((text, context): unknown => {
    try {
      return read(text);
    } catch {
      context.issues.push({ code: 'custom', message: 'not JSON', input: text });
      return z.NEVER;
    }
  });
  return parsed.pipe(schema);
}

const machine = json(
  z.union([
    z.object({ id: z.string(), version: z.string(), structure: z.string() }),
    // Of a saga that rests.
    z
      .tuple([z.string(), z.string(), z.string()])
      .transform(([id, version, structure]) => ({ id, version, structure })),
  ]),
);

const signal: z.ZodType<Signal> = z.object({
  id: z.string(),
  kind: z.enum(SIGNAL_KINDS),
  atMs: z.number(),
  by: z.string(),
  actor: z.string().exactOptional(),
  reason: z.string(),
  step: z.string().exactOptional(),
  as: z.enum(['COMPLETED', 'FAILED']).exactOptional(),
  name: z.string().exactOptional(),
  attempt: count.exactOptional(),
  outcome: z.enum(['done', 'refused']).exactOptional(),
  payload: z.string().exactOptional(),
  sealed: z.string().exactOptional(),
});

const sealedLabel = z.object({ label: z.string(), hash: z.string() });

const fields = z.object({
  machine,
  // Absent where the saga was asked for without one.
  trace: z.string().optional(),
  revision: whole,
  write_id: z.string(),
  snapshot: z.string(),
  summary: json(
    z
      .object({
        // Under the name that it had when all sagas were orders, so that older releases read it beside this one. Some
        // of them wrote a label of its own with it.
        order_id: z.string().nullable(),
        label: z.string().nullable().exactOptional(),
        steps_completed: count,
        total_steps: count,
        failed_step: z.string().nullable(),
        failed_step_index: count.nullable(),
        sealed: sealedLabel.exactOptional(),
      })
      .transform(({ order_id, label = order_id, ...summary }) => ({ ...summary, label })),
  ),
  state: z.string(),
  status,
  parked: orNull(
    json(
      z.object({
        reason: z.string(),
        held: z.array(
          z.object({
            step: z.string(),
            reason: z.string(),
            response: z.unknown(),
            says: z.string().exactOptional(),
            kind: z.string().exactOptional(),
            amount: z.number().exactOptional(),
            unit: z.string().exactOptional(),
          }),
        ),
        sealed: z.string().exactOptional(),
      }),
      parse,
    ),
  ),
  seq: whole,
  created: whole,
  updated: whole,
  owner: orNull(
    z
      .string()
      .regex(/^\d+ /)
      .transform((text) => {
        const space = text.indexOf(' ');
        return { name: text.slice(space + 1), boot: Number(text.slice(0, space)) };
      }),
  ),
  due: orNull(whole),
  // Absent but where it is parked.
  cause: z.string().optional(),
  parkings: whole.optional().catch(undefined),
  // Absent until the first signal: then there is nothing to answer.
  signals: z
    .string()
    .optional()
    .transform((text) => decodeSignals(text ?? '')),
});

/** What a listing shows, and `matches` asks: nothing that grows with what the saga knows, or with what it was told. */
export const LISTED = [
  'machine',
  'revision',
  'write_id',
  'summary',
  'state',
  'status',
  'parked',
  'seq',
  'created',
  'updated',
  'owner',
  'due',
] as const satisfies readonly (keyof z.infer<typeof fields>)[];

/** What a listing shows of a saga that rests (compaction.ts), in as few letters as Redis keeps in one string with all others. */
const brief = json(
  z.tuple([
    z.string().nullable(),
    count,
    count,
    z.string().nullable(),
    count.nullable(),
    sealedLabel.optional(),
  ]),
);

/** A summary as a brief; `null` for one that cannot be read. */
export function briefOf(summary: string): string | null {
  const { data } = fields.shape.summary.safeParse(summary);
  return data ? encodeBrief(data) : null;
}

/** Without the state, as a summary is kept. */
export function encodeBrief(summary: Omit<SagaSummary, 'state'> & { readonly state?: string }): string {
  const { label, steps_completed, total_steps, failed_step, failed_step_index, sealed, state, ...others } =
    summary;
  // A summary has nothing else: what is added to it must be added here.
  const none: Record<string, never> = others;
  const texts = [label, steps_completed, total_steps, failed_step, failed_step_index, ...Object.values(none)];
  return JSON.stringify(sealed === undefined ? texts : [...texts, sealed]);
}

/** A brief as a summary; `null` for one that cannot be read. */
export function summaryOfBrief(text: string): string | null {
  const { data } = brief.safeParse(text);
  if (!data) return null;
  const [order_id, steps_completed, total_steps, failed_step, failed_step_index, sealed] = data;
  return JSON.stringify({ order_id, steps_completed, total_steps, failed_step, failed_step_index, sealed });
}

/** Whatever lies there can be read, or is passed over. */
type Lenient = 'trace' | 'cause' | 'parkings' | 'signals';

/** What stands for a field that cannot be read. Nothing is known of such a saga but its id, which says when it began. */
function standIns(
  id: string,
  status: SagaStatus,
): Record<Exclude<keyof z.infer<typeof fields>, Lenient>, string> {
  const born = String(bornAtMs(id));
  return {
    machine: encodeMachine(UNREADABLE_MACHINE),
    revision: '0',
    write_id: '',
    snapshot: '',
    summary: JSON.stringify({
      order_id: null,
      steps_completed: 0,
      total_steps: 0,
      failed_step: null,
      failed_step_index: null,
    }),
    state: UNREADABLE,
    status,
    parked: JSON.stringify({ reason: UNREADABLE, held: UNKNOWN_HELD }),
    seq: '0',
    created: born,
    updated: born,
    owner: '',
    due: '',
  };
}

/**
 * Reads a record, whatever lies in its hash.
 * @param status stands in for one that cannot be read: that of the index in which the saga was found. Parked, where none
 *   is known, because a person must look at it.
 * @param damage what the store has found to be damaged before, and mended, in words
 */
export function decodeRecord(
  id: string,
  hash: Readonly<Record<string, string>>,
  status: SagaStatus = 'ABORTED',
  damage = '',
): SagaRecord {
  const { data, error } = fields.safeParse(hash);
  if (data) return recordOf(id, data, damage);
  const bad = new Map(
    error.issues.map(({ path: [name], message }) => [
      String(name),
      String(name) in hash ? message : 'it is missing',
    ]),
  );
  const instead = standIns(id, status);
  const mended = { ...hash, ...pick(instead, bad) };
  const words = [...bad].map(([name, message]) => `${name}: ${message}; `).join('');
  return recordOf(id, fields.parse(mended), damage + words);
}

function pick(texts: Readonly<Record<string, string>>, names: ReadonlyMap<string, unknown>) {
  return Object.fromEntries(Object.entries(texts).filter(([name]) => names.has(name)));
}

function recordOf(id: string, data: z.infer<typeof fields>, damage: string): SagaRecord {
  const signals = data.signals.some(({ kind }) => kind === UNREADABLE)
    ? 'signals: not all can be read; '
    : '';
  const unreadable = (damage + signals).replace(/; $/, '').slice(0, 500);
  return {
    id,
    machine: data.machine,
    trace: data.trace ?? null,
    fence: { revision: data.revision, writeId: data.write_id },
    snapshot: data.snapshot,
    summary: { state: data.state, ...data.summary },
    status: data.status,
    parked: data.parked,
    seq: data.seq,
    createdAtMs: data.created,
    updatedAtMs: data.updated,
    owner: data.owner,
    dueAtMs: data.due,
    signals: data.signals,
    ...(data.parkings === undefined ? {} : { parkings: data.parkings }),
    ...(data.cause ? { cause: causeKeyIn(data.cause) ?? '' } : {}),
    unreadable: unreadable === '' ? null : unreadable,
  };
}

export function encodeMachine({ id, version, structure }: MachineRef): string {
  return JSON.stringify({ id, version, structure });
}

/** The same in fewer letters, of a saga that rests: no script asks for it any more. */
export function encodeRestingMachine({ id, version, structure }: MachineRef): string {
  return JSON.stringify([id, version, structure]);
}

/** How that text begins for every structure of a version: scripts see by it whether a saga runs on the version. */
export function machineBegins(name: MachineName): string {
  return JSON.stringify(machineOfName(name)).slice(0, -1);
}

export function decodeMachine(text: string): MachineRef {
  return machine.safeParse(text).data ?? UNREADABLE_MACHINE;
}

/** The SHA-256 of an idempotency key as it lies at rest, and as it names the key's record. */
export function encodeRestingKey(digest: string): string {
  return isSha256(digest) ? Buffer.from(digest, 'hex').toString('base64url') : digest;
}

/** Of a record that rests or not. */
export function decodeKey(text: string): string {
  return text.length === KEY_AT_REST ? Buffer.from(text, 'base64url').toString('hex') : text;
}

/**
 * The record of an idempotency key whose saga rests, in so few bytes that Redis keeps them with their header: 16 of its UUID, the
 * first 20 letters of the body's digest, and its partition. Empty where it stays as it is: a digest that is made by a key is
 * to be seen by which.
 */
export function encodeLed(id: string, digest: string): Buffer | '' {
  const [, partition = '', uuid = ''] = /^(\w\w)-(.{36})$/.exec(id) ?? [];
  if (uuid === '' || !DIGEST.test(digest)) return '';
  return Buffer.concat([
    Buffer.from(uuid.replaceAll('-', ''), 'hex'),
    Buffer.from(digest.slice(0, LETTERS_OF_DIGEST) + partition),
  ]);
}

/** Where such a record leads, of a saga that rests or not, and whether the body that was sent with the key has this digest. */
export function decodeLed(record: Buffer, digest: string): { readonly id: string; readonly isSame: boolean } {
  if (record.length !== LED_AT_REST) {
    const [id = '', first] = record.toString().split(' ');
    return { id, isSame: first === digest };
  }
  const uuid = record.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  const said = record.toString('latin1', 16);
  const isSame = DIGEST.test(digest) && said.startsWith(digest.slice(0, LETTERS_OF_DIGEST));
  return { id: `${said.slice(LETTERS_OF_DIGEST)}-${uuid}`, isSame };
}

function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** A signal's line. Its id comes first, so that a repetition can be found by how it begins. */
export function encodeSignal({ id, ...rest }: Signal): string {
  return JSON.stringify({ id, ...rest });
}

/** The text of a mailbox: as many signals as it has lines. One that cannot be read asks for nothing, and is answered. */
export function decodeSignals(text: string): Signal[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line): Signal => json(signal).safeParse(line).data ?? { ...UNREADABLE_SIGNAL });
}

/** A saga whose status cannot be read needs a person, as one that is parked. */
export function decodeStatus(text: string): SagaStatus {
  return status.safeParse(text).data ?? 'ABORTED';
}

const text = z.string().nullable();
const logEntry = json(
  z.object({
    at: z.iso.datetime(),
    event: z.string(),
    from: text,
    to: z.string(),
    step: text,
    kind: z.enum(['action', 'compensation']).nullable(),
    attempt: z.number().nullable(),
    outcome: text,
    duration_ms: z.number().nullable(),
    error: text,
    answer: z.string().exactOptional(),
    replayed: z.literal(true).exactOptional(),
    by: z.string().exactOptional(),
    reason: z.string().exactOptional(),
    sealed: z.string().exactOptional(),
  }),
);

/** A number among the lines is how many entries were dropped there. What cannot be read has its place, and says why. */
export function decodeLog(lines: readonly string[]): NumberedEntry[] {
  let seq = 0;
  let at = new Date(0).toISOString();
  return lines.flatMap((line) => {
    const isGap = /^\d{1,15}$/.test(line);
    seq += isGap ? Number(line) : 1;
    if (isGap) return [];
    const { data, error } = logEntry.safeParse(line);
    at = data?.at ?? at;
    return { ...(data ?? unreadableEntry(at, z.prettifyError(error))), seq };
  });
}

/** @param at when the entry before it was written */
export function unreadableEntry(at: string, error: string): LogEntry {
  const none = { from: null, step: null, kind: null, attempt: null, outcome: null, duration_ms: null };
  return { ...none, at, event: UNREADABLE, to: '', error: error.slice(0, 500) };
}

/** Without the state, which has a field of its own. */
export function encodeSummary(summary: SagaSummary): string {
  const { label, steps_completed, total_steps, failed_step, failed_step_index, sealed } = summary;
  return JSON.stringify({
    order_id: label,
    steps_completed,
    total_steps,
    failed_step,
    failed_step_index,
    sealed,
  } satisfies { readonly [Name in Exclude<keyof SagaSummary, 'state' | 'label'>]: unknown } & {
    readonly order_id: string | null;
  });
}

/** ARGV 4 to 14 of lua/write.lua. No validation here: this is the hot path, and the caller is our own engine. */
export function encodeWrite(
  machine: MachineName,
  { writeId, owner, snapshot, summary, earlier = [], entry, next }: Write,
): string[] {
  return [
    writeId,
    snapshot,
    encodeSummary(summary),
    summary.state,
    [...earlier, entry].map((one) => JSON.stringify(one)).join('\n'),
    next.kind === 'end' ? next.status : next.kind === 'park' ? 'ABORTED' : 'STARTED',
    String(spanOf(next)),
    next.kind === 'act' ? `${owner.boot} ${owner.name}` : '',
    ...(next.kind === 'park' ? encodeParked(machine, next.parked) : ['', '', '']),
  ];
}

function encodeParked(machine: MachineName, whole: Parked): string[] {
  const { counted: _, ...parked } = whole;
  return [stringify(parked), ...encodeCauses(idOfName(machine), whole)];
}

/** Of a name that is none, as it is: nobody else has it. */
export function idOfName(name: MachineName): string {
  return machineOfName(name)?.id ?? name;
}

/** The last arguments of lua/write.lua and lua/migrate.lua: names and numbers in turn. */
export function encodeCounts(name: MachineName, { counts }: Pick<Write, 'counts'>): string[] {
  const args: string[] = [];
  for (const counter in counts) args.push(counterField(name, counter), String(counts[counter]));
  return args;
}
