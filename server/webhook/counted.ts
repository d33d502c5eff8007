import { Counter, type Registry } from 'prom-client';
import type { Deliver } from './deliver.ts';

/** Counts what becomes of messages: whether they arrive is known to nobody else. There at zero also where there is no webhook. */
export function webhookMessages(registry: Registry): (deliver: Deliver) => Deliver {
  const messages = new Counter({
    name: 'saga_webhook_messages_total',
    help: 'Messages that were sent to the webhook, by outcome (taken; refused: it is sent again).',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of ['taken', 'refused']) messages.inc({ outcome }, 0);
  return (deliver) => async (message, ending) => {
    const why = await deliver(message, ending);
    if (why === null || !ending.aborted) messages.inc({ outcome: why === null ? 'taken' : 'refused' });
    return why;
  };
}
