import { join } from 'node:path';
import { DCLinter } from 'dclint';
import { describe, expect, test } from 'vitest';
import {
  COORDINATOR_SETTINGS,
  DRAIN_SECONDS,
  PARTICIPANT_SETTINGS,
  PROCESSES,
  REDIS_FLAGS,
} from './contract.ts';
import { compose, flags, ROOT, shipped } from './files.ts';

const { redis, coordinator } = compose.services;

test('dclint has nothing to say', () => {
  // Ours is the order in which things start and are explained, which no alphabet knows.
  const off = [
    'service-dependencies-alphabetical-order',
    'service-keys-order',
    'services-alphabetical-order',
    'top-level-properties-order',
  ];
  const rules = Object.fromEntries(off.map((rule) => [rule, 0 as const]));
  const linter = new DCLinter({ rules, quiet: false, debug: false, exclude: [] });
  // Written out, because TypeScript does not find dclint's own types under NodeNext.
  const results: { messages: { line: number; rule: string; message: string }[] }[] = linter.lintFiles(
    [join(ROOT, 'docker-compose.yml')],
    false,
  );
  expect(results).toHaveLength(1);
  const complaints = results.flatMap(({ messages }) =>
    messages.map(({ line, rule, message }) => `${line}: ${message} (${rule})`),
  );
  expect(complaints).toEqual([]);
});

test('runs Redis and every process of the image, and nothing else', () => {
  expect(Object.keys(compose.services)).toEqual(['redis', ...PROCESSES.map(({ host }) => host)]);
});

describe.each(PROCESSES)('$host', ({ host, port, command, probes }) => {
  const service = compose.services[host];

  test('runs its part of the image built here', () => {
    expect(service).toMatchObject({ build: '.', pull_policy: 'build', command });
  });

  test('is published at its own port, on the loopback alone', () => {
    expect(service?.ports).toEqual([`127.0.0.1:${port}:${port}`]);
  });

  test('is asked for its health as the image asks, at its own port and a path that it has', () => {
    const [kind, node, file, path, variable, ...rest] = service?.healthcheck.test ?? [];
    expect(kind).toBe('CMD');
    expect(shipped('HEALTHCHECK')[0]).toContain(`"${node}", "${file}"`);
    expect(probes).toContain(path);
    expect(variable).toBe(`${host.replace('-service', '').toUpperCase()}_PORT`);
    expect(rest).toEqual([String(port)]);
  });

  test('sets only settings that exist', () => {
    const settings = host === 'coordinator' ? COORDINATOR_SETTINGS : PARTICIPANT_SETTINGS;
    expect(settings).toEqual(expect.arrayContaining(Object.keys(service?.environment ?? {})));
  });

  test('shares the network on which the coordinator finds it', () => {
    expect(service?.networks).toContain('participants');
  });
});

describe.each(Object.entries(compose.services))('%s is confined', (_host, service) => {
  test('starts again, writes nowhere, may nothing, and is bounded', () => {
    expect(service).toMatchObject({
      restart: 'unless-stopped',
      read_only: true,
      tmpfs: ['/tmp'],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      logging: { driver: 'local' },
      mem_limit: expect.stringMatching(/^\d+m$/),
    });
  });
});

describe('coordinator', () => {
  test('waits until all that it needs is healthy', () => {
    const needed = Object.keys(compose.services).filter((host) => host !== 'coordinator');
    const healthy = { condition: 'service_healthy' };
    expect(coordinator?.depends_on).toEqual(Object.fromEntries(needed.map((host) => [host, healthy])));
  });

  test('is given longer to stop than it takes to drain', () => {
    const [, seconds] = /^(\d+)s$/.exec(coordinator?.stop_grace_period ?? '') ?? [];
    expect(Number(seconds)).toBeGreaterThan(DRAIN_SECONDS);
  });

  test('has a name that survives a restart, the Redis beside it, and the token of the shell', () => {
    expect(coordinator?.environment).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is Compose that fills it in.
      API_TOKEN: '${API_TOKEN:-}',
      OPEN_ROUTES: 'starts,metrics,health,docs',
      COORDINATOR_ID: 'coordinator',
      REDIS_URL: 'redis://redis:6379',
    });
  });
});

describe('redis', () => {
  test('keeps what it acknowledged, on a volume of its own', () => {
    expect(redis?.image).toBe('redis:7-alpine');
    expect(flags(String(redis?.command).split(/\s+/))).toEqual(REDIS_FLAGS);
    expect(redis?.volumes).toEqual(['redis-data:/data']);
    expect(compose.volumes).toHaveProperty('redis-data');
  });

  test('is reached by the coordinator alone', () => {
    const reaching = Object.entries(compose.services).filter(([, { networks }]) =>
      networks.includes('store'),
    );
    expect(reaching.map(([host]) => host)).toEqual(['redis', 'coordinator']);
    expect(redis).not.toHaveProperty('ports');
    expect(compose.networks.store).toEqual({ internal: true });
  });

  test('is healthy only where a ping is answered without an error', () => {
    expect(redis?.healthcheck.test).toEqual(['CMD', 'redis-cli', '-e', 'ping']);
  });
});
