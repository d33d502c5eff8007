/** A client of server-sent events, as plain as the standard has it, which holds each event against the OpenAPI document. */
import { request } from 'undici';
import { wrongInEvent } from './described.ts';

export interface ServerEvent {
  readonly event: string;
  readonly id: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the wire gives.
  readonly data: any;
}

export interface EventStream {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The next event; `null` where the server has ended the stream. */
  next(): Promise<ServerEvent | null>;
  /** The next events until one fits, that one included. */
  until(fits: (event: ServerEvent) => boolean): Promise<ServerEvent[]>;
  close(): void;
}

export async function openEvents(
  url: string,
  lastEventId?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<EventStream> {
  const leaving = new AbortController();
  const { statusCode, headers, body } = await request(url, {
    headers: { ...more, ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
    signal: leaving.signal,
    bodyTimeout: 0,
  });
  body.on('error', () => {});
  const events = eventsIn(body);
  const next = async () => {
    const event = (await events.next()).value ?? null;
    const wrong = event === null ? [] : await wrongInEvent(event);
    if (wrong.length === 0) return event;
    throw new Error(`openapi.json does not describe ${JSON.stringify(event)}:\n${wrong.join('\n')}`);
  };
  return {
    status: statusCode,
    headers,
    next,
    async until(fits) {
      const found: ServerEvent[] = [];
      for (;;) {
        const event = await next();
        if (event === null) throw new Error(`the stream ended after ${JSON.stringify(found)}`);
        found.push(event);
        if (fits(event)) return found;
      }
    },
    close: () => leaving.abort(),
  };
}

async function* eventsIn(body: AsyncIterable<Buffer>): AsyncGenerator<ServerEvent, undefined> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? '';
      if (field('data') !== '') {
        yield { event: field('event'), id: field('id'), data: JSON.parse(field('data')) };
      }
    }
  }
}
