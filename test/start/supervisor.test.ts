import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { privateRedis } from '../../server/start/private-redis.ts';
import { askRedis } from '../../server/start/redis-socket.ts';
import { gone, isAlive, type Run } from './processes.ts';
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

  it('starts no Redis where REDIS_URL is set, and shows no password', async () => {
    const run = here.supervise({ REDIS_URL: 'redis://me:sesame@redis.example:6379' });
    await run.says(READY);
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
    expect(run.text).toMatch(/\(order\) is in use by a running order service; .*ORDER_PORT/);
    expect(run.text).toMatch(
      /\(inventory\) is in use by something that is not the service; .*INVENTORY_PORT/,
    );
    expect(run.text).not.toContain('(payment)');
    expect(existsSync(here.redisSocket)).toBe(false);
    expect(await answers(here.servicePorts[0])).toBe(true);
  });

  it('refuses where the coordinator’s port is taken, having started nothing', async () => {
    await listenAt(Number(here.env.COORDINATOR_PORT));
    const run = here.supervise();
    expect(await run.ended()).toBe(1);
    expect(run.text).toMatch(/port \d+ on 127.0.0.1 is in use.*COORDINATOR_PORT/);
    expect(existsSync(here.redisSocket)).toBe(false);
    expect(run.text).not.toContain('service ready');
  });

  it('names every setting that cannot be used', async () => {
    const run = here.supervise({ ORDER_PORT: 'x', INVENTORY_PORT: '0' });
    expect(await run.ended()).toBe(1);
    expect(run.text).toMatch(/ORDER_PORT[\s\S]*INVENTORY_PORT/);
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
