import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { COORDINATOR_SETTINGS, PROCESSES } from './contract.ts';
import { layers, ROOT, read, shipped, stages } from './files.ts';

const coordinator = PROCESSES.find(({ host }) => host === 'coordinator');

/** The exec form is JSON; the shell form is not, and would throw here. */
const execForm = (text: string | undefined): string[] => JSON.parse(text ?? '');

const [healthcheck = ''] = shipped('HEALTHCHECK');
const health = execForm(healthcheck.split(' CMD ')[1]);

describe('Dockerfile', () => {
  test('every stage stands on an earlier one or on Node 24, pinned to its major', () => {
    for (const [at, { from }] of stages.entries()) {
      const earlier = stages.slice(0, at).map(({ name }) => name);
      expect([...earlier, 'node:24-slim']).toContain(from);
    }
  });

  test('runs the coordinator in exec form, so that signals reach node', () => {
    expect(execForm(shipped('CMD').at(-1))).toEqual(coordinator?.command);
    expect(shipped('ENTRYPOINT')).toEqual([]);
  });

  test('runs as a user whom Kubernetes can tell from root, and owns none of its own code', () => {
    expect(shipped('USER').at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(shipped('COPY').join('\n')).not.toContain('--chown');
  });

  test('holds the compiled code and production dependencies, nothing else of the build', () => {
    const copies = shipped('COPY').map((text) => text.split(/\s+/));
    expect(copies.map((words) => words.at(-1))).toEqual(['./', './node_modules', './dist']);
    expect(copies.flatMap((words) => words.slice(0, -1))).not.toContain('.');
    const source = /--from=(\w+)\s+\S*node_modules/.exec(shipped('COPY').join('\n'))?.[1];
    const installs = layers(stages.find(({ name }) => name === source)).filter(({ text }) =>
      text.includes('npm'),
    );
    expect(installs.map(({ text }) => text)).toEqual([expect.stringContaining('--omit=dev')]);
  });

  test('no dependency runs a script while the image is built', () => {
    const installs = stages.flatMap(({ instructions }) =>
      instructions.filter(({ text }) => /npm ci/.test(text)),
    );
    expect(installs).toHaveLength(2);
    for (const { text } of installs) expect(text).toContain('--ignore-scripts');
  });

  test('sets the environment of a container, and only settings that exist', () => {
    const set = Object.fromEntries(
      shipped('ENV').flatMap((text) => text.split(/\s+/).map((pair) => pair.split('='))),
    );
    expect(set).toEqual({ NODE_ENV: 'production', HOST: '0.0.0.0', SERVICE_HOSTS: 'containers' });
    expect(COORDINATOR_SETTINGS).toEqual(expect.arrayContaining(Object.keys(set)));
  });

  test('exposes the ports of all that the image can run', () => {
    expect(shipped('EXPOSE').join(' ').split(/\s+/).map(Number)).toEqual(PROCESSES.map(({ port }) => port));
  });

  test('asks for health at a path that the coordinator has, and at its port unless another is set', () => {
    const [node, file, path, ...rest] = health;
    expect([node, file]).toEqual(['node', 'dist/server/health-check.js']);
    expect(coordinator?.probes).toContain(path);
    expect(rest).toEqual(['COORDINATOR_PORT', String(coordinator?.port)]);
  });

  describe('the health check', () => {
    /** Runs it as the image would, but for the compiler; beside a server that answers, or none. */
    async function checked(status: number | null, listen: string, environment: Record<string, string>) {
      const server = createServer((request, response) => {
        response.writeHead(request.url === '/livez' ? (status ?? 500) : 404).end();
      });
      await once(server.listen(0, listen), 'listening');
      const port = String((server.address() as AddressInfo).port);
      if (status === null) await once(server.close(), 'close');
      const source = join(ROOT, String(health[1]).replace(/^dist\/(.*)\.js$/, '$1.ts'));
      const env = { PATH: process.env.PATH, ...environment };
      const [path, variable] = health.slice(2);
      // The variable, where it is set, and not the port that stands in the command.
      const isSet = 'COORDINATOR_PORT' in env;
      if (isSet) env.COORDINATOR_PORT = port;
      const unset = isSet ? '1' : port;
      const child = execFile(process.execPath, ['--import', 'tsx', source, `${path}`, `${variable}`, unset], {
        cwd: ROOT,
        env,
      });
      const [code] = await once(child, 'exit');
      server.close();
      return code;
    }
    const everywhere = { HOST: '0.0.0.0', COORDINATOR_PORT: '' };

    test.each([
      ['0 where the answer is 200', 200, '0.0.0.0', everywhere, 0],
      ['1 where the answer is 503', 503, '0.0.0.0', everywhere, 1],
      ['1 where nobody listens', null, '0.0.0.0', everywhere, 1],
      [
        '0 at the one address where it listens',
        200,
        '127.0.0.2',
        { HOST: '127.0.0.2', COORDINATOR_PORT: '' },
        0,
      ],
      ['1 at another address', 200, '127.0.0.2', everywhere, 1],
      ['0 with nothing set', 200, '127.0.0.1', {}, 0],
    ])('exits %s', async (_, status, listen, environment, exit) => {
      expect(await checked(status, listen, environment)).toBe(exit);
    });
  });
});

describe('.dockerignore', () => {
  const ignored = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  test.each(['node_modules', 'data', '.git', 'test', 'dist', 'coverage', '.env*', '.npmrc'])(
    'keeps out %s',
    (path) => {
      expect(ignored).toContain(path);
    },
  );

  test.each([
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'machines',
    'server',
    'stores',
    'services-stub',
  ])('lets in %s, which the build reads', (path) => {
    // A pattern with a slash or an exception would need Docker's own matcher, so ours has none.
    const matches = (pattern: string) =>
      new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
    expect(ignored.join('\n')).not.toMatch(/[/!]/);
    expect(ignored.filter((pattern) => matches(pattern).test(path))).toEqual([]);
  });
});
