/** An OpenID Connect provider of our own, on loopback: its keys, its tokens, its login, and its outages. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

export const CLIENT = { id: 'saga-dashboard', secret: 'the secret of the client' };
export const AUDIENCE = 'saga-coordinator';

type Algorithm = 'ES256' | 'RS256' | 'ES384';

export interface Issuer {
  readonly url: string;
  /** What the login says of whoever logs in, beside what it must. */
  person: JWTPayload;
  /** What of the ID token is other than it should be. */
  idToken: { claims?: JWTPayload; sign?: (claims: JWTPayload) => Promise<string> };
  /** Whether a person must say yes on a page of the provider; else whoever comes is sent back at once. */
  asksOnPage: boolean;
  isDown: boolean;
  /** What is answered instead of keys. */
  garbled: string | null;
  /** How often each path was asked for. */
  readonly asked: Map<string, number>;
  /** The claims over those of a token that will do; what is `undefined` is left out. */
  token(claims?: JWTPayload, header?: { kid?: string; typ?: string }): Promise<string>;
  /** Its public keys as they are. */
  readonly keys: readonly JWK[];
  /** From now on another key signs, and the one before is no longer told of. */
  rotate(algorithm?: Algorithm): Promise<void>;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  let current = await newKey('ES256');
  let url = '';
  const codes = new Map<string, URLSearchParams>();
  const seconds = () => Math.floor(Date.now() / 1000);
  const usual = (audience: string) => ({
    iss: url,
    aud: audience,
    sub: 'ada',
    iat: seconds(),
    exp: seconds() + 300,
  });
  const signed = (claims: JWTPayload, header = {}) =>
    new SignJWT(Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)))
      .setProtectedHeader({ alg: current.algorithm, kid: current.kid, ...header })
      .sign(current.privateKey);

  const issuer: Issuer = {
    get url() {
      return url;
    },
    person: {},
    idToken: {},
    asksOnPage: false,
    isDown: false,
    garbled: null,
    asked: new Map(),
    token: (claims = {}, header) => signed({ ...usual(AUDIENCE), groups: ['operators'], ...claims }, header),
    get keys() {
      return [current.jwk];
    },
    async rotate(algorithm = 'ES256') {
      current = await newKey(algorithm);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  const server = createServer((request, response) => {
    void answer(request, response).catch((error: Error) => response.writeHead(500).end(error.message));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', url);
    issuer.asked.set(pathname, (issuer.asked.get(pathname) ?? 0) + 1);
    const json = (status: number, body: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (issuer.isDown) return void json(503, {});
    switch (pathname) {
      case '/.well-known/openid-configuration':
        return void json(200, {
          issuer: url,
          jwks_uri: `${url}/jwks`,
          authorization_endpoint: `${url}/authorize`,
          token_endpoint: `${url}/token`,
          response_types_supported: ['code'],
          id_token_signing_alg_values_supported: ['ES256', 'RS256', 'none', 'HS256'],
          code_challenge_methods_supported: ['S256'],
        });
      case '/jwks':
        if (issuer.garbled !== null) return void response.writeHead(200).end(issuer.garbled);
        return void json(200, { keys: issuer.keys });
      case '/authorize': {
        const code = randomUUID();
        codes.set(code, searchParams);
        const back = new URL(searchParams.get('redirect_uri') ?? '');
        back.search = String(new URLSearchParams({ code, state: searchParams.get('state') ?? '' }));
        if (!issuer.asksOnPage) return void response.writeHead(303, { location: back.href }).end();
        const page = `<link rel="icon" href="data:,"><a id="yes" href="${back.href.replaceAll('&', '&amp;')}">Yes</a>`;
        return void response.writeHead(200, { 'content-type': 'text/html' }).end(page);
      }
      case '/token': {
        const form = new URLSearchParams(await textOf(request));
        const begun = codes.get(form.get('code') ?? '');
        codes.delete(form.get('code') ?? '');
        const wrong = begun === undefined ? 'invalid_grant' : wrongWith(request, form, begun);
        if (begun === undefined || wrong !== null) return void json(400, { error: wrong });
        const claims = {
          ...usual(CLIENT.id),
          nonce: begun.get('nonce') ?? '',
          ...issuer.person,
          ...issuer.idToken.claims,
        };
        const id_token = await (issuer.idToken.sign ?? signed)(claims);
        return void json(200, { access_token: 'opaque', token_type: 'Bearer', id_token });
      }
      default:
        return void json(404, {});
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return issuer;
}

/** As RFC 6749 and RFC 7636 have a provider look at it. */
function wrongWith(
  { headers }: IncomingMessage,
  form: URLSearchParams,
  begun: URLSearchParams,
): string | null {
  const basic = Buffer.from((headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString();
  const [id, secret] = basic.split(':').map((part) => decodeURIComponent(part.replaceAll('+', ' ')));
  if (id !== CLIENT.id || secret !== CLIENT.secret) return 'invalid_client';
  if (form.get('redirect_uri') !== begun.get('redirect_uri')) return 'invalid_grant';
  const challenge = createHash('sha256')
    .update(form.get('code_verifier') ?? '')
    .digest('base64url');
  const isProven = begun.get('code_challenge_method') === 'S256' && begun.get('code_challenge') === challenge;
  return isProven ? null : 'invalid_grant';
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

async function newKey(algorithm: Algorithm) {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  const kid = randomUUID();
  return {
    algorithm,
    kid,
    privateKey,
    jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' },
  };
}
