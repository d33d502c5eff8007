/**
 * What travels on a stream of server-sent events. To HTTP a stream is text, and so it is to every generated client;
 * what the text holds stands in `contentSchema`, and by name among the schemas, for whoever reads its events.
 */
import { type OpenAPIHono, z } from '@hono/zod-openapi';
import { count, text } from './fields.ts';
import { status } from './schemas.ts';

const sagaChange = z
  .object({ saga_id: z.string(), seq: count, state: z.string(), status })
  .openapi('SagaChange', { description: 'The data of a `saga` event: how the saga stands after a write.' });

const position = text(2000).openapi({
  description: 'A position in the store: what `Last-Event-ID` is sent.',
});
const nothing = z.object({}).openapi('NoData');
const standing = z.object(sagaChange.shape).partial().openapi('Standing', {
  description: 'How the saga stands, where the stream is of one that is there; else empty.',
});

const events = [
  z
    .object({ event: z.literal('ready'), id: position, data: standing, retry: count.optional() })
    .openapi('ReadyEvent', { description: 'First of all. From here on nothing is left out but with a gap.' }),
  z
    .object({ event: z.literal('saga'), id: position, data: sagaChange })
    .openapi('SagaEvent', { description: 'One write.' }),
  z
    .object({ event: z.literal('gap'), id: position, data: nothing })
    .openapi('GapEvent', { description: 'Something was left out: what is shown must be read afresh.' }),
  z
    .object({ event: z.literal('store'), data: z.object({ reachable: z.boolean() }).openapi('StoreReach') })
    .openapi('StoreEvent', {
      description:
        'The store is away, so that nothing is told until it is back; or it is back. It has no id.',
    }),
] as const;

/** One event of a stream, its data parsed. */
export const streamEvent = z.discriminatedUnion('event', events).openapi('StreamEvent');

/** The body of a stream. */
export const eventStream = z.string().openapi('EventStream', {
  contentMediaType: 'text/event-stream',
  contentSchema: { type: 'array', items: { $ref: '#/components/schemas/StreamEvent' } },
} as object);

export function registerStreamEvent({ openAPIRegistry }: OpenAPIHono): void {
  openAPIRegistry.register('StreamEvent', streamEvent);
}
