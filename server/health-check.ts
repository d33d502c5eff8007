/**
 * `node dist/server/health-check.js /livez COORDINATOR_PORT 9000`: whether the process of this container answers. It asks
 * where that process listens: at the port that the variable says, else the one given, and at HOST. Nothing is imported,
 * because this runs every few seconds.
 */
const [path = '/', variable = '', unset = ''] = process.argv.slice(2);
const { HOST = '', [variable]: port } = process.env;
/** An address that means all of them is listened to, and cannot be asked. */
const everywhere: Readonly<Record<string, string>> = { '': '127.0.0.1', '0.0.0.0': '127.0.0.1', '::': '::1' };
const host = everywhere[HOST] ?? HOST;

try {
  const { ok } = await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${port || unset}${path}`);
  process.exit(ok ? 0 : 1);
} catch {
  process.exit(1);
}

// A module, so that it may await.
export {};
