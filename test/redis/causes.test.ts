/** Why Redis cannot be reached: each cause is named, with the setting that mends it, and never with a password. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../stores/redis/connect.ts';
import { RedisStore } from '../../stores/redis/redis-store.ts';
import { freePort, launch, type RedisServer, startRedis } from '../redis-server.ts';
import { until } from './until.ts';

const PASSWORD = 's@fe:/#%';
const LOGIN = `:${encodeURIComponent(PASSWORD)}@`;
const run = promisify(execFile);

let directory: string;
let server: RedisServer;
let node: RedisServer;
/** The same server, by TLS. */
let tlsPort: number;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'saga-tls-'));
  const openssl = (...args: string[]) => run('openssl', args, { cwd: directory });
  const key = (name: string) => [
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-subj',
    `/CN=${name}`,
  ];
  await openssl('req', '-x509', ...key('ca'), '-out', 'ca.pem', '-days', '1');
  await openssl('req', ...key('server'), '-out', 'server.csr');
  await writeFile(join(directory, 'names'), 'subjectAltName=DNS:redis.example,DNS:localhost');
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', 'names'];
  await openssl('x509', '-req', '-in', 'server.csr', ...signed, '-out', 'server.pem');
  tlsPort = await freePort();
  server = await startRedis({
    settings: {
      requirepass: PASSWORD,
      'tls-port': String(tlsPort),
      'tls-cert-file': join(directory, 'server.pem'),
      'tls-key-file': join(directory, 'server.key'),
      'tls-ca-cert-file': join(directory, 'ca.pem'),
      'tls-auth-clients': 'no',
    },
  });
  node = await startRedis({ cluster: true });
  const admin = new Redis(node.port);
  await admin.config('SET', 'requirepass', PASSWORD);
  admin.disconnect();
});
afterAll(async () => {
  await Promise.all([server.stop(), node.stop()]);
  await rm(directory, { recursive: true, force: true });
});

async function refusal(url: string): Promise<Error> {
  const redis = connect(url, { commandTimeoutMs: 300 });
  try {
    await RedisStore.open({ redis });
    throw new Error(`${url} was opened`);
  } catch (error) {
    return error as Error;
  } finally {
    redis.disconnect();
  }
}

/** What time alone does not mend is refused, and is not waited for. */
const causes: readonly [name: string, url: () => string, kind: 'refused' | 'away', words: RegExp][] = [
  ['no password', () => `redis://127.0.0.1:${server.port}`, 'refused', /wants a password.*NOAUTH/],
  [
    'a wrong password',
    () => `redis://:wr0ng@127.0.0.1:${server.port}`,
    'refused',
    /password in REDIS_URL is wrong.*WRONGPASS/,
  ],
  [
    'an unknown user',
    () => `redis://you:wr0ng@127.0.0.1:${server.port}`,
    'refused',
    /the user or the password.*WRONGPASS/,
  ],
  [
    'no such database',
    () => `redis://${LOGIN}127.0.0.1:${server.port}/16`,
    'refused',
    /no database of the number/,
  ],
  [
    'an unknown authority',
    () => `rediss://${LOGIN}localhost:${tlsPort}`,
    'refused',
    /authority.*NODE_EXTRA_CA_CERTS.*SELF_SIGNED/,
  ],
  [
    'plain text to TLS',
    () => `redis://${LOGIN}127.0.0.1:${tlsPort}`,
    'away',
    /REDIS_URL must begin with rediss/,
  ],
  [
    'nobody there',
    () => 'redis://127.0.0.1:1',
    'away',
    /nothing listens there \(connect ECONNREFUSED 127.0.0.1:1\)/,
  ],
  ['an unknown host', () => 'redis://nowhere.invalid', 'away', /cannot be resolved.*nowhere\.invalid/],
  ['no such socket', () => 'unix:///nowhere/redis.sock', 'away', /no such socket/],
  [
    'no sentinel there',
    () => 'redis+sentinel://127.0.0.1:1,127.0.0.1:2/main',
    'away',
    /nothing listens there.*sentinel 127.0.0.1:[12]/,
  ],
  [
    'Redis instead of a sentinel',
    () => `redis+sentinel://127.0.0.1:${node.port}/main`,
    'refused',
    /NOAUTH|no Sentinel/,
  ],
  [
    'a sentinel’s password',
    () => `redis+sentinel://127.0.0.1:${server.port}/main?sentinel_password=wr0ng`,
    'refused',
    /\?sentinel_password=.*WRONGPASS/,
  ],
  ['no node there', () => 'redis+cluster://127.0.0.1:1', 'away', /nothing listens there.*ECONNREFUSED/],
  [
    'no password for a Cluster',
    () => `redis+cluster://127.0.0.1:${node.port}`,
    'refused',
    /wants a password/,
  ],
  [
    'a wrong password for a Cluster',
    () => `redis+cluster://:wr0ng@127.0.0.1:${node.port}`,
    'refused',
    /password in REDIS_URL is wrong/,
  ],
  [
    'TLS to a Cluster without',
    () => `rediss+cluster://${LOGIN}127.0.0.1:${node.port}`,
    'away',
    /in time.*rediss/,
  ],
  ['an unknown host of a Cluster', () => 'redis+cluster://nowhere.invalid', 'away', /cannot be resolved/],
];

it.each(causes)('%s is named', async (_, url, kind, words) => {
  const error = await refusal(url());
  expect(error.name).toBe(kind === 'refused' ? 'StoreRefusedError' : 'StoreUnavailableError');
  expect(error.message).toMatch(words);
  expect(error.message).not.toContain('wr0ng');
  expect(error.message).not.toContain(PASSWORD);
});

it('TLS to plain text is named', async () => {
  // Redis itself waits for the end of what it takes for a line: a server that answers plainly is told apart at once.
  const plain = createServer((socket) => void socket.on('error', () => {}).end('-ERR what is this\r\n'));
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  const { port } = plain.address() as { port: number };
  expect((await refusal(`rediss://127.0.0.1:${port}`)).message).toMatch(
    /does not speak TLS.*redis and not with rediss/,
  );
  plain.close();
});

describe('with the authority’s certificate in NODE_EXTRA_CA_CERTS', () => {
  /** Node reads it when it starts, so it needs a process of its own. */
  async function opened(host: string): Promise<string> {
    const program = `
      import { connect } from './stores/redis/connect.ts';
      import { RedisStore } from './stores/redis/redis-store.ts';
      const redis = connect(${JSON.stringify(`rediss://${LOGIN}${host}:${tlsPort}`)});
      try { await (await RedisStore.open({ redis })).close(); console.log('open'); }
      catch (error) { console.log(error.message); redis.disconnect(); }`;
    const { stdout } = await run(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', program],
      {
        env: { PATH: process.env.PATH, NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') },
      },
    );
    return stdout.trim();
  }

  it('a host that the certificate names is spoken to, and another is not', async () => {
    const [named, other] = await Promise.all([opened('localhost'), opened('127.0.0.1')]);
    expect(named).toBe('open');
    expect(other).toMatch(/certificate is for other names than the host in REDIS_URL/);
  });
});

it('sentinels with a password lead to a master with another', async () => {
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  await writeFile(
    file,
    `port ${port}\nbind 127.0.0.1\ndir ${directory}\nrequirepass "of sentinels"\n` +
      `sentinel monitor main 127.0.0.1 ${server.port} 1\nsentinel auth-pass main ${PASSWORD}\n`,
  );
  const sentinel = await launch([file, '--sentinel'], { ready: '+monitor master main' });
  const url = `redis+sentinel://${LOGIN}127.0.0.1:${port}/main`;
  expect((await refusal(url)).message).toMatch(/\?sentinel_password=/);
  const store = await RedisStore.open({ redis: connect(`${url}?sentinel_password=of%20sentinels`) });
  await store.ping();
  await store.close();
  sentinel.kill('SIGKILL');
});

describe('a store that was open', () => {
  const said = (store: RedisStore) =>
    store.ping().then(
      () => '',
      (error: Error) => error.message,
    );

  it('says why it has no connection any more, and forgets it with the next one', async () => {
    const own = await startRedis();
    const store = await RedisStore.open({ redis: connect(own.url) });
    await own.kill();
    await until(async () => /nothing listens there \(connect ECONNREFUSED/.test(await said(store)));
    await own.restart();
    await until(async () => (await said(store)) === '');
    const admin = new Redis(own.port);
    await admin.config('SET', 'requirepass', 'new');
    await admin.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => /wants a password, and REDIS_URL gives none/.test(await said(store)));
    admin.disconnect();
    await store.close();
    await own.stop();
  });

  it('goes into no other database, where a server that comes back has fewer', async () => {
    const own = await startRedis();
    const store = await RedisStore.open({ redis: connect(`${own.url}/3`) });
    await own.kill();
    const fewer = await launch([
      '--port',
      String(own.port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--databases',
      '2',
    ]);
    await until(async () => /no database of the number/.test(await said(store)));
    const admin = new Redis(own.port);
    expect(await admin.dbsize()).toBe(0);
    admin.disconnect();
    await store.close();
    fewer.kill('SIGKILL');
    await own.stop();
  });
});
