/** Redis that wants a client's certificate, alone and as a Cluster: what it is shown, and what is said where that will not do. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSettings } from '../../server/config.ts';
import { openRedis } from '../../server/open-store.ts';
import type { TlsFiles } from '../../server/tls-settings.ts';
import { startCluster } from '../redis/cluster.ts';
import { startSentinels } from '../redis/sentinel.ts';
import { type RedisServer, type ServerTls, startRedis } from '../redis-server.ts';
import { begin, idIn } from '../stores/sagas.ts';
import { type Certificate, Certificates, NO_OPENSSL } from './certificates.ts';

describe.skipIf(NO_OPENSSL !== null)(`Redis over mutual TLS${NO_OPENSSL ? ` (${NO_OPENSSL})` : ''}`, () => {
  let made: Certificates;
  let ca: Certificate;
  let client: Certificate;
  let server: RedisServer;
  let url: string;
  let tls: ServerTls;
  const logger = pino({ level: 'silent' });

  beforeAll(async () => {
    made = new Certificates();
    ca = made.authority('ca');
    client = made.signed('client', ca);
    const own = made.signed('own', ca);
    tls = { cert: own.cert, key: own.key, ca: ca.cert };
    server = await startRedis({ tls });
    url = `rediss://127.0.0.1:${server.tlsPort}`;
  });
  afterAll(async () => {
    await server.stop();
    made.remove();
  });

  const opened = (files: Partial<TlsFiles>, at = url) =>
    openRedis(at, { ...readSettings({}), redisTls: { ca: null, cert: null, key: null, ...files } }, logger);

  it('is shown what was set, and the new one when it has changed', async () => {
    const cert = join(made.folder, 'rotating.pem');
    const key = join(made.folder, 'rotating.key');
    copyFileSync(client.cert, cert);
    copyFileSync(client.key, key);
    const store = await opened({ ca: ca.cert, cert, key });
    await begin(store);
    // The one that it was opened with will not do any more: only the next one does.
    await server.kill();
    const late = made.signed('late', ca, -1);
    copyFileSync(late.cert, cert);
    copyFileSync(late.key, key);
    await server.restart();
    const why = await vi.waitUntil(
      async () => {
        const error = await store.ping().then(
          () => null,
          (thrown: Error) => thrown.message,
        );
        return error !== null && /REDIS_TLS_CERT_FILE/.test(error) && error;
      },
      { timeout: 20_000 },
    );
    expect(why).toMatch(/the certificate in REDIS_TLS_CERT_FILE has expired/);
    copyFileSync(client.cert, cert);
    copyFileSync(client.key, key);
    await vi.waitUntil(
      () =>
        store.ping().then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    );
    await begin(store);
    await store.close();
  });

  it.each<[string, () => Partial<TlsFiles>, RegExp]>([
    [
      'no certificate is shown',
      () => ({ ca: ca.cert }),
      /it wants a client’s certificate: name one in REDIS_TLS_CERT_FILE/,
    ],
    [
      'it is of a strange authority',
      () => {
        const { cert, key } = made.signed('stranger', made.authority('strange'));
        return { ca: ca.cert, cert, key };
      },
      /does not know the authority that signed the certificate in REDIS_TLS_CERT_FILE/,
    ],
    [
      'we do not know its authority',
      () => ({ cert: client.cert, key: client.key }),
      /signed by an authority that is not known here: name the authority’s certificate in REDIS_TLS_CA_FILE/,
    ],
  ])('is not opened where %s, and it is said why', async (_, files, words) => {
    await expect(opened(files())).rejects.toThrow(words);
  });

  const isThere = (store: { ping(): Promise<void> }) =>
    store.ping().then(
      () => true,
      () => false,
    );

  it('is a Cluster, each node of which is shown it, and where a slot went to', async () => {
    const cluster = await startCluster(false, 3, { tls });
    const store = await opened({ ca: ca.cert, cert: client.cert, key: client.key }, cluster.url);
    // In all partitions, and so at all nodes.
    const ids = await Promise.all(Array.from({ length: 48 }, (_, n) => begin(store, { id: idIn(store, n) })));
    expect((await store.list({}, null, 100)).sagas).toHaveLength(ids.length);
    const shown = await Promise.all(cluster.admins.map((admin) => admin.client('LIST')));
    for (const [node, list] of shown.entries()) {
      const port = cluster.nodes[node]?.tlsPort;
      expect(String(list)).toMatch(new RegExp(`laddr=127\\.0\\.0\\.1:${port} `));
    }
    await expect(opened({ ca: ca.cert }, cluster.url)).rejects.toThrow(/REDIS_TLS_CERT_FILE/);
    await store.close();
    await cluster.stop();
  });

  it('is what sentinels name, who are shown it too, also after another has taken its place', async () => {
    const sentinels = await startSentinels({ tls });
    const store = await opened({ ca: ca.cert, cert: client.cert, key: client.key }, sentinels.url);
    const { id } = await begin(store);
    const before = await sentinels.master();
    await sentinels.replicated();
    await sentinels.killMaster();
    await vi.waitUntil(() => isThere(store), { timeout: 20_000 });
    expect((await store.get(id))?.id).toBe(id);
    await begin(store);
    const after = await sentinels.master();
    expect(after.port).not.toBe(before.port);
    expect(String(await after.admin.client('LIST'))).toContain(`laddr=127.0.0.1:${after.server.tlsPort} `);
    await expect(opened({ ca: ca.cert }, sentinels.url)).rejects.toThrow(/REDIS_TLS_CERT_FILE/);
    await store.close();
    await sentinels.stop();
  });
});
