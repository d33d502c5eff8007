import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Child } from '../../server/start/child.ts';
import { privateRedis } from '../../server/start/private-redis.ts';
import { untilReady } from '../../server/start/readiness.ts';
import { askRedis } from '../../server/start/redis-socket.ts';
import { freePorts, gone, isAlive, type Run } from './processes.ts';
import { type Place, place, redisPid, SERVICES_ENTRY } from './start-command.ts';

let here: Place;

beforeEach(async () => {
  here = await place();
});
afterEach(() => here.clear());

const READY = /Ctrl-C drains and stops/;

/** Waits until everything is up; answers the pids of coordinator, services and Redis. */
async function ready(run: Run): Promise<{ coordinator: number; services: number; redis: number }> {
  await run.says(READY);
  const [, coordinator] = await run.says(/coordinator {3}http.* \(pid (\d+)\)/);
  const [, services] = await run.says(/their own process \(pid (\d+)\)/);
  return {
    coordinator: Number(coordinator),
    services: Number(services),
    redis: await redisPid(here.redisSocket),
  };
}

const answers = async (port: number | undefined): Promise<boolean> => {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`)).ok;
  } catch {
    return false;
  }
};

async function listenAt(port: number | undefined): Promise<void> {
  const server = createServer((_request, response) => response.end('{}')).listen(port, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
}

describe('bringing up', () => {
  it('says where everything is and what to paste, then stops it in order', async () => {
    const run = here.supervise();
    const { coordinator, services, redis } = await ready(run);
    for (const port of here.servicePorts) expect(run.text).toContain(`http://127.0.0.1:${port}`);
    expect(run.text).toContain(`Redis on ${here.redisSocket}  (pid ${redis})`);
    expect(run.text).toContain('gone when it ends');
    expect(run.text).toContain(`curl -i ${here.url}/api/coordinator/orders`);
    expect(run.text).toContain(`curl ${here.url}/api/coordinator/sagas`);
    expect(run.text).toContain(`dashboard     ${here.url}/`);
    expect(run.text).toContain(`kill -9 ${coordinator}`);
    expect(run.text).toMatch(/ORDER_SERVICE_URL=http:\S+ .*npm run coordinator/);

    run.signal('SIGINT');
    expect(await run.ended()).toBe(0);
    const stopped = run.lines.filter((line) =>
      /^(coordinator|services|Redis) \(pid \d+\) stopped$/.test(line),
    );
    expect(stopped.map((line) => line.split(' ')[0])).toEqual(['coordinator', 'services', 'Redis']);
    await gone(coordinator, services, redis);
  });

  it('starts no service whose URL is given, and tells the coordinator where each one is', async () => {
    const external = 'http://payments.example:8002';
    const run = here.supervise({ PAYMENT_SERVICE_URL: external });
    await ready(run);
    expect(run.text).toContain(`order http://127.0.0.1:${here.servicePorts[0]}, payment ${external}`);
    expect(run.text).toMatch(/payment +http:\/\/payments.example:8002 {2}\(not run here\)/);
    expect(run.text).toContain('services ready: 4');
    run.signal('SIGHUP');
    expect(await run.ended()).toBe(0);
  });

  it('warns that nothing survives a restart where there is no Redis', async () => {
    const run = here.supervise({ PATH: here.folder });
    await run.says(READY);
    expect(run.text).toMatch(/WARNING: .*nothing survives a restart/);
    run.signal('SIGTERM');
    expect(await run.ended()).toBe(0);
  });

  it('starts no Redis where REDIS_URL is set, shows no password, and says what was misspelt', async () => {
    const run = here.supervise({
      REDIS_URL: 'redis://me:sesame@redis.example:6379',
      PAYMENTS_SERVICE_URL: 'x',
    });
    await run.says(READY);
    // Also of what `npm start` itself sets for the coordinator.
    expect(run.text).toContain(
      'WARNING       PAYMENTS_SERVICE_URL is no setting and is ignored; did you mean PAYMENT_SERVICE_URL?',
    );
    expect(run.text).toMatch(/REDIS_URL="\$\{REDIS_URL:\?\}" .* npm run coordinator/);
    expect(run.text).toContain('redis.example');
    expect(run.text).not.toContain('sesame');
    expect(existsSync(here.redisSocket)).toBe(false);
    run.signal('SIGTERM');
    expect(await run.ended()).toBe(0);
  });
});

describe('what runs already', () => {
  it('is used and left running', async () => {
    const services = here.run(SERVICES_ENTRY);
    await services.says(/services ready: 5/);
    const redis = await privateRedis(here.folder);
    const run = here.supervise();
    await run.says(READY);
    run.signal('SIGINT');
    expect(await run.ended()).toBe(0);
    expect(run.text).toContain(`Redis (pid ${redis?.pid}): ran before, left running`);
    expect(run.text).toMatch(/the services at .*: ran before, left running/);
    expect(await redisPid(here.redisSocket)).toBe(redis?.pid);
    expect(await answers(here.servicePorts[4])).toBe(true);
  });

  it('refuses where only some services run or another program has a port, having started nothing', async () => {
    const services = here.run(SERVICES_ENTRY, ['order']);
    await services.says(/services ready: 1/);
    await listenAt(here.servicePorts[1]);
    const run = here.supervise();
    expect(await run.ended()).toBe(1);
    expect(run.text).toMatch(/\(order\) is in use by a running order service(, pid .*)?; .*ORDER_PORT/);
    expect(run.text).toMatch(
      /\(inventory\) is in use by something that is not the service(, pid .*)?; .*INVENTORY_PORT/,
    );
    expect(run.text).not.toContain('(payment)');
    expect(existsSync(here.redisSocket)).toBe(false);
    expect(await answers(here.servicePorts[0])).toBe(true);
  });

  it('refuses where the coordinator’s port is taken, having started nothing', async () => {
    await listenAt(Number(here.env.COORDINATOR_PORT));
    const run = here.supervise();
    expect(await run.ended()).toBe(1);
    expect(run.text).toMatch(/port \d+ on 127.0.0.1 is in use by .*COORDINATOR_PORT/);
    if (process.platform === 'linux') expect(run.text).toContain(`in use by pid ${process.pid} (`);
    expect(existsSync(here.redisSocket)).toBe(false);
    expect(run.text).not.toContain('service ready');
  });

  it('names every setting that cannot be used', async () => {
    const run = here.supervise({ ORDER_PORT: 'x', INVENTORY_PORT: '0' });
    expect(await run.ended()).toBe(1);
    expect(run.text).toMatch(/ORDER_PORT[\s\S]*INVENTORY_PORT/);
  });
});

describe('two starts', () => {
  const RUNS_ALREADY = /another npm start \(pid (\d+)\) runs here already, at (\S+), /;

  it('at the same moment are one, and the other says who runs, and where', async () => {
    const runs = [here.supervise(), here.supervise()];
    const codes = await Promise.all(
      runs.map((run) => Promise.race([run.says(READY).then(() => 'up'), run.ended()])),
    );
    expect(codes.toSorted()).toEqual([1, 'up']);
    const [up, other] = codes[0] === 'up' ? runs : runs.toReversed();
    if (up === undefined || other === undefined) throw new Error('there are two');
    const [, pid, url] = await other.says(RUNS_ALREADY);
    expect({ pid: Number(pid), url }).toEqual({ pid: up.pid, url: here.url });
    expect(other.text).not.toMatch(READY);
    const { coordinator, redis } = await ready(up);
    expect([coordinator, redis].every(isAlive)).toBe(true);
    up.signal('SIGINT');
    expect(await up.ended()).toBe(0);
    await gone(coordinator, redis);
  });

  it('at the same moment with ports of their own share store and services', async () => {
    const [port = 0] = await freePorts(1);
    const runs = [here.supervise(), here.supervise({ COORDINATOR_PORT: String(port) })];
    await Promise.all(runs.map((run) => run.says(READY)));
    const starter = runs.find(({ text }) => !text.includes('was running already'));
    const other = runs.find(({ text }) => text.includes('was running already'));
    const redis = await redisPid(here.redisSocket);
    expect(other?.text).toContain(`(pid ${redis}, was running already)`);
    starter?.signal('SIGINT');
    expect(await starter?.ended()).toBe(0);
    // The store is not taken from under the other's feet.
    expect(starter?.text).toMatch(/Redis \(pid \d+\) is left running, because others are connected to it/);
    expect(await redisPid(here.redisSocket)).toBe(redis);
    other?.signal('SIGINT');
    expect(await other?.ended()).toBe(0);
  });

  it('of which the first was killed are one after the other: what it left drains first', async () => {
    const killed = here.supervise();
    const before = await ready(killed);
    killed.signal('SIGKILL');
    await killed.ended();
    const run = here.supervise();
    const after = await ready(run);
    await gone(before.coordinator, before.services);
    expect([after.coordinator, after.services].every(isAlive)).toBe(true);
    expect(after.redis).toBe(before.redis);
    run.signal('SIGINT');
    expect(await run.ended()).toBe(0);
  });

  it('of which the first still drains: the second is refused', async () => {
    const first = here.supervise({ FAKE: 'stuck' });
    await first.says(READY);
    first.signal('SIGINT');
    await first.says(/fake: told to drain/);
    const second = here.supervise();
    expect(await second.ended()).toBe(1);
    const [, pid] = await second.says(RUNS_ALREADY);
    expect(Number(pid)).toBe(first.pid);
    expect(isAlive(await redisPid(here.redisSocket))).toBe(true);
  });
});

describe('waiting for a child', () => {
  const child = (said: boolean, isAlive: boolean): Child => ({
    name: 'coordinator',
    pid: 42,
    ended: Promise.resolve({ isClean: false, words: 'exited with code 1' }),
    isAlive: () => isAlive,
    saidReady: () => said,
    stop: async () => ({ isClean: true, words: '' }),
    kill: () => {},
  });
  const { signal } = new AbortController();
  const answers = async () => true;

  it('believes no answer at its address before it has said itself that it is ready', async () => {
    await expect(untilReady(child(false, false), answers, signal)).rejects.toThrow('exited with code 1');
    await untilReady(child(true, true), answers, signal);
  });
});

describe('a start that fails', () => {
  it('tells how the coordinator ended, and stops what it had started', async () => {
    const run = here.supervise({ FAKE: 'failing' });
    expect(await run.ended()).toBe(1);
    expect(run.text).toContain('the coordinator exited with code 3 before being ready');
    expect(run.text).toMatch(/Redis \(pid \d+\) stopped/);
    expect((await askRedis(here.redisSocket)).state).toBe('absent');
    expect(await answers(here.servicePorts[0])).toBe(false);
  });

  it('is given up on Ctrl-C', async () => {
    const run = here.supervise({ FAKE: 'deaf' });
    const [, pid] = await run.says(/fake: pid (\d+)/);
    run.signal('SIGINT');
    expect(await run.ended()).toBe(0);
    expect(run.text).not.toMatch(READY);
    await gone(Number(pid));
    expect((await askRedis(here.redisSocket)).state).toBe('absent');
  });
});

describe('a death', () => {
  it('of the coordinator is told, and all else stays up', async () => {
    const run = here.supervise();
    const { coordinator, redis } = await ready(run);
    process.kill(coordinator, 'SIGKILL');
    await run.says(/coordinator \(pid \d+\) was killed by SIGKILL. .*npm run coordinator` carries them on/);
    expect(isAlive(redis)).toBe(true);
    expect(await answers(here.servicePorts[0])).toBe(true);
    run.signal('SIGINT');
    expect(await run.ended()).toBe(0);
    await gone(redis);
  });

  it('of services and Redis is told, and even of all of them is survived', async () => {
    const run = here.supervise();
    const { coordinator, services, redis } = await ready(run);
    process.kill(redis, 'SIGKILL');
    await run.says(new RegExp(`Redis \\(pid ${redis}\\) is gone`));
    process.kill(coordinator, 'SIGTERM');
    await run.says(/coordinator \(pid \d+\) exited with code 0/);
    process.kill(services, 'SIGKILL');
    await run.says(/services \(pid \d+\) was killed by SIGKILL. .*npm run services/);
    run.signal('SIGTERM');
    expect(await run.ended()).toBe(0);
  });
});

describe('a second signal', () => {
  it('kills what is stuck', async () => {
    const run = here.supervise({ FAKE: 'stuck' });
    const { coordinator, redis } = await ready(run);
    run.signal('SIGINT');
    await run.says(/fake: told to drain/);
    run.signal('SIGINT');
    expect(await run.ended()).toBe(1);
    expect(run.text).toMatch(/coordinator \(pid \d+\) was killed by SIGKILL/);
    await gone(coordinator, redis);
  });

  it('is the same wish where it follows at once, as npm’s does', async () => {
    const run = here.supervise({}, 3_600_000);
    await ready(run);
    run.signal('SIGINT');
    await run.says(/SIGINT: /);
    run.signal('SIGINT');
    expect(await run.ended()).toBe(0);
    expect(run.text).not.toContain('again');
  });
});
