/**
 * A wire between a client and one Redis, which can be made to fail where only a network fails: between what was asked
 * and what is answered.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as toSocket } from 'node:net';
import { SCRIPTS } from '../../stores/redis/scripts.ts';

export type Fate =
  /** Redis gets the request and executes it; nothing of its answer comes back, and the connection closes. */
  | 'lose-reply'
  /** The answer is cut off in the middle, with the connection. */
  | 'cut-reply'
  /** Half of the request arrives, then the connection closes: Redis cannot execute it. */
  | 'cut-request'
  /** The request never arrives, and the connection stands. */
  | 'hold-request'
  /** Redis executes it; nothing of its answer comes back, and the connection stands. */
  | 'hold-reply';

export interface Wire {
  readonly port: number;
  readonly url: string;
  /** How often a fate has been dealt. */
  readonly dealt: number;
  /** Requests that carried a script, so far; but for looks at the due indexes, which come by themselves. */
  readonly scripts: number;
  /**
   * The next request that counts among those meets this, or the one after `spared` others. Resolves when it has: for a reply
   * that is held, when Redis has given it.
   */
  strike(fate: Fate, spared?: number): Promise<void>;
  /** From now on new connections lead to another Redis; those that stand are left as they are. */
  leadTo(redisPort: number): void;
  close(): Promise<void>;
}

const { lookout } = SCRIPTS;
const CARRIES_SCRIPT = /\r\nevalsha?\r\n/i;
const LOOKS = new RegExp(`\\r\\nevalsha\\r\\n\\$40\\r\\n${lookout.sha}\\r\\n`, 'gi');

/** Of a request, or of several that left together. */
function carriesScript(request: Buffer): boolean {
  const text = request.toString('latin1');
  return CARRIES_SCRIPT.test(text) && CARRIES_SCRIPT.test(text.replace(LOOKS, '').replace(lookout.lua, ''));
}

export async function openWire(firstPort: number): Promise<Wire> {
  let redisPort = firstPort;
  let next: Fate | null = null;
  let toSpare = 0;
  let dealt = 0;
  let scripts = 0;
  let befallen = () => {};
  const sockets = new Set<Socket>();

  const server = createServer((client) => {
    const redis = toSocket(redisPort, '127.0.0.1');
    let fate: Fate | null = null;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (request) => {
      const carries = carriesScript(request);
      if (carries) scripts += 1;
      if (fate === 'hold-request' || fate === 'hold-reply') return;
      if (next === null || !carries) {
        redis.write(request);
        return;
      }
      if (toSpare > 0) {
        toSpare -= 1;
        redis.write(request);
        return;
      }
      fate = next;
      next = null;
      dealt += 1;
      if (fate !== 'hold-reply') befallen();
      if (fate === 'hold-request') return;
      if (fate === 'cut-request') {
        // An end, and not a reset: what was sent before still reaches Redis, as it may in a network.
        redis.end(request.subarray(0, request.length / 2));
        client.destroy();
      } else redis.write(request);
    });
    redis.on('data', (reply) => {
      if (fate === null) {
        client.write(reply);
        return;
      }
      if (fate === 'hold-reply') {
        befallen();
        return;
      }
      if (fate === 'cut-reply') client.write(reply.subarray(0, reply.length / 2), () => client.destroy());
      else client.destroy();
      redis.end();
    });
    client.on('close', () => redis.end());
    redis.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    get dealt() {
      return dealt;
    },
    get scripts() {
      return scripts;
    },
    strike(fate, spared = 0) {
      next = fate;
      toSpare = spared;
      return new Promise((resolve) => {
        befallen = resolve;
      });
    },
    leadTo(port) {
      redisPort = port;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
