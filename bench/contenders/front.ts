/** What takes orders over HTTP in front of every contender that is not ours, so that none is cheaper by its front. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { textOf } from '../body.ts';
import type { Data } from './order.ts';

/** How an order ended: with all that is known of it, or with null where everything was undone. */
export interface Ended {
  readonly id: string;
  readonly data: Data | null;
}

/** Answers 201 or 409 when the order has ended, and tells whoever started this process on which port. */
export function serve(run: (order: Data) => Promise<Ended>): void {
  const server = createServer(async (request, response) => {
    const { id, data } = await run(JSON.parse(await textOf(request)));
    response.writeHead(data === null ? 409 : 201, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(data === null ? { id, status: 'FAILED' } : { id, status: 'COMPLETED', data }),
    );
  });
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  // Whoever started it is gone, perhaps by SIGKILL.
  process.once('disconnect', () => process.exit());
}
