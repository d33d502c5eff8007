/**
 * `npm run nodes`: the package as it is packed, installed in an empty folder and used on each Node that it is for: everything
 * is started, an order is run, and the package's own tests are. An older Node is told what is needed, in one line. The Nodes
 * come from npm, and are kept under node_modules/.cache.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ORDER } from '../coordinator/world.ts';
import { pack, ROOT } from './packed.ts';
import { ready, run } from './trying.ts';

const SERVED = ['20.19', '22', '24'];
const TOO_OLD = '18';
const PORTS = ['COORDINATOR', 'ORDER', 'INVENTORY', 'PAYMENT', 'SHIPPING', 'NOTIFICATION'];
const IMPORTS = 7;

const say = (line: string) => void process.stdout.write(`${line}\n`);

/** The executable of the newest Node of a version. */
async function nodeOf(version: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(ROOT, 'node_modules/.cache/nodes', version);
  const executable = join(
    folder,
    'node_modules',
    name,
    process.platform === 'win32' ? 'bin/node.exe' : 'bin/node',
  );
  if (!existsSync(executable)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{}');
    await run('npm', ['install', '--ignore-scripts', '--no-save', `${name}@${version}`], folder);
  }
  return executable;
}

async function freePorts(): Promise<Record<string, string>> {
  const held = PORTS.map(() => createServer().listen(0, '127.0.0.1'));
  await Promise.all(held.map((server) => once(server, 'listening')));
  const ports = held.map((server) => String((server.address() as AddressInfo).port));
  for (const server of held) server.close();
  return Object.fromEntries(PORTS.map((name, index) => [`${name}_PORT`, ports[index] ?? '']));
}

/** Starts everything, sends an order, and ends everything. */
async function startAndOrder(node: string, folder: string): Promise<void> {
  const installed = join(folder, 'node_modules/saga-coordinator/dist');
  const ports = await freePorts();
  const env = { ...ports, DATA_DIR: join(folder, 'data'), REDIS_URL: '' };
  const started = spawn(node, [join(installed, 'server/start/main.js')], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    await ready(started);
    const url = `http://127.0.0.1:${ports.COORDINATOR_PORT}`;
    const args = [join(installed, 'cli/main.js'), 'submit', 'order.json', '--wait', '--url', url];
    const { stdout } = await run(node, args, folder);
    if (!stdout.includes('COMPLETED: All steps successful'))
      throw new Error(`the order ended so:\n${stdout}`);
  } finally {
    if (started.exitCode === null) {
      started.kill('SIGTERM');
      await once(started, 'exit');
    }
    rmSync(join(folder, 'data'), { recursive: true, force: true });
  }
}

/** The least of several, in milliseconds: what others do on the machine only adds. */
async function importMs(node: string, folder: string): Promise<number> {
  const code = `const t = performance.now(); await import('saga-coordinator'); console.log(performance.now() - t)`;
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < IMPORTS; n += 1) {
    const { stdout } = await run(node, ['--input-type=module', '-e', code], folder);
    least = Math.min(least, Number(stdout));
  }
  return Math.round(least);
}

async function refusal(node: string, folder: string, args: readonly string[]): Promise<string> {
  const refused = await run(node, args, folder).catch((error: Error) => error.cause as { stderr: string });
  return refused.stderr;
}

const packed = await pack();
const folder = mkdtempSync(join(tmpdir(), 'nodes-'));
try {
  writeFileSync(join(folder, 'package.json'), '{"type":"module","private":true}');
  writeFileSync(join(folder, 'order.json'), JSON.stringify(ORDER));
  await run('npm', ['install', '--no-audit', '--no-fund', packed.tarball], folder);
  const { stdout: tree } = await run('npm', ['ls', '--all', '--parseable'], folder);
  say(`installed with ${tree.trim().split('\n').length - 2} packages that it needs`);

  copyFileSync(join(ROOT, 'test/package/consumer.ts'), join(folder, 'consumer.ts'));
  // Without exactOptionalPropertyTypes, since xstate's own declarations do not stand it.
  const strict = ['--strict', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false'];
  const lib = [
    '--target',
    'es2023',
    '--lib',
    'es2023',
    '--types',
    'node',
    '--typeRoots',
    join(ROOT, 'node_modules/@types'),
  ];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  await run(
    process.execPath,
    [tsc, '--noEmit', '--module', 'nodenext', ...strict, ...lib, 'consumer.ts'],
    folder,
  );
  say('types: read whole, without a fault');

  copyFileSync(join(ROOT, 'test/package/consumer.test.mjs'), join(folder, 'consumer.test.mjs'));
  for (const version of SERVED) {
    const node = await nodeOf(version);
    const { stdout: exact } = await run(node, ['--version'], folder);
    const { stdout } = await run(node, ['--test', 'consumer.test.mjs'], folder);
    const [, passed = '?'] = /^\S+ pass (\d+)$/m.exec(stdout) ?? [];
    await startAndOrder(node, folder);
    say(
      `Node ${exact.trim()}: ${passed} tests, started, one order; import ${await importMs(node, folder)} ms`,
    );
  }

  const old = await nodeOf(TOO_OLD);
  for (const program of ['cli/main.js', 'server/main.js', 'server/start/main.js']) {
    const told = await refusal(old, folder, [join('node_modules/saga-coordinator/dist', program)]);
    if (!/^saga-coordinator needs Node 20\.19 or later; this is Node 18[\d.]+\n$/.test(told))
      throw new Error(`${program} on Node ${TOO_OLD} says:\n${told}`);
  }
  const imported = await refusal(old, folder, [
    '--input-type=module',
    '-e',
    "await import('saga-coordinator')",
  ]);
  if (!imported.includes('Error: saga-coordinator needs Node 20.19 or later'))
    throw new Error(`import on Node ${TOO_OLD} says:\n${imported}`);
  say(`Node ${TOO_OLD}: told what is needed`);
} finally {
  packed.remove();
  rmSync(folder, { recursive: true, force: true });
}
