/** One master, its replicas and three sentinels: real processes, the sentinels impatient. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import {
  freePort,
  launch,
  type RedisServer,
  type RedisServerOptions,
  type ServerTls,
  startRedis,
  tlsSettings,
} from '../redis-server.ts';
import { until } from './until.ts';
import { adminOf } from './weather.ts';

const NAME = 'orders';
/** Of replication alone, so that it can be cut without anybody else noticing. */
const LINK = 'link';
const SETTINGS = {
  user: [LINK, 'on', `>${LINK}`, '+psync', '+replconf', '+ping'],
  masteruser: LINK,
  masterauth: LINK,
  'repl-diskless-sync-delay': '0',
};

export interface Watched {
  /** As clients and sentinels reach it. */
  readonly port: number;
  readonly server: RedisServer;
  readonly admin: Redis;
  cut(): void;
  revive(): void;
}

export interface Sentinels {
  readonly url: string;
  readonly servers: readonly Watched[];
  master(): Promise<Watched>;
  /** How often they have replaced a master, as the one of them says that knows of most. */
  replacements(): Promise<number>;
  /** Until the master has as many replicas as it should, all of them with everything. */
  replicated(): Promise<void>;
  /** From now on the replicas get nothing more of the master, which notices no more than that they are away. */
  cutReplication(): Promise<void>;
  /**
   * Asks for a failover; resolves when the old master has become a replica of the new one. For some seconds before that
   * it still takes writes, and forgets them.
   */
  failOver(): Promise<void>;
  /** The master stands still for so long, and goes on as though nothing had been; resolves as `failOver` does. */
  freezeMaster(forMs: number): Promise<void>;
  /** kill -9 of the master; resolves when the sentinels name another one. */
  killMaster(): Promise<void>;
  /** Whoever was killed comes back, and becomes a replica; resolves when it has everything. */
  mend(): Promise<void>;
  stop(): Promise<void>;
}

export interface SentinelOptions extends RedisServerOptions {
  readonly replicas?: number;
  /**
   * Once they have found each other, the sentinels look as often as they do by default (every second during a failover),
   * and give a server three seconds.
   */
  readonly patient?: boolean;
  /** What a server is reached through instead of at its own port, what is cut with its death, and there again with its return. */
  readonly frontOf?: (server: RedisServer) => Promise<Pick<Watched, 'port' | 'cut' | 'revive'>>;
}

/** Patient sentinels miss it after three seconds; it wakes while they replace it. */
const FROZEN_MS = 4_500;

/** How a master is replaced; resolves when the others follow its successor. */
export const WAYS = {
  planned: (sentinels: Sentinels) => sentinels.failOver(),
  killed: (sentinels: Sentinels) => sentinels.killMaster(),
  frozen: (sentinels: Sentinels) => sentinels.freezeMaster(FROZEN_MS),
} as const;

export async function startSentinels({
  replicas = 1,
  patient = false,
  frontOf = async ({ port, tlsPort }) => ({ port: tlsPort ?? port, cut: () => {}, revive: () => {} }),
  ...options
}: SentinelOptions = {}): Promise<Sentinels> {
  const servers = await Promise.all(
    Array.from({ length: 1 + replicas }, async (): Promise<Watched> => {
      const server = await startRedis({ ...options, settings: { ...SETTINGS, ...options.settings } });
      const watched = { ...(await frontOf(server)), server, admin: adminOf(server) };
      await announce(watched);
      return watched;
    }),
  );
  const [first] = servers as [Watched];
  const hasReplicas = async ({ admin }: Watched) => {
    // The sentinels' greetings are replicated too, so offsets never stand still: Redis itself must say it.
    const answer = await admin.set('replicated', '').catch(({ message }: Error) => message);
    // Whoever was replaced meanwhile takes no write.
    return answer === 'OK' && Number(await admin.call('WAIT', replicas, 200)) >= replicas;
  };
  for (const { admin } of servers.slice(1)) await admin.replicaof('127.0.0.1', first.port);
  await until(() => hasReplicas(first));

  const directory = await mkdtemp(join(tmpdir(), 'saga-sentinel-'));
  const sentinels = await Promise.all(
    [0, 1, 2].map((number) =>
      startSentinel(join(directory, `${number}.conf`), directory, first.port, options.tls),
    ),
  );
  const asked = sentinels.map(({ port }) => adminOf({ port }));
  const look = (info: number, ask: number, publish: number) =>
    Promise.all(
      asked.map((sentinel) =>
        sentinel
          .call('SENTINEL', 'DEBUG', 'info-period', info, 'ask-period', ask, 'publish-period', publish)
          // Before 7.0 nobody can hurry them.
          .catch((error: Error) => {
            if (!/Unknown subcommand/i.test(error.message)) throw error;
          }),
      ),
    );
  // By default seconds, and ten of them.
  await look(100, 100, 250);
  await until(async () => {
    const views = await Promise.all(asked.map((sentinel) => sentinel.call('SENTINEL', 'MASTER', NAME)));
    return views.every((view) => {
      const flat = view as string[];
      const value = (field: string) => Number(flat[flat.indexOf(field) + 1]);
      return value('num-slaves') === replicas && value('num-other-sentinels') === 2;
    });
  });

  if (patient) {
    await look(10_000, 1_000, 2_000);
    const given = ['down-after-milliseconds', '3000', 'failover-timeout', '10000'];
    for (const sentinel of asked) await sentinel.call('SENTINEL', 'SET', NAME, ...given);
  }

  const named = async () => {
    const replies = await Promise.all(
      asked.map((sentinel) => sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)),
    );
    const ports = new Set(replies.map((reply) => Number((reply as string[])[1])));
    return ports.size === 1 ? servers.find(({ port }) => ports.has(port)) : undefined;
  };
  const master = async () => {
    let found: Watched | undefined;
    await until(async () => {
      found = await named();
      return found !== undefined;
    });
    return found as Watched;
  };
  // Impatient sentinels on a busy machine may replace the successor too: each time it is asked who is master now.
  const replicated = () => until(async () => hasReplicas(await master()));
  const killed = new Set<Watched>();
  const succeeded = (before: Watched) =>
    until(async () => {
      const found = await named();
      if (found === undefined || found === before) return false;
      return (await found.admin.info('replication')).includes('role:master');
    });

  return {
    url: `${options.tls ? 'rediss' : 'redis'}+sentinel://${sentinels.map(({ port, tlsPort }) => `127.0.0.1:${tlsPort ?? port}`).join(',')}/${NAME}`,
    servers,
    master,
    async replacements() {
      const views = await Promise.all(asked.map((sentinel) => sentinel.call('SENTINEL', 'MASTER', NAME)));
      const epochs = views.map((view) =>
        Number((view as string[])[(view as string[]).indexOf('config-epoch') + 1]),
      );
      return Math.max(...epochs);
    },
    replicated,
    async cutReplication() {
      const { admin } = await master();
      await admin.call('ACL', 'SETUSER', LINK, 'off');
      await admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
      await until(async () => (await admin.info('replication')).includes('connected_slaves:0'));
    },
    async failOver() {
      const before = await master();
      const [sentinel] = asked as [Redis];
      // It may not have heard yet that a replica is back, or give a failover up that takes too long: so it is asked again.
      await until(async () => {
        const [, port] = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[];
        if (Number(port) !== before.port) return true;
        await sentinel.call('SENTINEL', 'FAILOVER', NAME).catch(() => {});
        return false;
      });
      await succeeded(before);
      await replicated();
    },
    async freezeMaster(forMs) {
      const before = await master();
      process.kill(before.server.pid, 'SIGSTOP');
      await delay(forMs);
      process.kill(before.server.pid, 'SIGCONT');
      await succeeded(before);
      await replicated();
    },
    async killMaster() {
      const before = await master();
      before.cut();
      await before.server.kill();
      killed.add(before);
      await succeeded(before);
    },
    async mend() {
      for (const watched of killed) {
        await watched.server.restart();
        watched.revive();
        await announce(watched);
      }
      killed.clear();
      await replicated();
    },
    async stop() {
      for (const client of [...asked, ...servers.map(({ admin }) => admin)]) client.disconnect();
      for (const { child } of sentinels) {
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
      }
      await Promise.all(servers.map(({ server }) => server.stop()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Sentinels know a replica by what it says of itself. */
async function announce({ port, server, admin }: Watched): Promise<void> {
  if (port !== server.port) await admin.config('SET', 'replica-announce-port', port);
}

async function startSentinel(
  file: string,
  directory: string,
  masterPort: number,
  tls: ServerTls | undefined,
) {
  const port = await freePort();
  const tlsPort = tls === undefined ? null : await freePort();
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    ...Object.entries(tls ? tlsSettings(tls, tlsPort) : {}).map((setting) => setting.join(' ')),
    `dir ${directory}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} 2`,
    `sentinel down-after-milliseconds ${NAME} 500`,
    `sentinel failover-timeout ${NAME} 2000`,
  ];
  await writeFile(file, `${lines.join('\n')}\n`);
  return { port, tlsPort, child: await launch([file, '--sentinel'], { ready: '+monitor' }) };
}
