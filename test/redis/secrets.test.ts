/** What a saga holds comes out nowhere when Redis fails: not with an error, not in the log, not with a process's last words. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorText, shownError } from '../../server/telemetry/shown-error.ts';
import { SERVICE_NAMES } from '../../services-stub/start.ts';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import type { SagaStore } from '../../stores/saga-store.ts';
import { ORDER, openWorld, submit } from '../coordinator/world.ts';
import { argumentsOf } from '../programs.ts';
import { type RedisServer, startRedis } from '../redis-server.ts';
import { Gates } from './gate.ts';
import { OPERATIONS } from './operations.ts';

/** It stands in what every saga of these tests stores: the snapshot, and its machine's structure. */
const STORED = /processingPayment|näme|stepDone/;

describe('an error of the store', () => {
  let server: RedisServer;
  let admin: Redis;
  let store: SagaStore;
  /** As of somebody who made the client himself. */
  let plain: SagaStore;

  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.port);
    store = await RedisStore.open({ redis: connect(server.url) });
    plain = await RedisStore.open({ redis: new Redis(server.port) });
  });
  afterAll(async () => {
    await Promise.all([store.close(), plain.close()]);
    admin.disconnect();
    await server.stop();
  });

  const bare = (error: unknown) => inspect(error, { depth: 20, showHidden: true, maxStringLength: null });

  it.each(OPERATIONS.filter(({ writes }) => writes))(
    'has no argument of its command: $name',
    async ({ prepare }) => {
      for (const asked of [store, plain]) {
        const { id, attempt } = await prepare(asked);
        await admin.acl('SETUSER', 'default', '-evalsha', '-eval');
        const noPermission = await attempt(asked).catch((thrown: unknown) => thrown);
        await admin.acl('SETUSER', 'default', '+@all');
        expect((noPermission as Error).message).toMatch(/NOPERM/);
        expect(bare(noPermission)).not.toMatch(STORED);
        expect(bare(noPermission)).not.toContain(id);
      }
    },
  );

  it('has none where Redis repeats them, because it does not know the command', async () => {
    const renamed = await startRedis({ settings: { 'rename-command': ['EVALSHA', ''] } });
    const redis = connect(renamed.url) as Redis;
    await redis.connect();
    const error = await redis.evalsha('hunter2', 0).catch((thrown: Error) => thrown);
    expect((error as Error).message).toMatch(/^ERR unknown command/);
    expect(bare(error)).not.toContain('hunter2');
    redis.disconnect();
    await renamed.stop();
  });
});

describe('an error that is written down', () => {
  const error = Object.assign(
    new Error('outer', { cause: Object.assign(new Error('inner'), { args: 'hunter2' }) }),
    {
      command: { name: 'evalsha', args: ['hunter2'] },
      code: 'E_CODE',
    },
  );
  const several = new AggregateError([error, 'hunter2'], 'several', { cause: { token: 'hunter2' } });
  const circle = new Error('circle');
  circle.cause = circle;

  it('has its names, messages, codes and causes, and nothing else that hangs on it', () => {
    for (const one of [error, several]) {
      const lines: string[] = [];
      const logger = pino(
        { serializers: { err: shownError } },
        { write: (line: string) => void lines.push(line) },
      );
      logger.error({ err: one }, 'failed');
      for (const written of [lines[0], errorText(one)]) {
        expect(written).not.toContain('hunter2');
        for (const told of ['outer', 'inner']) expect(written).toContain(told);
      }
      expect(lines[0]).toContain('E_CODE');
    }
    expect(errorText(several)).toContain('several');
    expect(errorText(circle)).toContain('circle');
    expect(errorText('thrown as text')).toBe('thrown as text');
  });
});

it('a process that dies of an error of Redis says so, and nothing of the order', async () => {
  const gates = new Gates();
  const world = await openWorld({ clock: gates.clock });
  let spoils = false;
  const wire = createServer((near) => {
    const far = createConnection(world.redis.port, '127.0.0.1');
    for (const socket of [near, far]) socket.on('error', () => {});
    far.pipe(near);
    near.on('data', (sent) => {
      // A commit with fewer keys than none: an error that nobody expects.
      const text = sent.toString('latin1');
      const spoilt = text.replace(/(evalsha\r\n\$40\r\n\w{40}\r\n)\$1\r\n4\r\n/, '$1$$2\r\n-1\r\n');
      far.write(spoils ? spoilt : text, 'latin1');
    });
    near.on('close', () => far.destroy());
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
  const REDIS_URL = `redis://127.0.0.1:${(wire.address() as AddressInfo).port}`;
  const urls = SERVICE_NAMES.map((name) => [`${name.toUpperCase()}_SERVICE_URL`, world.services[name].url]);
  const env = {
    PATH: process.env.PATH,
    COORDINATOR_PORT: '0',
    REDIS_URL,
    LOG_LEVEL: 'trace',
  };
  const child = spawn(process.execPath, argumentsOf('server/main.ts'), {
    env: { ...env, ...Object.fromEntries(urls) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'close');
  let said = '';
  const ready = new Promise<string>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        said += chunk;
        const url = /"url":"(http:[^"]+)".*"msg":"ready"/.exec(said)?.[1];
        if (url !== undefined) resolve(url);
      });
    }
  });
  const { entered, open } = gates.shut();
  world.services.payment.faults.set([{ endpoint: 'action', kind: 'latency', latency_ms: 1, times: 1 }]);
  const placed = {
    ...ORDER,
    payment: { method: 'card', token: 'tok_visa_very_secret' },
    shipping_address: { ...ORDER.shipping_address, name: 'Ada Verysecret', line1: '12 Verysecret Square' },
  };
  await submit(await ready, placed, { prefer: 'respond-async' });
  await entered;
  spoils = true;
  open();

  expect((await exited)[0]).toBe(1);
  expect(said).toMatch(/ERR Number of keys/);
  expect(said).not.toMatch(/very_?secret/i);
  wire.close();
  await world.close();
});
