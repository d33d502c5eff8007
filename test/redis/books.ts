/** Whether all that a Redis store keeps beside its records agrees with them: indexes, logs, counters, events. */
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { PARKED_COUNTER, SAGA_STATUSES } from '../../stores/saga-store.ts';

/** The counter that says that a write with this id was counted; its log entry has the id as `error`. */
export const countOf = (writeId: string) => `wrote ${writeId}`;
/** Raised by each write by which a saga leaves STARTED, for the ring of the last minute. */
export const LEFT = 'left';

/**
 * @param purged whether sagas may have been purged, whose logs tell of their writes no more
 * @param logOf how a log is read, where sagas rest
 * @param findsBy what a search finds by the text that a write's log entry has as `error`, where all writes have such a term
 * @param recent whether all of it happened within the last minute, which alone is counted by time
 */
export async function expectBooks(
  redis: Redis,
  partition: string,
  {
    purged = false,
    recent = false,
    findsBy = null as ((text: string) => Promise<readonly string[]>) | null,
    logOf = async (id: string): Promise<{ readonly error: string | null }[]> => {
      const lines = await redis.lrange(`{p${partition}}:log:${id}`, 0, -1);
      return lines.map((line) => JSON.parse(line));
    },
  } = {},
): Promise<void> {
  const key = (name: string) => `{p${partition}}:${name}`;
  const counters = await redis.hgetall(key('counters'));
  const records = new Map<string, Record<string, string>>();
  for (const found of await redis.keys(key('saga:*'))) {
    records.set(found.slice(key('saga:').length), await redis.hgetall(found));
  }
  const ids = [...records.keys()].sort();
  const idsWhere = (holds: (record: Record<string, string>) => boolean) =>
    ids.filter((id) => holds(records.get(id) ?? {}));

  expect((await redis.zrange(key('sagas'), 0, -1)).sort(), 'all sagas').toEqual(ids);
  for (const status of SAGA_STATUSES) {
    const indexed = (await redis.zrange(key(`status:${status}`), 0, -1)).sort();
    expect(indexed, status).toEqual(idsWhere((record) => record.status === status));
  }
  const isEnded = (record: Record<string, string>) => ['COMPLETED', 'FAILED'].includes(record.status ?? '');
  expect((await redis.zrange(key('ended'), 0, -1)).sort(), 'ended').toEqual(idsWhere(isEnded));
  const due: string[] = [];
  for (const index of await redis.keys(key('due:*'))) {
    const version = index.slice(index.lastIndexOf('@') + 1);
    const flat = await redis.zrange(index, 0, -1, 'WITHSCORES');
    for (let i = 0; i < flat.length; i += 2) {
      due.push(`${flat[i]} ${version}`);
      // It may be early, and never late.
      expect(Number(flat[i + 1])).toBeLessThanOrEqual(Number(records.get(flat[i] ?? '')?.due));
    }
  }
  const dueOf = (id: string) => `${id} ${JSON.parse(records.get(id)?.machine ?? '{}').version}`;
  expect(due.sort(), 'due').toEqual(
    idsWhere((record) => (record.due ?? '') !== '')
      .map(dueOf)
      .sort(),
  );

  const logs = await redis.keys(key('log:*'));
  // What rests has none of its own; where its making was cut off it is left.
  const rests = (id: string) => records.get(id)?.brief !== undefined;
  const logged = logs.map((log) => log.slice(key('log:').length)).sort();
  expect(
    logged.filter((id) => !rests(id)),
    'logs',
  ).toEqual(ids.filter((id) => !rests(id)));
  expect(ids).toEqual(expect.arrayContaining(logged));
  const told = new Set<string>();
  for (const [, [, id, , seq]] of (await redis.xrange(key('events'), '-', '+')) as [string, string[]][]) {
    told.add(`${id} ${seq}`);
  }
  for (const [id, { find = '' }] of records) {
    const ref = Buffer.from(id.slice(3, 16).replace('-', ''), 'hex').toString('base64url');
    for (const term of find.match(/.{9}/g) ?? []) {
      const bucket = (await redis.get(key(`find:${term.slice(2, 4)}`))) ?? '';
      expect(bucket.match(/.{11}/g), `what leads to ${id}`).toContain(term.slice(4, 7) + ref);
    }
  }
  const wrote: Record<string, number> = {};
  const held: Record<string, number> = {};
  const causes: Record<string, number> = {};
  const parked: string[] = [];
  for (const [id, record] of records) {
    const entries = await logOf(id);
    expect(entries.length, `log of ${id}`).toBe(Number(record.seq));
    for (const [index, { error }] of entries.entries()) {
      expect(told, `event ${index + 1} of ${id}`).toContain(`${id} ${index + 1}`);
      if (error === null) continue;
      wrote[error] = (wrote[error] ?? 0) + 1;
      if (findsBy) expect(await findsBy(error), `what ${error} finds`).toEqual([id]);
    }
    // What a running saga owes is counted along, as it will be.
    const owed = record.owed ? record.owed.split('\n') : [];
    if (record.status !== 'STARTED') expect(owed).toEqual([]);
    const [cause = '', , ...counted] = record.cause ? record.cause.split('\n') : [];
    expect(cause !== '', 'a cause').toBe(record.status === 'ABORTED');
    if (cause !== '') parked.push(`${cause} ${id}`);
    for (let i = 0; i < counted.length; i += 2) {
      const field = counted[i] ?? '';
      causes[field] = (causes[field] ?? 0) + Number(counted[i + 1]);
    }
    for (let i = 0; i < owed.length; i += 2) {
      const [field = '', number] = [owed[i], Number(owed[i + 1])];
      counters[field] = String(Number(counters[field] ?? 0) + number);
      held[field] = (held[field] ?? 0) + number;
    }
    for (const [field, number] of Object.entries(record)) {
      // Of one that rests in fewer letters.
      const [, counter, resting] = /^held:(.*)$|^\+(.*)$/.exec(field) ?? [];
      const name = resting === undefined ? counter : `${resting}.held`;
      if (name !== undefined) held[name] = (held[name] ?? 0) + Number(number);
    }
  }
  expect(await redis.zrange(key('parked'), 0, -1), 'parked, by cause').toEqual(parked.sort());
  const counted = Object.entries(counters).filter(([field]) => field.startsWith('parked:'));
  // Of a script that was cut off zeros may be left.
  expect(
    Object.fromEntries(counted.flatMap(([field, n]) => (Number(n) === 0 ? [] : [[field, Number(n)]]))),
    'causes',
  ).toEqual(causes);
  const fieldsOf = (what: string) =>
    Object.keys(counters)
      .filter((field) => field.startsWith(what))
      .sort();
  for (const what of ['cause:', 'seen:']) {
    const keys = Object.keys(causes).flatMap((field) => /^parked:(\w+)$/.exec(field)?.[1] ?? []);
    expect(fieldsOf(what), what).toEqual(keys.map((one) => what + one).sort());
  }
  let left = 0;
  for (const [field, sum] of Object.entries(counters)) {
    expect(field).not.toMatch(/^mark:/);
    const counter = field.slice(field.indexOf('|') + 1);
    if (counter.startsWith('wrote '))
      expect([field, Number(sum)]).toEqual([field, wrote[counter.slice(6)] ?? (purged ? 1 : 0)]);
    if (counter.endsWith('.held')) expect([field, Number(sum)]).toEqual([field, held[field] ?? 0]);
    if (counter === LEFT || counter === PARKED_COUNTER) left += Number(sum);
    if (field.startsWith('settled:')) left -= Number(sum.split(' ')[1]);
  }
  for (const writeId of Object.keys(wrote)) expect(counters).toHaveProperty(`order|${countOf(writeId)}`, '1');
  if (recent) expect(left, 'settled within the last minute').toBe(0);
}
