/** `node --import tsx services-stub/main.ts [name...]`: runs the named participants, or the five of the order saga, in this
 * process. */
import { parseArgs } from 'node:util';
import { DESK_PORTS, type DeskName, isDesk } from './desks.ts';
import type { Stock } from './inventory.ts';
import type { ServiceName } from './participant.ts';
import {
  FIXED_PORTS,
  type Ports,
  SERVICE_NAMES,
  type StartOptions,
  startDesks,
  startServices,
} from './start.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);

interface Started extends StartOptions {
  readonly desks: readonly DeskName[];
  readonly ports: Ports & Readonly<Record<DeskName, number>>;
}

/** Every mistake at once, so that nobody mends them one start at a time. */
function readSettings(names: readonly string[], env: NodeJS.ProcessEnv): Started {
  const mistakes: string[] = [];
  for (const name of names) {
    if (!(name in FIXED_PORTS || isDesk(name))) {
      const known = [...SERVICE_NAMES, ...Object.keys(DESK_PORTS)].join(', ');
      mistakes.push(`no service is named ${name}; there are ${known}`);
    }
  }
  const ports = Object.fromEntries(
    Object.entries({ ...FIXED_PORTS, ...DESK_PORTS }).map(([name, fixed]) => {
      const variable = `${name.toUpperCase()}_PORT`;
      const port = Number(env[variable] || fixed);
      if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
        mistakes.push(`${variable} is not a port`);
      return [name, port];
    }),
  );
  const stock = readStock(env.INVENTORY_STOCK ?? '');
  if (stock === null) mistakes.push('INVENTORY_STOCK must read like widget=100,limited-edition=3');
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  return {
    ...(names.length > 0 ? { only: names.filter((name) => name in FIXED_PORTS) as ServiceName[] } : {}),
    desks: names.filter(isDesk),
    ports: ports as Started['ports'],
    host: env.HOST || '127.0.0.1',
    faultsOn: env.FAULTS === '1',
    stock: stock ?? {},
  };
}

function readStock(text: string): Stock | null {
  const entries = text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => /^\s*([^=\s]+)\s*=\s*(\d{1,15})\s*$/.exec(part));
  if (entries.includes(null)) return null;
  return Object.fromEntries(entries.map((match) => [match?.[1] ?? '', Number(match?.[2])]));
}

try {
  const settings = readSettings([...new Set(parseArgs({ allowPositionals: true }).positionals)], process.env);
  const { services, close: closeServices } = await startServices(settings);
  const { desks, close: closeDesks } = await startDesks(settings.desks, settings);
  const close = () => Promise.all([closeServices(), closeDesks()]);
  let isDraining = false;
  const drain = async (why: string) => {
    if (isDraining) return;
    isDraining = true;
    say(`${why}: draining`);
    await close();
    say('services stopped');
  };
  // Before the ready line, because whoever reads that line may send a signal at once.
  process.once('SIGTERM', drain);
  process.once('SIGINT', drain);
  // Whoever started us with a channel, as npm start does, is gone, however suddenly.
  process.once('disconnect', () => void drain('npm start is gone'));
  process.channel?.unref();

  const all = [...Object.values(services), ...desks];
  for (const { service, url } of all) say(`${service} service ready at ${url}`);
  say(`services ready: ${all.length}${settings.faultsOn ? ', faults on' : ''}`);
  process.send?.({ type: 'ready' });
} catch (cause) {
  process.stderr.write(`services-stub cannot start: ${cause instanceof Error ? cause.message : cause}\n`);
  process.exitCode = 1;
}
