/** An OpenTelemetry collector in memory: takes spans over HTTP in the JSON form of OTLP. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number; readonly message?: string };
  readonly traceState?: string;
  /** Of OTLP: 0x100 says that it is known whether the parent is remote, 0x200 that it is. */
  readonly flags: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Of the conventions by which scope and resource are named. */
  readonly schemaUrls: readonly unknown[];
  /** Attributes of the process that sent it. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface Collector {
  readonly url: string;
  readonly spans: readonly Span[];
  /** Content types in which spans came. */
  readonly mediaTypes: ReadonlySet<string>;
  /** Resolves as soon as what has come passes. */
  until(passes: (spans: readonly Span[]) => boolean): Promise<void>;
  /** From now on answers with this status. */
  answer(status: number): void;
  close(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  const mediaTypes = new Set<string>();
  const waiting = new Set<() => void>();
  let status = 200;
  const server = createServer(async (request, response) => {
    mediaTypes.add(String(request.headers['content-type']));
    const body = await bodyOf(request);
    const isWanted = request.method === 'POST' && request.url === '/v1/traces';
    response.writeHead(isWanted ? status : 404, { 'content-type': 'application/json' }).end('{}');
    if (isWanted && status === 200 && mediaTypes.has('application/json')) spans.push(...spansIn(body));
    for (const look of waiting) look();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    mediaTypes,
    until: (passes) =>
      new Promise((resolve) => {
        const look = () => {
          if (!passes(spans)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    answer: (next) => {
      status = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

function spansIn(body: string): Span[] {
  const { resourceSpans } = JSON.parse(body);
  return resourceSpans.flatMap(
    // biome-ignore lint/suspicious/noExplicitAny: the wire form is checked by what is read of it.
    ({ resource, scopeSpans, schemaUrl }: any) =>
      // biome-ignore lint/suspicious/noExplicitAny: as above
      scopeSpans.flatMap(({ spans, schemaUrl: ofScope }: any) =>
        spans.map((span: Span & { attributes: Attribute[] }) => ({
          ...span,
          attributes: plain(span.attributes),
          resource: plain(resource.attributes),
          schemaUrls: [schemaUrl, ofScope],
        })),
      ),
  );
}

/** `{ key, value: { stringValue } }` as `key: value`. */
function plain(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
