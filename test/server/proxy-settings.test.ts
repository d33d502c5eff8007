/** Which services are called through a proxy, and which are not. */
import { describe, expect, it } from 'vitest';
import { ConfigError, readSettings, shownSettings } from '../../server/config.ts';

const PROXY = 'http://proxy.example:3128';
const proxyOf = (url: string, environment: Record<string, string>) =>
  readSettings({ PAYMENT_SERVICE_URL: url, ...environment }).serviceProxies.payment;

describe('a proxy', () => {
  it.each<[string, Record<string, string>, string | null]>([
    ['http://pay', { HTTP_PROXY: PROXY }, PROXY],
    ['https://pay', { HTTPS_PROXY: PROXY }, PROXY],
    ['https://pay', { HTTP_PROXY: PROXY }, null],
    ['http://pay', { HTTPS_PROXY: PROXY }, null],
    ['http://pay', { http_proxy: PROXY }, PROXY],
    ['http://pay', { http_proxy: PROXY, HTTP_PROXY: 'http://other' }, PROXY],
    ['http://pay', { HTTP_PROXY: 'proxy.example:3128' }, 'http://proxy.example:3128'],
    ['http://pay', { HTTP_PROXY: 'https://u:p@proxy.example' }, 'https://u:p@proxy.example'],
    ['http://pay', { HTTP_PROXY: '' }, null],
    ['http://pay', {}, null],
    // Its own loopback is what a proxy would find there.
    ['http://localhost:8002', { HTTP_PROXY: PROXY }, null],
    ['http://127.1.2.3:8002', { HTTP_PROXY: PROXY }, null],
    ['http://[::1]:8002', { HTTP_PROXY: PROXY }, null],
  ])('%s with %j: %s', (url, environment, proxy) => {
    expect(proxyOf(url, environment)).toBe(proxy);
  });
});

describe('NO_PROXY', () => {
  it.each<[string, string, boolean]>([
    ['http://pay', '*', true],
    ['http://pay', 'pay', true],
    ['http://pay', 'PAY', true],
    ['http://pay', 'order, pay', true],
    ['http://pay', 'order pay', true],
    ['http://pay', 'ay', false],
    ['http://pay.svc.cluster.local', '.cluster.local', true],
    ['http://pay.svc.cluster.local', '*.svc.cluster.local', true],
    ['http://pay.svc.cluster.local', 'cluster.local', true],
    ['http://notcluster.local', 'cluster.local', false],
    ['http://pay:8002', 'pay:8002', true],
    ['http://pay:8002', 'pay:8003', false],
    ['http://pay', 'pay:80', true],
    ['http://10.1.2.3:8002', '10.1.2.3', true],
    ['http://10.1.2.3:8002', '10.0.0.0/8', true],
    ['http://11.1.2.3:8002', '10.0.0.0/8', false],
    ['http://10.1.2.3:8002', '10.0.0.0/99', false],
    ['http://10.1.2.3:8002', '1.2.3', false],
    ['http://[fd00::7]:8002', 'fd00::7', true],
    ['http://[fd00::7]:8002', '[fd00::7]:8002', true],
    ['http://[fd00::7]:8002', 'fd00::/8', true],
    ['http://[fe00::7]:8002', 'fd00::/8', false],
    ['http://pay', '', false],
    ['http://pay', ' , ', false],
  ])('%s with %j', (url, list, isExempt) => {
    expect(proxyOf(url, { HTTP_PROXY: PROXY, NO_PROXY: list })).toBe(isExempt ? null : PROXY);
    expect(proxyOf(url, { HTTP_PROXY: PROXY, no_proxy: list })).toBe(isExempt ? null : PROXY);
  });
});

it.each([
  ['HTTP_PROXY', 'socks5://user:sesame@proxy'],
  ['http_proxy', 'http://'],
  ['HTTP_PROXY', 'http://user:sesame%ff@proxy'],
])('%s=%s is refused once where a service would be called through it', (variable, value) => {
  const elsewhere = { PAYMENT_SERVICE_URL: 'http://pay', ORDER_SERVICE_URL: 'http://order' };
  const reading = () => readSettings({ ...elsewhere, [variable]: value });
  expect(reading).toThrow(ConfigError);
  try {
    reading();
  } catch (error) {
    const { problems } = error as ConfigError;
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${variable}: `));
    expect(problems[0]).not.toContain('sesame');
  }
  expect(() => readSettings({ [variable]: value })).not.toThrow();
});

it('is shown without its credentials', () => {
  const settings = readSettings({
    PAYMENT_SERVICE_URL: 'http://pay',
    HTTP_PROXY: 'http://u:sesame@proxy:3128',
  });
  expect(shownSettings(settings).serviceProxies).toMatchObject({
    order: null,
    payment: 'http://[redacted]@proxy:3128',
  });
});
