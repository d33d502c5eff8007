/**
 * A coordinator as a process, with what only a test may change, told as JSON in `AT_LENGTH`: its clocks can be set, what has ended
 * goes after minutes, and it can be of a later release. Everything else is the product's own.
 */
import { readFileSync } from 'node:fs';
import type { Pretence } from './pretence.ts';

const { clocks, name = '', retentionMs, release }: Pretence = JSON.parse(process.env.AT_LENGTH ?? '{}');

/** Before anything of the product is loaded, since some of it takes hold of the clocks as it is loaded. */
async function setClocks(file: string): Promise<void> {
  const told = () => JSON.parse(readFileSync(file, 'utf8'));
  const own = { wall: Date.now, monotonic: performance.now.bind(performance) };
  let { wallMs = 0, monotonicMs = 0, standsStill = false } = told().of[name] ?? {};
  let stoodStillAt: number | null = null;
  const listen = () => {
    ({ wallMs = 0, monotonicMs = 0, standsStill = false } = told().of[name] ?? {});
    stoodStillAt = standsStill ? (stoodStillAt ?? own.monotonic()) : null;
  };
  listen();
  process.on('SIGUSR2', listen);
  Date.now = () => own.wall() + wallMs;
  globalThis.Date = class extends Date {
    constructor(...of: []) {
      if (of.length === 0) super(Date.now());
      else super(...of);
    }
  } as DateConstructor;
  performance.now = () => (stoodStillAt ?? own.monotonic()) + monotonicMs;

  const { RedisStore } = await import('../../stores/redis/redis-store.ts');
  const open = RedisStore.open.bind(RedisStore);
  // One clock for all who use it: what the file says is so for all of them at once.
  RedisStore.open = (options) => open({ ...options, clockJumpMs: () => told().storeMs });
}

async function start(): Promise<void> {
  const { default: pino } = await import('pino');
  const { sagasOf } = await import('../../server/assembly.ts');
  const { readSettings } = await import('../../server/config.ts');
  const { startCoordinator } = await import('../../server/coordinator.ts');
  const { loadSagas } = await import('../../server/saga-modules.ts');

  const settings = readSettings(process.env);
  const logger = pino({ level: settings.logLevel, base: { coordinator: settings.coordinatorId } });
  const sagas = sagasOf(await loadSagas(undefined));
  try {
    const { url, stop } = await startCoordinator(
      { ...settings, retentionMs: retentionMs ?? settings.retentionMs },
      logger,
      release === undefined ? sagas : (await import('./releases.ts')).releaseOf(release),
    );
    process.once('SIGTERM', async () => {
      await stop();
      process.exit();
    });
    const { url: inspector } = await import('node:inspector');
    logger.info({ url, pid: process.pid, inspector: inspector() }, 'ready');
  } catch (error) {
    // Whoever supervises it tries again; why, only a log would be read for.
    logger.fatal({ error: String(error) }, 'not started');
    process.exit(1);
  }
}

/** One whose starter was killed would run on for ever, and look for its Redis. */
const starter = process.ppid;
setInterval(() => process.ppid === starter || process.exit(1), 1000).unref();

async function run(): Promise<void> {
  if (clocks !== undefined) await setClocks(clocks);
  await start();
}

// Not awaited: what is loaded in there is bundled with this module, and would wait for it.
void run();
