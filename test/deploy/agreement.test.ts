/** What no file can be asked alone: that they agree with the code, and that none of them holds a secret. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { readSettings } from '../../server/config.ts';
import { FIXED_PORTS } from '../../services-stub/start.ts';
import { DRAIN_SECONDS, PARTICIPANTS, PROCESSES } from './contract.ts';
import { compose, KUBERNETES, kubernetesFiles, leaves, objects, ROOT, read } from './files.ts';

test('the participants listen where the contract says, in its order', () => {
  expect(Object.entries(FIXED_PORTS)).toEqual(PARTICIPANTS.map(({ name, port }) => [name, port]));
});

test.each(PROCESSES)(
  'the command of $host starts a process, and not a module that does nothing',
  ({ command }) => {
    // An entry point refuses a port that is none; any other module would never ask for it, and end well.
    const [file = '', ...rest] = command.slice(command.findIndex((word) => word.startsWith('dist/')));
    const source = file.replace(/^dist\/(.*)\.js$/, '$1.ts');
    const ports = Object.fromEntries(
      ['COORDINATOR_PORT', ...PARTICIPANTS.map(({ name }) => `${name.toUpperCase()}_PORT`)].map((name) => [
        name,
        'none',
      ]),
    );
    const options = {
      cwd: ROOT,
      env: { ...process.env, ...ports },
      encoding: 'utf8' as const,
      timeout: 30_000,
    };
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', source, ...rest], options);
    expect(stderr).toMatch(/_PORT\b/);
    expect(status).toBe(1);
  },
);

test('a coordinator drains as long as the grace periods assume', () => {
  expect(readSettings({}).drainMs).toBe(DRAIN_SECONDS * 1000);
});

describe.each([
  'package-lock.json',
  'bench/peers/package-lock.json',
  'test/clients/typescript/package-lock.json',
])('%s', (file) => {
  const { packages } = JSON.parse(read(file)) as {
    packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
  };

  test('names every package of every platform, because the npm in Node 24 refuses it otherwise', () => {
    const optional = Object.values(packages).flatMap((found) =>
      Object.keys(found.optionalDependencies ?? {}),
    );
    expect(optional.filter((name) => !(`node_modules/${name}` in packages))).toEqual([]);
  });

  test('names no registry', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  });
});

describe('no secret', () => {
  const files = [
    'Dockerfile',
    'docker-compose.yml',
    ...kubernetesFiles.map((file) => `${KUBERNETES}/${file}`),
  ];

  test.each(files)('in the text of %s', (file) => {
    const suspicious = [
      /:\/\/[^\s/'"]*@/, // credentials in an address
      /--(requirepass|masterauth|masteruser)\b/,
      /--from-literal=\w+=(?!"\$\w+")/, // a value where a variable should stand
      /-----BEGIN/,
      /\b(AKIA|ghp_|npm_|xox[bp]-|sk_live_)\w+/,
    ];
    for (const pattern of suspicious) expect(read(file)).not.toMatch(pattern);
  });

  test('under a name that asks for one', () => {
    const named = /(password|passwd|secret|token|credential|api_?key|private_?key)$/i;
    const literals = leaves([compose, objects]).filter(
      ({ path, value }) =>
        typeof value === 'string' && named.test(path.at(-1) ?? '') && !/^\$\{\w+:-\}$/.test(value),
    );
    expect(literals).toEqual([]);
  });
});
