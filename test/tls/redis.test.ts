/** Redis that wants a client's certificate, alone and as a Cluster: what it is shown, and what is said where that will not do. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSettings } from '../../server/config.ts';
import { openRedis } from '../../server/open-store.ts';
import type { TlsFiles } from '../../server/tls-settings.ts';
import { freePort, type RedisServer, startRedis } from '../redis-server.ts';
import { begin } from '../stores/sagas.ts';
import { type Certificate, Certificates, NO_OPENSSL } from './certificates.ts';

describe.skipIf(NO_OPENSSL !== null)(`Redis over mutual TLS${NO_OPENSSL ? ` (${NO_OPENSSL})` : ''}`, () => {
  let made: Certificates;
  let ca: Certificate;
  let client: Certificate;
  let server: RedisServer;
  let url: string;
  const logger = pino({ level: 'silent' });

  beforeAll(async () => {
    made = new Certificates();
    ca = made.authority('ca');
    client = made.signed('client', ca);
    const own = made.signed('own', ca);
    const port = await freePort();
    server = await startRedis({
      settings: {
        'tls-port': String(port),
        'tls-cert-file': own.cert,
        'tls-key-file': own.key,
        'tls-ca-cert-file': ca.cert,
        'tls-auth-clients': 'yes',
      },
    });
    url = `rediss://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    await server.stop();
    made.remove();
  });

  const opened = (files: Partial<TlsFiles>) =>
    openRedis(url, { ...readSettings({}), redisTls: { ca: null, cert: null, key: null, ...files } }, logger);

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
});
