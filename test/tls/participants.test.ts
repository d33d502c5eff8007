/** Participants that want to know who calls, and are known themselves: by certificates that are made here. */
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/engine/clock.ts';
import { Participants } from '../../server/engine/participants.ts';
import { connectorBy } from '../../server/engine/tunnel.ts';
import { Probes } from '../../server/probes.ts';
import { WatchedTls } from '../../server/tls-files.ts';
import type { TlsFiles } from '../../server/tls-settings.ts';
import { BREAKER } from '../engine/calling.ts';
import { begun, callIn, orderMachine } from '../machines/placed-order.ts';
import { type Certificate, Certificates, NO_OPENSSL } from './certificates.ts';

const saga = orderMachine();
const call = callIn(saga, begun(saga));

describe.skipIf(NO_OPENSSL !== null)(`a participant over TLS${NO_OPENSSL ? ` (${NO_OPENSSL})` : ''}`, () => {
  let made: Certificates;
  let ca: Certificate;
  let strange: Certificate;
  let own: Certificate;
  let client: Certificate;
  const servers: Server[] = [];
  const children: ChildProcess[] = [];
  const open: Participants[] = [];
  const lines: string[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(line) });

  beforeAll(() => {
    made = new Certificates();
    ca = made.authority('ca');
    strange = made.authority('strange');
    own = made.signed('own', ca);
    client = made.signed('client', ca);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill();
    for (const one of open.splice(0)) await one.close();
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    lines.length = 0;
  });
  afterAll(() => made.remove());

  /** Answers who called, by the name in the certificate. */
  async function listening(by: Certificate, wantsClient: boolean): Promise<string> {
    const pem = (file: string) => readFileSync(file, 'utf8');
    const server = createServer(
      { cert: pem(by.cert), key: pem(by.key), ca: pem(ca.cert), requestCert: wantsClient },
      (request, answer) => {
        const { CN: order_id = 'nobody' } = (request.socket as TLSSocket).getPeerCertificate().subject ?? {};
        answer
          .writeHead(200, { 'content-type': 'application/json', connection: 'close' })
          .end(JSON.stringify({ order_id }));
      },
    );
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Says why it refuses, as OpenSSL does; a server of Node's only closes the connection. */
  async function refusing(): Promise<string> {
    const trust = ['-CAfile', ca.cert, '-Verify', '1', '-verify_return_error'];
    const args = ['s_server', '-accept', '127.0.0.1:0', '-cert', own.cert, '-key', own.key, ...trust, '-www'];
    const child = spawn('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const [, port] = /^ACCEPT .*:(\d+)$/.exec(line) ?? [];
      if (port !== undefined) return `https://127.0.0.1:${port}`;
    }
    throw new Error('openssl s_server ended before it listened');
  }

  function participants(url: string, files: Partial<TlsFiles> | null): Participants {
    const tls = files && new WatchedTls({ ca: null, cert: null, key: null, ...files }, 'order', logger);
    const one = new Participants(
      {
        urls: { order: url },
        headers: {},
        proxies: {},
        ...(tls && { tls: { order: tls } }),
        connectionsMax: 4,
        queueMax: 16,
        connectTimeoutMs: 10_000,
        connectionLifeMs: 60_000,
        answerBytesMax: 100_000,
        breaker: BREAKER,
      },
      { clock: systemClock, random: () => 0, observe: () => {} },
    );
    open.push(one);
    return one;
  }

  const asked = (by: Participants) =>
    by.call('s-1', call, {}, () => systemClock.monotonic() + 30_000, 'order');
  const both = () => ({ ca: ca.cert, cert: client.cert, key: client.key });

  it('is shown the certificate that was set for it, and believed by the authority that was', async () => {
    const url = await listening(own, true);
    expect(await asked(participants(url, both()))).toMatchObject({
      outcome: 'done',
      answer: { order_id: 'client' },
    });
  });

  it('is shown none where none was set', async () => {
    const url = await listening(own, false);
    const reply = await asked(participants(url, { ca: ca.cert }));
    expect(reply).toMatchObject({ outcome: 'done', answer: { order_id: 'nobody' } });
  });

  it.each<[string, () => Certificate, () => Partial<TlsFiles> | null, RegExp]>([
    ['its authority is not known', () => own, () => null, /of an authority that is not known here/],
    [
      'another authority was set',
      () => own,
      () => ({ ca: strange.cert }),
      /of an authority that is not known here/,
    ],
    [
      'it has expired',
      () => made.signed('old', ca, -1),
      () => ({ ca: ca.cert }),
      /its certificate has expired/,
    ],
  ])('is not called where %s, and that is sure', async (_, certificate, files, words) => {
    const url = await listening(certificate(), false);
    expect(await asked(participants(url, files()))).toMatchObject({
      outcome: 'retryable',
      error: expect.stringMatching(words),
    });
  });

  it.each<[string, () => Partial<TlsFiles>, RegExp]>([
    ['no certificate', () => ({}), /it wants a client certificate, and got none/],
    [
      'one of an authority that it does not know',
      () => {
        const { cert, key } = made.signed('stranger', strange);
        return { cert, key };
      },
      /it does not know the authority of our client certificate/,
    ],
    [
      'one that has expired',
      () => {
        const { cert, key } = made.signed('late', ca, -1);
        return { cert, key };
      },
      /our client certificate has expired/,
    ],
  ])('says why it refuses us with %s', async (_, files, words) => {
    const reply = await asked(participants(await refusing(), { ca: ca.cert, ...files() }));
    expect(reply).toMatchObject({ error: expect.stringMatching(words) });
    // In TLS 1.3 the client is done before the server has judged, so a call may have been written by then.
    expect(['unknown', 'retryable']).toContain(reply.outcome);
  });

  it('is shown the new certificate as soon as its file has changed, with the next connection', async () => {
    const url = await listening(own, true);
    const cert = join(made.folder, 'rotating.pem');
    const key = join(made.folder, 'rotating.key');
    const put = (one: Certificate) => {
      copyFileSync(one.cert, cert);
      copyFileSync(one.key, key);
    };
    put(client);
    // It closes its connection after each answer.
    const by = participants(url, { ca: ca.cert, cert, key });
    expect(await asked(by)).toMatchObject({ answer: { order_id: 'client' } });
    copyFileSync(made.signed('next', ca).cert, cert);
    // Its key is not there yet: what was there goes on.
    expect(await asked(by)).toMatchObject({ answer: { order_id: 'client' } });
    expect(lines.filter((line) => line.includes('"level":50'))).toHaveLength(1);
    put({ cert: join(made.folder, 'next.pem'), key: join(made.folder, 'next.key') });
    expect(await asked(by)).toMatchObject({ answer: { order_id: 'next' } });
    expect(lines.join()).toContain('TLS files have changed');
    expect(lines.join()).not.toContain('PRIVATE KEY');
  });

  it('warns of a client certificate that ends soon', () => {
    participants('https://127.0.0.1:1', both());
    expect(lines.join()).toContain('a client certificate ends soon');
  });

  it('is asked for its health in the same way', async () => {
    const well = async (url: string, files: Partial<TlsFiles>) => {
      const tls = new WatchedTls({ ca: null, cert: null, key: null, ...files }, 'order', logger);
      const way = (_: string, timeoutMs: number) => connectorBy({ proxy: null, timeoutMs, tls });
      const probes = new Probes({ order: url }, {}, systemClock, way);
      const answer = [await probes.one('order'), probes.tlsFaults];
      await probes.close();
      return answer;
    };
    const url = await listening(own, true);
    expect(await well(url, both())).toEqual([true, []]);
    expect(await well(url, {})).toEqual([
      false,
      ['order: its certificate is of an authority that is not known here'],
    ]);
    expect(await well(await refusing(), { ca: ca.cert })).toEqual([
      false,
      ['order: it wants a client certificate, and got none'],
    ]);
  });
});
