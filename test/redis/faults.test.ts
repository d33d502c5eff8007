/**
 * Each fault of Redis at each kind of operation. What is hit throws a StoreUnavailableError that knows whether the
 * operation can have happened; nothing is half done; and the very same operation, repeated, is done exactly once.
 */
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { SagaStore } from '../../stores/saga-store.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { expectAnswer, OPERATIONS, standing } from './operations.ts';
import { served } from './until.ts';
import { adminOf, limitFiles, settings, WEATHER } from './weather.ts';

let server: RedisServer;
let admin: Redis;
let store: SagaStore;

beforeAll(async () => {
  server = await startRedis({ appendonly: true, diskMayFill: true, settings: await settings() });
  admin = adminOf(server);
  store = await RedisStore.open({ redis: connect(server.url, { commandTimeoutMs: 300 }) });
});
afterAll(async () => {
  await store.close();
  admin.disconnect();
  await server.stop();
});

const unavailable = (notSent: boolean) => expect.objectContaining({ name: 'StoreUnavailableError', notSent });

const WRITES = OPERATIONS.filter(({ writes }) => writes);
const QUESTIONS = OPERATIONS.filter(({ writes }) => !writes);

describe.each(WEATHER)('Redis is $name', ({ says, notSent, begin }) => {
  it.each(WRITES)('$name: unavailable, untouched, and done once when repeated', async (operation) => {
    await served(() => store.ping());
    const { id, attempt } = await operation.prepare(store);
    const before = await standing(store, id);
    const end = await begin(server, admin);
    const error = await attempt(store).catch((thrown: unknown) => thrown);
    await end();

    expect(error).toEqual(unavailable(notSent));
    expect((error as Error).message).toMatch(says);
    if (notSent) expect(await served(() => standing(store, id))).toEqual(before);

    expectAnswer(operation, await served(() => attempt(store)));
    const after = await standing(store, id);
    const { revision, seq } = operation.after;
    expect(after.record).toMatchObject({ fence: { revision }, seq });
    expect(after.log).toHaveLength(seq);
    expect(after.steps - before.steps).toBe(operation.steps);
    await attempt(store);
    expect(await standing(store, id)).toEqual(after);
  });
});

it.each(WEATHER.filter(({ hits }) => hits === 'everything'))(
  'Redis is $name: what only asks is unavailable too',
  async ({ says, notSent, begin }) => {
    await served(() => store.ping());
    const prepared = await Promise.all(QUESTIONS.map((question) => question.prepare(store)));
    const end = await begin(server, admin);
    const errors = await Promise.all(
      prepared.map(({ attempt }) => attempt(store).catch((thrown: unknown) => thrown)),
    );
    await end();
    for (const [index, error] of errors.entries()) {
      expect([QUESTIONS[index]?.name, error]).toEqual([QUESTIONS[index]?.name, unavailable(notSent)]);
      expect((error as Error).message).toMatch(says);
    }
  },
);

it.each(WEATHER.filter(({ hits }) => hits === 'writes'))(
  'Redis is $name: what only asks is answered',
  async ({ begin }) => {
    await served(() => store.ping());
    // A ping is refused where the disk is full: Redis says so to whoever checks its health.
    const questions = QUESTIONS.filter(({ name }) => name !== 'ping');
    const prepared = await Promise.all(questions.map((operation) => operation.prepare(store)));
    const end = await begin(server, admin);
    // The store's clock may just be due to be written: who finds its master a replica reconnects, and is away for a moment.
    for (const { attempt } of prepared) await served(() => attempt(store));
    await end();
  },
);

it.each(OPERATIONS)('$name: does not notice that Redis has forgotten the scripts', async (operation) => {
  await served(() => store.ping());
  const { attempt } = await operation.prepare(store);
  await admin.script('FLUSH');
  expectAnswer(operation, await attempt(store));
});

it('a full disk with fsync always: Redis ends itself instead of answering, and nothing is lost or done twice', async () => {
  for (const operation of WRITES) {
    await served(() => store.ping());
    const { id, attempt } = await operation.prepare(store);
    await limitFiles(server, '1');
    await expect(attempt(store)).rejects.toEqual(unavailable(false));
    await server.restart();
    expectAnswer(operation, await served(() => attempt(store)));
    expect((await standing(store, id)).record).toMatchObject({
      fence: { revision: operation.after.revision },
      seq: operation.after.seq,
    });
  }
});

it('lets a script that fails crash loudly', async () => {
  await served(() => store.ping());
  const redis = connect(server.url) as Redis;
  const other = await RedisStore.open({ redis });
  const { attempt } = await (OPERATIONS[1] as (typeof OPERATIONS)[number]).prepare(other);
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = ((command, stream) => {
    if (command.name === 'evalsha') command.args[1] = '-1';
    return send(command, stream);
  }) as Redis['sendCommand'];
  const error = await attempt(other).catch((thrown: unknown) => thrown);
  await other.close();
  expect(error).toBeInstanceOf(Error);
  expect(error).not.toEqual(unavailable(true));
  expect(error).not.toEqual(unavailable(false));
});
