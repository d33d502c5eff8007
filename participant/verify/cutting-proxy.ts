/** Stands before a service, lets calls through, and cuts the connection when their answer comes: so the effect is there, and nobody was told. */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

export interface CuttingProxy {
  /** Of the same service, to be used in place of its own. */
  readonly origin: string;
  readonly close: () => Promise<void>;
}

export async function cuttingProxy({ hostname, port }: URL): Promise<CuttingProxy> {
  const open = new Set<Socket>();
  const server = createServer((caller) => {
    const service = connect(Number(port || 80), hostname.replace(/^\[|\]$/g, ''));
    const cut = () => {
      caller.destroy();
      service.destroy();
    };
    for (const socket of [caller, service]) {
      open.add(socket);
      socket.on('error', cut).on('close', () => {
        open.delete(socket);
        cut();
      });
    }
    caller.pipe(service);
    service.once('data', cut);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}
