/**
 * What stands before a Redis as its machine's network would: replicas get everything a little later, and what was on its
 * way when the machine died arrives nowhere. On one machine alone a killed master has nearly always sent already what it
 * acknowledged, which flatters replication.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as toSocket } from 'node:net';

export interface Front {
  readonly port: number;
  /** The machine behind it is dead from this instant on. */
  cut(): void;
  /** It has started again. */
  revive(): void;
  close(): Promise<void>;
}

export async function openFront(redisPort: number, delayMs: number): Promise<Front> {
  const sockets = new Set<Socket>();
  const onTheWay = new Set<NodeJS.Timeout>();
  let dead = false;
  const cut = () => {
    dead = true;
    for (const timer of onTheWay) clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((client) => {
    if (dead) {
      client.destroy();
      return;
    }
    const redis = toSocket(redisPort, '127.0.0.1');
    let isReplica = false;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        for (const other of [client, redis]) other.destroy();
      });
    }
    client.on('data', (request) => {
      isReplica ||= request.includes('PSYNC');
      redis.write(request);
    });
    redis.on('data', (reply) => {
      if (!isReplica) {
        client.write(reply);
        return;
      }
      // Timers of the same length fire in the order in which they were set.
      const timer = setTimeout(() => {
        onTheWay.delete(timer);
        client.write(reply);
      }, delayMs);
      onTheWay.add(timer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    revive() {
      dead = false;
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
