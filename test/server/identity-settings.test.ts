/** Who may ask, as the environment says it: what is read, and each thing that cannot be used, without a word of a secret. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, readSettings, shownSettings } from '../../server/config.ts';

const A = 'a'.repeat(16);
const B = 'b'.repeat(16);
const OIDC = { OIDC_ISSUER: 'https://id.example', OIDC_AUDIENCE: 'saga', OIDC_ROLES: 'g a viewer' };

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('tokens with names', () => {
  it('are read from a setting or a file, with comments and several of one name', () => {
    const text = `# who may\n\n  grafana viewer ${A}\nshop submitter:order,submitter:trip ${B}; shop viewer ${B}x\n`;
    const tokens = [
      { name: 'grafana', grants: [{ role: 'viewer', machine: null }], token: A },
      {
        name: 'shop',
        grants: [
          { role: 'submitter', machine: 'order' },
          { role: 'submitter', machine: 'trip' },
        ],
        token: B,
      },
      { name: 'shop', grants: [{ role: 'viewer', machine: null }], token: `${B}x` },
    ];
    expect(readSettings({ API_TOKENS: text }).identity.tokens).toEqual(tokens);
    const folder = mkdtempSync(join(tmpdir(), 'tokens-'));
    try {
      writeFileSync(join(folder, 'tokens'), text);
      expect(readSettings({ API_TOKENS_FILE: join(folder, 'tokens') }).identity.tokens).toEqual(tokens);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each<[string, RegExp]>([
    ['grafana viewer', /^API_TOKENS: entry 1 must be "NAME ROLES TOKEN"$/],
    [`x viewer ${A}; gra:fana viewer ${B}y`, /entry 2: a name has/],
    [`grafana viewer ${A.slice(1)}`, /entry 1: a token has/],
    [`grafana viewer ${A}=${A}`, /entry 1: a token has/],
    [`grafana reader ${A}`, /entry 1: a role is one of viewer/],
    [`grafana viewer:order ${A}`, /entry 1: a role is one of viewer/],
    [`grafana viewer, ${A}`, /entry 1: a role is one of viewer/],
    [`one viewer ${A}\ntwo admin ${A}`, /entry 2: the token stands there twice/],
    [`one viewer ${B}`, /entry 1: the token stands there twice, or is API_TOKEN/],
  ])('%j is refused', (API_TOKENS, problem) => {
    const problems = problemsOf({ API_TOKEN: B, API_TOKENS });
    expect(problems).toEqual([expect.stringMatching(problem)]);
    expect(problems.join()).not.toMatch(/a{5}|b{5}/);
  });

  it('stand in one place, and a file that is not there is told of', () => {
    const file = join(tmpdir(), 'no-such-tokens');
    expect(problemsOf({ API_TOKENS_FILE: file })).toEqual(['API_TOKENS_FILE: cannot be read: ENOENT']);
    expect(problemsOf({ API_TOKENS: `x viewer ${A}`, API_TOKENS_FILE: file })).toEqual([
      'API_TOKENS: stands here and in a file; leave one of them out',
    ]);
  });
});

describe('what is open', () => {
  const openWith = (environment: Record<string, string>) => [...readSettings(environment).identity.open];
  const ALL = ['starts', 'metrics', 'health', 'docs'];
  it.each<[Record<string, string>, string[]]>([
    [{}, ALL],
    [{ API_TOKEN: A }, ALL],
    [{ API_TOKENS: `x viewer ${A}` }, []],
    [OIDC, []],
    [{ HOST: '0.0.0.0' }, []],
    [{ HOST: '0.0.0.0', API_TOKEN: A }, []],
    [{ HOST: '0.0.0.0', OPEN_ROUTES: 'metrics,starts' }, ['starts', 'metrics']],
    [{ OPEN_ROUTES: 'none' }, []],
    [{ API_TOKEN: A, ORDERS_NEED_TOKEN: '1' }, ALL.slice(1)],
    [{ HOST: '0.0.0.0', ORDERS_NEED_TOKEN: '0' }, ['starts']],
  ])('%j', (environment, open) => {
    expect(openWith(environment)).toEqual(open);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ OPEN_ROUTES: 'metric' }, /^OPEN_ROUTES: some of starts, metrics, health, docs/],
    [{ OPEN_ROUTES: 'none,metrics' }, /^OPEN_ROUTES: some of/],
    [{ OPEN_ROUTES: 'starts', API_TOKEN: A, ORDERS_NEED_TOKEN: '1' }, /^OPEN_ROUTES: starts need a token/],
    [{ ORDERS_NEED_TOKEN: '1' }, /^ORDERS_NEED_TOKEN: there is no token to need/],
  ])('%j is refused', (environment, problem) => {
    expect(problemsOf(environment)).toEqual([expect.stringMatching(problem)]);
  });
});

describe('a provider', () => {
  it('is read, and shown without its secret', () => {
    const environment = {
      ...OIDC,
      OIDC_CLIENT_ID: 'dashboard',
      OIDC_CLIENT_SECRET: 'hush-hush',
      API_TOKENS: `x viewer ${A}`,
    };
    const settings = readSettings(environment);
    expect(settings.identity.oidc).toEqual({
      issuer: 'https://id.example',
      jwksUrl: null,
      audience: ['saga'],
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      clockSkewMs: 30_000,
      nameClaim: 'sub',
      rules: [{ claim: 'g', value: 'a', grants: [{ role: 'viewer', machine: null }] }],
      login: {
        clientId: 'dashboard',
        clientSecret: 'hush-hush',
        scope: 'openid',
        redirectUrl: null,
        sessionMs: 8 * 3600 * 1000,
      },
    });
    const shown = JSON.stringify(shownSettings(settings));
    expect(shown).toContain('dashboard');
    expect(shown).not.toMatch(/hush-hush|a{16}/);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ OIDC_ISSUER: 'http://id.example' }, /^OIDC_ISSUER: must be an https URL/],
    [{ OIDC_ISSUER: 'id.example' }, /^OIDC_ISSUER: /],
    [{ OIDC_JWKS_URL: 'http://id.example/jwks' }, /^OIDC_JWKS_URL: must be an https URL/],
    [{ OIDC_ALGORITHMS: 'HS256' }, /^OIDC_ALGORITHMS: some of RS256/],
    [{ OIDC_ALGORITHMS: 'none' }, /^OIDC_ALGORITHMS: some of RS256/],
    [{ OIDC_ROLES: '' }, /^OIDC_ROLES: is not set/],
    [{ OIDC_ROLES: 'g a' }, /^OIDC_ROLES: entry 1 must be "CLAIM VALUE ROLES"/],
    [{ OIDC_ROLES: 'g a root' }, /^OIDC_ROLES: entry 1: a role is one of/],
    [{ OIDC_AUDIENCE: '' }, /^OIDC_AUDIENCE: is not set/],
    [{ OIDC_ISSUER: '', OIDC_ROLES: '' }, /^OIDC_AUDIENCE: OIDC_ISSUER is not set/],
    [{ OIDC_CLIENT_SECRET: 'hush-hush' }, /^OIDC_CLIENT_SECRET: OIDC_CLIENT_ID is not set/],
    [{ OIDC_SCOPE: 'profile' }, /^OIDC_SCOPE: must have openid/],
    [{ OIDC_REDIRECT_URL: 'https://x.example/back' }, /^OIDC_REDIRECT_URL: must end with/],
  ])('%j is refused', (environment, problem) => {
    expect(problemsOf({ ...OIDC, ...environment })).toEqual([expect.stringMatching(problem)]);
  });
});
