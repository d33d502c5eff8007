import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type PrivateRedis,
  type PrivateRedisOptions,
  privateRedis,
} from '../../server/start/private-redis.ts';
import { beside, deadPid, gone, isAlive, Run } from './processes.ts';

let dataDir: string;
/** Every redis-server that came up, whoever started it. */
const pids = new Set<number>();

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'private-redis-'));
});

afterEach(async () => {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  await gone(...pids);
  pids.clear();
  await rm(dataDir, { recursive: true, force: true });
});

async function redisOf(options?: PrivateRedisOptions): Promise<PrivateRedis> {
  const found = await privateRedis(dataDir, options);
  if (found === null) throw new Error('redis-server is not on PATH. Type: sudo apt-get install redis-server');
  pids.add(found.pid);
  return found;
}

async function ask<T>(socketPath: string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(socketPath, { maxRetriesPerRequest: 0 });
  try {
    return await question(client);
  } finally {
    client.disconnect();
  }
}

async function lockReads(text: string): Promise<void> {
  await mkdir(join(dataDir, 'redis'));
  await writeFile(join(dataDir, 'redis', 'redis.lock'), text);
}

describe('starting', () => {
  it('gives a Redis that keeps every acknowledged write, on a socket that only we reach', async () => {
    const redis = await redisOf();
    expect(redis).toMatchObject({ adopted: false, socketPath: join(dataDir, 'redis', 'redis.sock') });
    const settings = await ask(redis.socketPath, (client) =>
      client.config('GET', 'port', 'appendonly', 'appendfsync', 'maxmemory-policy', 'save'),
    );
    expect(settings).toEqual(
      expect.arrayContaining(['port', '0', 'appendonly', 'yes', 'appendfsync', 'always', 'noeviction']),
    );
    expect((await stat(redis.socketPath)).mode & 0o777).toBe(0o700);
    expect(await readFile(join(dataDir, 'redis', 'redis.lock'), 'utf8')).toMatch(
      new RegExp(`^${redis.pid} `),
    );
  });

  it.runIf(process.platform === 'linux')(
    'runs it in a session of its own, out of reach of Ctrl-C',
    async () => {
      const { pid } = await redisOf();
      const [, , group, session] = (await readFile(`/proc/${pid}/stat`, 'utf8'))
        .replace(/^.*\) /, '')
        .split(' ');
      expect([group, session]).toEqual([String(pid), String(pid)]);
    },
  );

  it('is null where there is no redis-server, and leaves nothing behind', async () => {
    expect(await privateRedis(dataDir, { searchPath: `${dataDir}:/nowhere:` })).toBeNull();
    expect(existsSync(join(dataDir, 'redis'))).toBe(false);
  });

  it('tells the last lines of the log where redis-server ends at once, and blocks nobody', async () => {
    const manifest = join(dataDir, 'redis', 'appendonlydir', 'appendonly.aof.manifest');
    await mkdir(dirname(manifest), { recursive: true });
    await writeFile(manifest, 'nonsense\n');
    await expect(privateRedis(dataDir)).rejects.toThrow(
      /ended \(code 1\) instead of starting.*\n.*Invalid AOF manifest/s,
    );
    await rm(manifest);
    expect(await redisOf()).toMatchObject({ adopted: false });
  });

  it('is a Valkey where that alone is on PATH', async () => {
    const folder = join(dataDir, 'bin');
    await mkdir(folder);
    const redisServer = execFileSync('sh', ['-c', 'command -v redis-server'], { encoding: 'utf8' }).trim();
    await writeFile(join(folder, 'valkey-server'), `#!/bin/sh\nexec ${redisServer} "$@"\n`);
    await chmod(join(folder, 'valkey-server'), 0o755);
    const redis = await redisOf({ searchPath: folder });
    expect(redis).toMatchObject({ adopted: false });
    expect(await ask(redis.socketPath, (client) => client.ping())).toBe('PONG');
  });

  it.each([
    ['a newer Redis', 'REDIS0099'],
    ['Valkey', 'VALKEY080'],
  ])('says of data that %s wrote what to do, and advises no repair that cuts', async (_, head) => {
    const { stop, socketPath } = await redisOf();
    await ask(socketPath, (client) => client.bgrewriteaof());
    await stop();
    const files = join(dataDir, 'redis', 'appendonlydir');
    const base = (await readdir(files)).find((name) => name.endsWith('.base.rdb')) ?? '';
    const data = await readFile(join(files, base));
    data.write(head, 'latin1');
    await writeFile(join(files, base), data);
    const failure = await privateRedis(dataDir).then(
      () => '',
      ({ message }: Error) => message,
    );
    expect(failure).toMatch(/cannot be loaded by redis-server [\d.]+: a newer or another server wrote it/);
    expect(failure).not.toMatch(/redis-check|--fix/);
    expect(failure).toContain('DATA_DIR');
  });

  it('says of data that is damaged what to do, and advises no repair that cuts', async () => {
    const { stop, socketPath } = await redisOf();
    await ask(socketPath, (client) => client.set('saga', 'kept'));
    await stop();
    const files = join(dataDir, 'redis', 'appendonlydir');
    const log = (await readdir(files)).find((name) => name.endsWith('.incr.aof')) ?? '';
    await appendFile(join(files, log), 'nonsense that is no command\r\n');
    const failure = await privateRedis(dataDir).then(
      () => '',
      ({ message }: Error) => message,
    );
    expect(failure).toMatch(/cannot be read by redis-server.*put back a backup/);
    expect(failure).not.toMatch(/redis-check|--fix/);
  });

  it('is given up on request, and what was started for it is stopped', async () => {
    const program = join(dataDir, 'redis-server');
    const started = join(dataDir, 'redis', 'started');
    await writeFile(program, '#!/bin/sh\necho $$ >started.new; mv started.new started; exec sleep 1000\n');
    await chmod(program, 0o755);
    const asked = new AbortController();
    const waiting = privateRedis(dataDir, { searchPath: dataDir, signal: asked.signal });
    await expect.poll(() => existsSync(started), { timeout: 20_000 }).toBe(true);
    const pid = Number(await readFile(started, 'utf8'));
    pids.add(pid);
    asked.abort();
    await expect(waiting).rejects.toThrow('abort');
    expect(isAlive(pid)).toBe(false);
  });
});

describe('stopping', () => {
  it('waits until it is gone, and is harmless when repeated', async () => {
    const redis = await redisOf();
    await redis.stop();
    expect(isAlive(redis.pid)).toBe(false);
    expect(existsSync(redis.socketPath)).toBe(false);
    expect(existsSync(join(dataDir, 'redis', 'redis.lock'))).toBe(false);
    await redis.stop();
  });

  it('leaves one to others that are connected to it, unless a signal is given', async () => {
    const redis = await redisOf();
    await ask(redis.socketPath, async (client) => {
      await client.ping();
      expect(await redis.stop()).toContain('is left running, because others are connected to it');
      expect(await client.ping()).toBe('PONG');
    });
    expect(await redis.stop()).toBeNull();
    expect(isAlive(redis.pid)).toBe(false);
  });

  it('leaves an adopted one running', async () => {
    const first = await redisOf();
    const second = await redisOf();
    expect(second).toMatchObject({ adopted: true, pid: first.pid });
    await second.stop();
    expect(await ask(second.socketPath, (client) => client.ping())).toBe('PONG');
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
  });
});

describe('adopting', () => {
  it('takes one that runs even where there is no redis-server to start', async () => {
    const { pid } = await redisOf();
    expect(await redisOf({ searchPath: '' })).toMatchObject({ adopted: true, pid });
  });

  it('takes one whose starter has ended', async () => {
    const starter = new Run(beside('./redis-starter.ts'), [dataDir]);
    const { pid } = JSON.parse((await starter.says(/{.*}/))[0]);
    pids.add(pid);
    expect(await starter.ended()).toBe(0);
    expect(await redisOf()).toMatchObject({ adopted: true, pid });
  });

  it('waits for one that still reads its append-only file', async () => {
    await mkdir(join(dataDir, 'redis'));
    const answers = ['-LOADING Redis is loading the dataset in memory\r\n', '+PONG\r\nprocess_id:424242\r\n'];
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.resume().end(answers.shift() ?? '');
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(join(dataDir, 'redis', 'redis.sock'), resolve));
    expect(await privateRedis(dataDir)).toMatchObject({ adopted: true, pid: 424242 });
    expect(answers).toEqual([]);
  });
});

describe('several at once', () => {
  const oneStarted = (all: readonly PrivateRedis[]) => {
    for (const { pid } of all) pids.add(pid);
    expect(new Set(all.map(({ pid }) => pid)).size).toBe(1);
    expect(all.filter(({ adopted }) => !adopted)).toHaveLength(1);
  };
  const starters = async (count: number): Promise<PrivateRedis[]> => {
    const runs = Array.from({ length: count }, () => new Run(beside('./redis-starter.ts'), [dataDir]));
    return Promise.all(runs.map(async (run) => JSON.parse((await run.says(/{.*}/))[0])));
  };

  it('in one process start one', async () => {
    oneStarted(await Promise.all(Array.from({ length: 10 }, () => redisOf())));
  });

  it('in processes of their own start one', async () => {
    oneStarted(await starters(4));
  });

  it('that find a dead one’s lock start one', async () => {
    await lockReads(`${await deadPid()} dead-one\n`);
    oneStarted(await starters(4));
  });
});

describe('a lock that was left', () => {
  it('by a dead process is taken over', async () => {
    await lockReads(`${await deadPid()} dead-one\n`);
    expect(await redisOf()).toMatchObject({ adopted: false });
  });

  it.runIf(process.platform === 'linux')('and whose pid a stranger was given is taken over', async () => {
    await lockReads(`${process.pid} dead-one\n`);
    expect(await redisOf()).toMatchObject({ adopted: false });
  });

  it('empty by a power cut is taken over', async () => {
    await lockReads('');
    expect(await redisOf()).toMatchObject({ adopted: false });
  });

  it('is taken over also where somebody died while taking it over', async () => {
    await lockReads(`${await deadPid()} dead-one\n`);
    await writeFile(join(dataDir, 'redis', 'redis.lock.dead-one.removing'), `${await deadPid()} dead-two\n`);
    expect(await redisOf()).toMatchObject({ adopted: false });
  });
});

it('keeps what it acknowledged over a kill -9, which leaves socket and lock behind', async () => {
  const killed = await redisOf();
  await ask(killed.socketPath, (client) => client.set('saga', 'kept'));
  process.kill(killed.pid, 'SIGKILL');
  await gone(killed.pid);
  expect(existsSync(killed.socketPath)).toBe(true);

  const again = await redisOf();
  expect(again.adopted).toBe(false);
  expect(again.pid).not.toBe(killed.pid);
  expect(await ask(again.socketPath, (client) => client.get('saga'))).toBe('kept');
});

describe('a path that is too long for a socket', () => {
  it('is reached from the working directory where that is near', async () => {
    const near = join(dataDir, 'd'.repeat(100));
    await mkdir(near);
    const starter = new Run(beside('./redis-starter.ts'), [join(near, 'data')], { cwd: near });
    const found = JSON.parse((await starter.says(/{.*}/))[0]) as PrivateRedis;
    pids.add(found.pid);
    expect(found).toMatchObject({ adopted: false, socketPath: join('data', 'redis', 'redis.sock') });
    const second = new Run(beside('./redis-starter.ts'), ['data'], { cwd: near });
    expect(JSON.parse((await second.says(/{.*}/))[0])).toMatchObject({ adopted: true, pid: found.pid });
  });

  it('is refused where it is not', async () => {
    const far = join(dataDir, 'd'.repeat(100), 'data');
    await expect(privateRedis(far)).rejects.toThrow(/takes at most \d+; set DATA_DIR/);
  });
});
