/** How much of a process's heap is in use, asked from outside: over the inspector of Node, which the product knows nothing of. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface Heap {
  /** Bytes in use once all garbage was collected, and what the process takes of the machine's memory. */
  used(): Promise<{ readonly heap: number; readonly outside: number; readonly rss: number }>;
  close(): void;
}

const ANSWER_MAX_MS = 60_000;

export async function heapOf(inspector: string): Promise<Heap> {
  const socket = new WebSocket(inspector);
  await once(socket, 'open');
  let asked = 0;
  const ask = (method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> => {
    asked += 1;
    const id = asked;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`No answer to ${method}`)), ANSWER_MAX_MS);
      const hear = (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { id?: number; result?: unknown; error?: unknown };
        if (message.id !== id) return;
        clearTimeout(late);
        socket.off('message', hear);
        if (message.error === undefined) resolve(message.result);
        else reject(new Error(`${method}: ${JSON.stringify(message.error)}`));
      };
      socket.on('message', hear);
      socket.send(JSON.stringify({ id, method, params }));
    });
  };
  return {
    used: async () => {
      // Twice: what has a finalizer is freed by the collection after the one that found it dead.
      await ask('HeapProfiler.collectGarbage');
      await ask('HeapProfiler.collectGarbage');
      const expression = 'JSON.stringify(process.memoryUsage())';
      const { result } = (await ask('Runtime.evaluate', { expression })) as { result: { value: string } };
      const usage = JSON.parse(result.value) as NodeJS.MemoryUsage;
      return { heap: usage.heapUsed, outside: usage.external, rss: usage.rss };
    },
    close: () => socket.close(),
  };
}
