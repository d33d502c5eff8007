/** The audit as it is asked for and shown. */
import { z } from '@hono/zod-openapi';
import { SAGA_STATUSES } from '../../stores/saga-store.ts';
import { count, orNull, text, time } from './fields.ts';
import { whole } from './sagas.ts';

const who = {
  actor: text(300).optional().meta({ description: 'Who asked, as the coordinator knows it, to the letter.' }),
  by: text(100).optional().meta({ description: 'Who asked, as they said themselves, to the letter.' }),
  saga_id: text(200).optional().meta({ description: 'The whole id; also of a saga that is purged.' }),
  action: text(20).optional().meta({ description: 'Such as `cancel`.' }),
  since: z.iso.datetime({ offset: true }).optional(),
  until: z.iso.datetime({ offset: true }).optional(),
};

/** Strict objects: a misspelt filter that was passed over would look like an answer. */
export const auditFilter = z.strictObject(who);
export const auditQuery = z.strictObject({
  ...who,
  limit: whole(1, 500).default(50).openapi({ default: 50 }),
  cursor: text(200).optional().meta({ description: 'Opaque: as an answer gave it.' }),
});

const standing = z
  .object({ state: z.string(), status: z.enum(SAGA_STATUSES) })
  .openapi('AuditStanding', { description: 'Where a saga stood.' });
const dropped = z
  .object({ seq: count, hash: z.string() })
  .openapi('AuditDropped', { description: 'The last entry that was dropped.' });
const textOrNull = z.string().nullable();

const auditEntry = z
  .object({
    chain: z.string().meta({ description: 'Name of the partition.' }),
    seq: count.meta({ description: 'Counted from 1 in its chain.' }),
    at: time,
    action: z.string().meta({
      description:
        '`cancel`, `retry`, `skip`, `resolve`, `event`, `start` on a page, `fault` and `kill` in the crash theatre, which belong to no saga; `unreadable` of a request that cannot be read; `trimmed` and `begun-anew` of what the audit did itself.',
    }),
    actor: z
      .string()
      .meta({ description: 'Who asked, as the coordinator knows it; empty of what the audit did itself.' }),
    by: z.string().meta({ description: 'Who asked, as they said themselves.' }),
    reason: z.string(),
    saga_id: textOrNull,
    machine: textOrNull,
    request: textOrNull.meta({ description: 'Id of the request.' }),
    asked_at: textOrNull,
    step: textOrNull.meta({ description: 'Of a skip.' }),
    as: textOrNull.meta({ description: 'Of a resolve.' }),
    event: textOrNull.meta({ description: 'Of an event: its name.' }),
    outcome: textOrNull.meta({ description: '`done`, or `ignored`: it fitted nowhere any more.' }),
    before: orNull(standing),
    after: orNull(standing),
    revision: count.nullable(),
    write_id: textOrNull.meta({ description: 'Of the write that did it; it begins with the coordinator.' }),
    dropped: orNull(dropped),
    key_id: textOrNull.meta({ description: 'By which key `mac` was made.' }),
    prev: z.string().meta({ description: 'Hash of the entry before it in its chain.' }),
    hash: z.string().meta({ description: 'SHA-256 of all the others but `mac`, in the form of RFC 8785.' }),
    mac: textOrNull.meta({ description: 'HMAC-SHA-256 of `hash`.' }),
  })
  .openapi('AuditEntry');

export const auditPage = z
  .object({
    entries: z.array(auditEntry),
    cursor: textOrNull,
    damage: z.array(z.string()).meta({
      description: 'Chains of which not all could be read, in words. Nearly always empty.',
    }),
  })
  .openapi('AuditPage');
