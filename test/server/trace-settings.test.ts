/** What platforms inject for OpenTelemetry never stops a start: what it asks for, and what is said of the rest. */
import { describe, expect, it } from 'vitest';
import { readSettings, shownSettings } from '../../server/config.ts';
import { TRACE_VARIABLES, type TraceSettings } from '../../server/trace-settings.ts';

const BASE = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
const URL_OF_BASE = 'http://collector:4318/v1/traces';
type Env = Record<string, string>;
const read = (env: Env): TraceSettings => readSettings(env).traces;
const where = (env: Env) => {
  const { export: to } = read(env);
  return to && `${to.protocol} ${to.url}`;
};

describe('spans go', () => {
  it.each<[string, Env, string | null]>([
    ['nowhere', {}, null],
    ['nowhere', { OTEL_TRACES_EXPORTER: 'otlp' }, null],
    ['below the general endpoint', BASE, URL_OF_BASE],
    ['below it, also with a slash', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }, URL_OF_BASE],
    [
      'below it, where it has a path and a query',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c.example/otlp/?key=1' },
      'https://c.example/otlp/v1/traces?key=1',
    ],
    [
      'to the one for traces, as it is',
      { ...BASE, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://other/x' },
      'http://other/x',
    ],
    ['to the other one where one is none', { ...BASE, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'x' }, URL_OF_BASE],
    ['nowhere, with a host alone', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, null],
    ['nowhere, with a socket', { OTEL_EXPORTER_OTLP_ENDPOINT: 'unix:///run/otlp.sock' }, null],
    ['nowhere, where it is switched off', { ...BASE, OTEL_SDK_DISABLED: 'TRUE' }, null],
    ['all the same, where it is not quite', { ...BASE, OTEL_SDK_DISABLED: 'yes' }, URL_OF_BASE],
    ['nowhere', { ...BASE, OTEL_TRACES_EXPORTER: 'None' }, null],
    ['nowhere', { ...BASE, OTEL_TRACES_EXPORTER: 'console' }, null],
    ['nowhere', { ...BASE, OTEL_TRACES_EXPORTER: 'zipkin,jaeger' }, null],
    ['where they should', { ...BASE, OTEL_TRACES_EXPORTER: 'console, OTLP,' }, URL_OF_BASE],
    // Over HTTP, because no gRPC is spoken.
    ['to the port of HTTP', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317' }, URL_OF_BASE],
    [
      'to the port that was named with the protocol',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
      'http://collector:4317/v1/traces',
    ],
    [
      'to the port of HTTP',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      URL_OF_BASE,
    ],
    [
      'to a port of its own',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:55680', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'http://collector:55680/v1/traces',
    ],
    [
      'to the path of HTTP',
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'GRPC' },
      'http://c:4318/v1/traces',
    ],
  ])('%s: %o', (_, env, url) => {
    expect(where(env)).toBe(url && `http/protobuf ${url}`);
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http/json'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'HTTP/JSON' }, 'http/json'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' }, 'http/json'],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'carrier/pigeon' }, 'http/protobuf'],
  ])('as asked: %o', (env, protocol) => {
    expect(where({ ...BASE, ...env })).toBe(`${protocol} ${URL_OF_BASE}`);
  });
});

describe('traces are sampled', () => {
  it.each<[string, string | undefined, Pick<TraceSettings, 'ratio' | 'followsCaller'>]>([
    ['', undefined, { ratio: 1, followsCaller: true }],
    ['always_on', undefined, { ratio: 1, followsCaller: false }],
    ['always_off', '1', { ratio: 0, followsCaller: false }],
    ['traceidratio', '0.25', { ratio: 0.25, followsCaller: false }],
    ['traceidratio', undefined, { ratio: 1, followsCaller: false }],
    ['traceidratio', '0', { ratio: 0, followsCaller: false }],
    ['parentbased_always_on', '0', { ratio: 1, followsCaller: true }],
    ['parentbased_always_off', undefined, { ratio: 0, followsCaller: true }],
    ['ParentBased_TraceIdRatio', '1e-3', { ratio: 0.001, followsCaller: true }],
    ['parentbased_traceidratio', 'half', { ratio: 1, followsCaller: true }],
    ['parentbased_traceidratio', '2', { ratio: 1, followsCaller: true }],
    ['jaeger_remote', 'endpoint=http://x', { ratio: 1, followsCaller: true }],
  ])('by %s %s', (sampler, argument, expected) => {
    const env = {
      OTEL_TRACES_SAMPLER: sampler,
      ...(argument !== undefined && { OTEL_TRACES_SAMPLER_ARG: argument }),
    };
    expect(read(env)).toMatchObject(expected);
  });
});

it.each([
  ['', true],
  ['tracecontext,baggage', true],
  ['b3', true],
  ['none', false],
  ['None', false],
  ['none,tracecontext', true],
])('OTEL_PROPAGATORS=%s: headers are read and sent: %s', (value, isPropagated) => {
  expect(read({ OTEL_PROPAGATORS: value })).toMatchObject({ isPropagated });
});

it('limits are the standard ones, those of spans before those of all', () => {
  expect(read(BASE).export).toMatchObject({
    attributesMax: 128,
    attributeLengthMax: null,
    queue: { delayMs: 5000, exportTimeoutMs: 30_000, spansMax: 2048, batchMax: 512 },
  });
  const general = { OTEL_ATTRIBUTE_COUNT_LIMIT: '9', OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: '20' };
  expect(read({ ...BASE, ...general }).export).toMatchObject({ attributesMax: 9, attributeLengthMax: 20 });
  const own = { OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: '8', OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '10' };
  expect(read({ ...BASE, ...general, ...own }).export).toMatchObject({
    attributesMax: 8,
    attributeLengthMax: 10,
  });
  // A batch of none would be sent for ever.
  const queue = { OTEL_BSP_MAX_QUEUE_SIZE: '100', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '0' };
  expect(read({ ...BASE, ...queue }).export?.queue).toMatchObject({ spansMax: 100, batchMax: 100 });
});

describe('a warning', () => {
  it.each(Object.keys(TRACE_VARIABLES))('is all that comes of %s, whatever stands in it', (name) => {
    for (const value of ['?', '-1', '1.5', 'NaN', '9'.repeat(40), 'tcp://10.0.0.1:4317', '\u0000', ',']) {
      expect(() => readSettings({ ...BASE, [name]: value }), value).not.toThrow();
    }
  });

  it.each([
    [{ OTEL_SDK_DISABLED: 'yes' }, /^OTEL_SDK_DISABLED: .*"yes" is ignored/],
    [{ OTEL_TRACES_EXPORTER: 'console' }, /^OTEL_TRACES_EXPORTER: console .*no spans are sent/],
    [{ OTEL_TRACES_EXPORTER: 'console,otlp' }, /^OTEL_TRACES_EXPORTER: console .*otlp alone/],
    [
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      /gRPC .*http\/protobuf to http:\/\/collector:4318\/v1\/traces$/,
    ],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'pigeon' }, /^OTEL_EXPORTER_OTLP_PROTOCOL: .*"pigeon"/],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'c:4318' }, /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: /],
    [{ OTEL_TRACES_SAMPLER: 'xray' }, /^OTEL_TRACES_SAMPLER: .*"xray"/],
    [{ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '50%' }, /^OTEL_TRACES_SAMPLER_ARG: /],
    [{ OTEL_PROPAGATORS: 'b3,tracecontext' }, /^OTEL_PROPAGATORS: b3 /],
    [{ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '0' }, /^OTEL_BSP_MAX_EXPORT_BATCH_SIZE: /],
    [{ OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: 'all' }, /^OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: /],
  ])('says what is done instead: %o', (env, says) => {
    expect(read({ ...BASE, ...env }).warnings).toEqual([expect.stringMatching(says)]);
  });

  it('says that nothing is sent, where somebody asked for it and named no endpoint', () => {
    expect(read({ OTEL_TRACES_EXPORTER: 'otlp' }).warnings).toEqual([expect.stringMatching(/no endpoint/)]);
    expect(read({ OTEL_TRACES_EXPORTER: 'none' }).warnings).toEqual([]);
  });

  it('comes of nothing that is honoured', () => {
    const usual = {
      ...BASE,
      OTEL_SDK_DISABLED: 'FALSE',
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: ' 0.1 ',
      OTEL_PROPAGATORS: 'tracecontext,baggage',
    };
    expect(read(usual).warnings).toEqual([]);
  });

  it('and what is logged of the settings, have no password', () => {
    for (const endpoint of ['http://me:hunter2@collector:4317', 'grpc://me:hunter2@collector']) {
      const settings = readSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
      expect(settings.traces.warnings).toHaveLength(1);
      expect(JSON.stringify([settings.traces.warnings, shownSettings(settings)])).not.toContain('hunter2');
    }
  });
});
