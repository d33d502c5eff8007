/**
 * How a record lies in its hash, and how it is read back. What Redis gives back is validated: a record that
 * somebody edited or half restored must not reach a statechart. Nothing is skipped in silence: one unreadable
 * record fails the read that meets it, and the error names the saga.
 */
import { z } from 'zod';
import { spanOf } from '../assertions.ts';
import {
  type MachineRef,
  type NumberedEntry,
  SAGA_STATUSES,
  type SagaRecord,
  type SagaStatus,
  type SagaSummary,
  type Signal,
  type Write,
} from '../saga-store.ts';
import { counterField, type MachineName, machineOfName } from './keys.ts';

export class CorruptRecordError extends Error {
  override readonly name = 'CorruptRecordError';
  readonly sagaId: string;

  constructor(sagaId: string, what: string, options?: ErrorOptions) {
    super(`Saga ${sagaId} is unreadable in Redis: ${what}`, options);
    this.sagaId = sagaId;
  }
}

const status = z.enum(SAGA_STATUSES);
const whole = z.string().regex(/^\d+$/).transform(Number);
const count = z.number().int().nonnegative();
const orNull = <T extends z.ZodType>(schema: T) => z.union([z.literal('').transform(() => null), schema]);

function json<T extends z.ZodType>(schema: T) {
  const parsed = z.string().transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.issues.push({ code: 'custom', message: 'not JSON', input: text });
      return z.NEVER;
    }
  });
  return parsed.pipe(schema);
}

const machine = json(z.object({ id: z.string(), version: z.string(), structure: z.string() }));

const signal = z.object({
  id: z.string(),
  kind: z.enum(['cancel', 'retry', 'skip', 'resolve']),
  atMs: z.number(),
  by: z.string(),
  reason: z.string(),
  step: z.string().exactOptional(),
  as: z.enum(['COMPLETED', 'FAILED']).exactOptional(),
});

const fields = z.object({
  machine,
  // Absent where the saga was asked for without one.
  trace: z.string().optional(),
  revision: whole,
  write_id: z.string(),
  snapshot: z.string(),
  summary: json(
    z.object({
      order_id: z.string().nullable(),
      steps_completed: count,
      total_steps: count,
      failed_step: z.string().nullable(),
      failed_step_index: count.nullable(),
    }),
  ),
  state: z.string(),
  status,
  parked: orNull(
    json(
      z.object({
        reason: z.string(),
        held: z.array(z.object({ step: z.string(), reason: z.string(), response: z.unknown() })),
      }),
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
  // Absent until the first signal: then there is nothing to answer.
  signals: z
    .string()
    .optional()
    .transform((text) => (text ? text.split('\n') : []))
    .pipe(z.array(json(signal))),
});

export function decodeRecord(id: string, hash: Readonly<Record<string, string>>): SagaRecord {
  const { data, error } = fields.safeParse(hash);
  if (error) throw new CorruptRecordError(id, z.prettifyError(error), { cause: error });
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
  };
}

export function encodeMachine({ id, version, structure }: MachineRef): string {
  return JSON.stringify({ id, version, structure });
}

/** How that text begins for every structure of a version: scripts see by it whether a saga runs on the version. */
export function machineBegins(name: MachineName): string {
  return JSON.stringify(machineOfName(name)).slice(0, -1);
}

export function decodeMachine(id: string, text: string): MachineRef {
  const { data, error } = machine.safeParse(text);
  if (error) throw new CorruptRecordError(id, `machine: ${z.prettifyError(error)}`, { cause: error });
  return data;
}

/** The text of a mailbox. */
export function decodeSignals(id: string, text: string): Signal[] {
  const { data, error } = fields.shape.signals.safeParse(text);
  if (error) throw new CorruptRecordError(id, `its signals: ${z.prettifyError(error)}`, { cause: error });
  return data;
}

export function decodeStatus(id: string, text: string): SagaStatus {
  const { data, error } = status.safeParse(text);
  if (error) throw new CorruptRecordError(id, `its status is ${JSON.stringify(text)}`);
  return data;
}

const text = z.string().nullable();
const logEntry = json(
  z.object({
    at: z.string(),
    event: z.string(),
    from: text,
    to: z.string(),
    step: text,
    kind: z.enum(['action', 'compensation']).nullable(),
    attempt: z.number().nullable(),
    outcome: text,
    duration_ms: z.number().nullable(),
    error: text,
    by: z.string().exactOptional(),
    reason: z.string().exactOptional(),
  }),
);

/** A number among the lines is how many entries were dropped there. */
export function decodeLog(id: string, lines: readonly string[]): NumberedEntry[] {
  let seq = 0;
  return lines.flatMap((line) => {
    const isGap = /^\d+$/.test(line);
    seq += isGap ? Number(line) : 1;
    return isGap ? [] : decodeEntry(id, line, seq);
  });
}

function decodeEntry(id: string, line: string, seq: number): NumberedEntry {
  const { data, error } = logEntry.safeParse(line);
  if (error)
    throw new CorruptRecordError(id, `log entry ${seq}: ${z.prettifyError(error)}`, { cause: error });
  return { ...data, seq };
}

/** ARGV 4 to 12 of lua/write.lua. No validation here: this is the hot path, and the caller is our own engine. */
export function encodeWrite({
  writeId,
  owner,
  snapshot,
  summary,
  earlier = [],
  entry,
  next,
}: Write): string[] {
  const { state, order_id, steps_completed, total_steps, failed_step, failed_step_index } = summary;
  return [
    writeId,
    snapshot,
    JSON.stringify({
      order_id,
      steps_completed,
      total_steps,
      failed_step,
      failed_step_index,
    } satisfies Omit<SagaSummary, 'state'>),
    state,
    earlier.length === 0
      ? JSON.stringify(entry)
      : [...earlier, entry].map((one) => JSON.stringify(one)).join('\n'),
    next.kind === 'end' ? next.status : next.kind === 'park' ? 'ABORTED' : 'STARTED',
    String(spanOf(next)),
    next.kind === 'act' ? `${owner.boot} ${owner.name}` : '',
    next.kind === 'park' ? JSON.stringify(next.parked) : '',
  ];
}

/** The last arguments of lua/write.lua and lua/migrate.lua: names and numbers in turn. */
export function encodeCounts(name: MachineName, { counts }: Pick<Write, 'counts'>): string[] {
  const args: string[] = [];
  for (const counter in counts) args.push(counterField(name, counter), String(counts[counter]));
  return args;
}
