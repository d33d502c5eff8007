/** The chain of an audit: how entries are linked and sealed, how a line of it is written and read, and who has the key. */
import { createHash, createHmac } from 'node:crypto';
import { z } from 'zod';
import { canonical } from '../json/canonical.ts';
import type { AuditEntry, AuditKey, AuditLine, Deed, Told } from './audit.ts';
import type { Act } from './saga-store.ts';

/** What stands for the hash before the first entry. */
export const ZEROS = '0'.repeat(64);

/** Where a chain ends: what the next entry is linked to. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
  readonly atMs: number;
  /** Of the last entry. */
  readonly writeId: string | null;
}
export const BEGINNING: Head = { seq: 0, hash: ZEROS, atMs: 0, writeId: null };

type Placed = 'chain' | 'seq' | 'at' | 'key_id' | 'prev' | 'hash' | 'mac';
/** An entry that has no place in a chain yet. */
export type Body = Omit<AuditEntry, Placed>;

const NOTHING = {
  actor: '',
  by: '',
  reason: '',
  saga_id: null,
  machine: null,
  request: null,
  asked_at: null,
  step: null,
  as: null,
  event: null,
  outcome: null,
  before: null,
  after: null,
  revision: null,
  write_id: null,
  dropped: null,
} as const;

export function bodiesOf(acts: readonly Act[], { sagaId, revision, writeId }: Told): Body[] {
  return acts.map(({ signal, machine, isIgnored, before, after }) => ({
    ...NOTHING,
    action: signal.kind,
    actor: signal.actor ?? '',
    by: signal.by,
    // Of an event it is the name once more.
    reason: signal.kind === 'event' ? '' : signal.reason,
    saga_id: sagaId,
    machine: `${machine.id}@${machine.version}`,
    request: signal.id,
    asked_at: new Date(signal.atMs).toISOString(),
    step: signal.step ?? null,
    as: signal.as ?? null,
    event: signal.name ?? null,
    outcome: isIgnored ? 'ignored' : 'done',
    before,
    after,
    revision,
    write_id: writeId,
    ...(signal.sealed !== undefined && { sealed: signal.sealed }),
  }));
}

export function bodyOf({ request, ...deed }: Deed): Body {
  return { ...NOTHING, ...deed, request, outcome: 'done', write_id: request };
}

/** Says that all up to an entry was dropped. */
export function trimmed(dropped: { readonly seq: number; readonly hash: string }): Body {
  return { ...NOTHING, action: 'trimmed', dropped };
}

/** Says that what stood there before is lost. */
export function begunAnew(): Body {
  return { ...NOTHING, action: 'begun-anew', reason: 'its key held something else, and is written anew' };
}

/** Gives entries their places behind the head. */
export function linked(
  head: Head,
  bodies: readonly Body[],
  { chain, nowMs, key }: { readonly chain: string; readonly nowMs: number; readonly key: AuditKey | null },
): AuditEntry[] {
  // Coordinators' notions of the store's clock differ by a little: in a chain time does not go back.
  const at = new Date(Math.max(head.atMs, Math.floor(nowMs))).toISOString();
  let { seq, hash: prev } = head;
  return bodies.map((body) => {
    seq += 1;
    const placed = { ...body, chain, seq, at, key_id: key?.id ?? null, prev };
    prev = hashOf(placed);
    return { ...placed, hash: prev, mac: key && macOf(prev, key.secret) };
  });
}

/** @param entry whatever its fields are: a newer release may have more */
export function hashOf(entry: object): string {
  const { hash: _, mac: __, ...covered } = entry as Partial<AuditEntry>;
  return digestOf(canonical(covered));
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function macOf(hash: string, secret: string): string {
  return createHmac('sha256', secret).update(hash).digest('hex');
}

/** The hash stands first, where a script finds it. */
export function encodeLine({ hash, mac, ...covered }: AuditEntry): string {
  return `${hash} ${mac ?? '-'} ${canonical(covered)}`;
}

const standing = z.object({
  state: z.string(),
  status: z.enum(['STARTED', 'COMPLETED', 'FAILED', 'ABORTED']),
});
const text = z.string().nullable();
const hex = z.string().regex(/^[0-9a-f]{64}$/);

/** What every entry has; what a newer release has beside it is kept, since the hash covers it. */
const auditEntry = z.looseObject({
  chain: z.string(),
  seq: z.int().positive(),
  at: z.iso.datetime(),
  action: z.string(),
  actor: z.string(),
  by: z.string(),
  reason: z.string(),
  saga_id: text,
  machine: text,
  request: text,
  asked_at: text,
  step: text,
  as: text,
  event: text,
  outcome: z.enum(['done', 'ignored']).nullable(),
  before: standing.nullable(),
  after: standing.nullable(),
  revision: z.int().nullable(),
  write_id: text,
  dropped: z.object({ seq: z.int(), hash: z.string() }).nullable(),
  sealed: z.string().exactOptional(),
  key_id: text,
  prev: hex,
  hash: hex,
  mac: hex.nullable(),
});

/** `null` for what is no entry. */
export function asEntry(value: unknown): AuditEntry | null {
  return auditEntry.safeParse(value).data ?? null;
}

export function decodeLine(chain: string, line: string): AuditLine {
  const [, hash, mac, covered] = /^([0-9a-f]{64}) ([0-9a-f]{64}|-) (\{.*\})$/s.exec(line) ?? [];
  try {
    const entry = asEntry({ ...JSON.parse(covered ?? ''), hash, mac: mac === '-' ? null : mac });
    if (entry !== null) return entry;
  } catch {
    // It is shown as it is.
  }
  return { chain, unreadable: line };
}

export function isEntry(line: AuditLine): line is AuditEntry {
  return 'hash' in line;
}

/** What stands for the hash of a line that is no entry, so that the chain goes on behind it. */
export function hashOfUnreadable({ unreadable }: { readonly unreadable: string }): string {
  return digestOf(unreadable);
}

/** The end of a chain, of which these are the last lines. */
export function headOf(lines: readonly AuditLine[]): Head {
  const last = lines.at(-1);
  if (last === undefined) return BEGINNING;
  if (isEntry(last))
    return { seq: last.seq, hash: last.hash, atMs: Date.parse(last.at), writeId: last.write_id };
  const known = lines.findLastIndex(isEntry);
  const before = lines[known];
  const { seq, atMs } = before !== undefined && isEntry(before) ? headOf([before]) : BEGINNING;
  return { seq: seq + lines.length - 1 - known, hash: hashOfUnreadable(last), atMs, writeId: null };
}
