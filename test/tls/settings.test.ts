/** Files of TLS: whose they are, and what is refused at the start, by the name of its setting and without a word of what it holds. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, readSettings } from '../../server/config.ts';
import { type Certificate, Certificates, NO_OPENSSL } from './certificates.ts';

const HTTPS = { PAYMENT_SERVICE_URL: 'https://pay.example', ORDER_SERVICE_URL: 'https://order.example' };

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe.skipIf(NO_OPENSSL !== null)(`files of TLS${NO_OPENSSL ? ` (${NO_OPENSSL})` : ''}`, () => {
  let made: Certificates;
  let ca: Certificate;
  let client: Certificate;
  let other: Certificate;

  beforeAll(() => {
    made = new Certificates();
    ca = made.authority('ca');
    client = made.signed('client', ca);
    other = made.signed('other', ca);
  });
  afterAll(() => made.remove());

  it('are those of all services at https, unless one has its own', () => {
    const all = {
      SERVICE_TLS_CA_FILE: ca.cert,
      SERVICE_TLS_CERT_FILE: client.cert,
      SERVICE_TLS_KEY_FILE: client.key,
    };
    const own = { PAYMENT_SERVICE_TLS_CERT_FILE: other.cert, PAYMENT_SERVICE_TLS_KEY_FILE: other.key };
    expect(readSettings({ ...HTTPS, ...all, ...own }).serviceTls).toEqual({
      order: { ca: ca.cert, cert: client.cert, key: client.key },
      payment: { ca: null, cert: other.cert, key: other.key },
    });
    expect(readSettings({ REDIS_URL: 'rediss://r', REDIS_TLS_CA_FILE: ca.cert }).redisTls).toEqual({
      ca: ca.cert,
      cert: null,
      key: null,
    });
  });

  it('are refused where they cannot be used', () => {
    const bad = join(made.folder, 'bad.pem');
    writeFileSync(bad, 'hunter2');
    const of = (parts: Record<string, string>) => {
      const named = Object.entries(parts).map(([part, file]) => [`SERVICE_TLS_${part}_FILE`, file]);
      return problemsOf({ ...HTTPS, ...Object.fromEntries(named) });
    };
    expect(of({ CERT: client.cert })).toEqual([
      'SERVICE_TLS_CERT_FILE: needs SERVICE_TLS_KEY_FILE beside it',
    ]);
    expect(of({ KEY: client.key })).toEqual(['SERVICE_TLS_KEY_FILE: needs SERVICE_TLS_CERT_FILE beside it']);
    expect(of({ CA: join(made.folder, 'none') })).toEqual(['SERVICE_TLS_CA_FILE: cannot be read: ENOENT']);
    expect(of({ CA: bad })).toEqual(['SERVICE_TLS_CA_FILE: holds no certificate in PEM']);
    expect(of({ CERT: bad, KEY: client.key })).toEqual([
      'SERVICE_TLS_CERT_FILE: holds no certificate in PEM',
    ]);
    expect(of({ CERT: client.cert, KEY: bad })).toEqual([
      'SERVICE_TLS_KEY_FILE: holds no key in PEM, or one that wants a passphrase',
    ]);
    expect(of({ CERT: client.cert, KEY: other.key })).toEqual([
      'SERVICE_TLS_KEY_FILE: is not the key of the certificate in SERVICE_TLS_CERT_FILE',
    ]);
  });

  it('are refused where nothing is spoken that they are for', () => {
    expect(problemsOf({ PAYMENT_SERVICE_TLS_CA_FILE: ca.cert })).toEqual([
      'PAYMENT_SERVICE_URL: must be https where PAYMENT_SERVICE_TLS_… is set',
    ]);
    expect(problemsOf({ REDIS_URL: 'redis://r', REDIS_TLS_CA_FILE: ca.cert })).toEqual([
      'REDIS_URL: must begin with rediss where REDIS_TLS_… is set',
    ]);
  });
});
