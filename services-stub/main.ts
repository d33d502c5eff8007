/** `node --import tsx services-stub/main.ts [name...]`: runs the named participants, or all five, in this process. */
import { parseArgs } from 'node:util';
import type { Stock } from './inventory.ts';
import type { ServiceName } from './participant.ts';
import { FIXED_PORTS, type Ports, SERVICE_NAMES, type StartOptions, startServices } from './start.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);

/** Every mistake at once, so that nobody mends them one start at a time. */
function readSettings(names: readonly string[], env: NodeJS.ProcessEnv): StartOptions {
  const mistakes: string[] = [];
  for (const name of names) {
    if (!(name in FIXED_PORTS))
      mistakes.push(`no service is named ${name}; there are ${SERVICE_NAMES.join(', ')}`);
  }
  const ports = Object.fromEntries(
    SERVICE_NAMES.map((name) => {
      const variable = `${name.toUpperCase()}_PORT`;
      const port = Number(env[variable] || FIXED_PORTS[name]);
      if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
        mistakes.push(`${variable} is not a port`);
      return [name, port];
    }),
  );
  const stock = readStock(env.INVENTORY_STOCK ?? '');
  if (stock === null) mistakes.push('INVENTORY_STOCK must read like widget=100,limited-edition=3');
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'));
  return {
    ...(names.length > 0 ? { only: [...new Set(names)] as ServiceName[] } : {}),
    ports: ports as Ports,
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
  const settings = readSettings(parseArgs({ allowPositionals: true }).positionals, process.env);
  const { services, close } = await startServices(settings);
  const drain = async (signal: NodeJS.Signals) => {
    say(`${signal}: draining`);
    await close();
    say('services stopped');
  };
  // Before the ready line, because whoever reads that line may send a signal at once.
  process.once('SIGTERM', drain);
  process.once('SIGINT', drain);

  for (const { service, url } of Object.values(services)) say(`${service} service ready at ${url}`);
  say(`services ready: ${Object.keys(services).length}${settings.faultsOn ? ', faults on' : ''}`);
} catch (cause) {
  process.stderr.write(`services-stub cannot start: ${cause instanceof Error ? cause.message : cause}\n`);
  process.exitCode = 1;
}
