/**
 * `npm run fuzz -- --seconds 600`: requests that schemathesis (PyPI) makes up of our own OpenAPI document, as it says and as it
 * does not, against a coordinator with real services and a real Redis. None may be answered 5xx, or otherwise than the
 * document says; none that is as the document says may be refused for its form. Exit code 0 where that held.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openWorld } from '../coordinator/world.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    program: { type: 'string', default: 'schemathesis' },
  },
});

const { stdout: version, error } = spawnSync(values.program, ['--version'], { encoding: 'utf8' });
if (error !== undefined) {
  process.stdout.write(`skipped: ${values.program} cannot be started. Type: pip install schemathesis\n`);
  process.exit(0);
}

const folder = await mkdtemp(join(tmpdir(), 'fuzz-'));
const world = await openWorld();
try {
  // Clients need not wait long for what no participant will ever say.
  const { url } = await world.coordinator({ ORDER_WAIT_MS: '200' });
  process.stdout.write(`${version.trim()}, seed ${values.seed}\n`);
  const args = [
    ...['--config-file', fileURLToPath(new URL('schemathesis.toml', import.meta.url))],
    ...['run', `${url}/openapi.json`, '--phases', 'examples,fuzzing,stateful'],
    ...['--max-time', values.seconds, '--seed', values.seed, '--continue-on-failure', '--warnings', 'off'],
    // They never end.
    ...['--exclude-path-regex', 'events$', '--request-timeout', '30', '--no-color'],
  ];
  // It keeps what it has found where it runs.
  const child = spawn(values.program, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  const code = await new Promise<number | null>((ended) => child.once('exit', ended));
  process.exitCode = code ?? 1;
} finally {
  await world.close();
  await rm(folder, { recursive: true });
}
