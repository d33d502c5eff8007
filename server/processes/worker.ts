/** One of several processes of a coordinator, as it sees the others: through the primary that started it. */
import cluster from 'node:cluster';
import type { ToPrimary, ToWorker } from './messages.ts';

export type Page = () => Promise<string>;

export interface Siblings {
  /** Settles when the primary wants this process to drain, or is gone. */
  readonly leaving: Promise<string>;
  ready(url: string): void;
  /** From the page of this process to one of all. Without the primary it is the own one, which says whose it is. */
  page(own: Page): Page;
  /** Lets go of the primary, which would keep this process alive. */
  close(): void;
}

/** The primary waits less long for the others. */
const GATHER_MS = 5_000;

export function joinSiblings(): Siblings {
  const { worker } = cluster;
  if (worker === undefined) throw new Error('this process was not started by a primary');
  const waiting = new Map<number, (text: string | null) => void>();
  let asked = 0;
  let show: Page = async () => '';

  const tell = (message: ToPrimary) => {
    if (process.connected) process.send?.(message);
  };
  const leaving = new Promise<string>((resolve) => {
    worker.on('message', (message: ToWorker) => {
      switch (message.type) {
        case 'drain':
          resolve('the primary drains');
          break;
        case 'show':
          show().then(
            (text) => tell({ type: 'page', text }),
            () => tell({ type: 'page', text: null }),
          );
          break;
        case 'gathered':
          waiting.get(message.id)?.(message.text);
          break;
        case 'cast':
          // Heard where it was asked for.
          break;
        default:
          message satisfies never;
      }
    });
    worker.once('disconnect', () => {
      // Otherwise node:cluster ends the process on the spot; there are calls to settle and sagas to give back.
      worker.exitedAfterDisconnect = true;
      resolve('the primary is gone');
      for (const settle of waiting.values()) settle(null);
    });
  });

  function gather(): Promise<string | null> {
    asked += 1;
    const id = asked;
    return new Promise((resolve) => {
      const settle = (text: string | null) => {
        clearTimeout(late);
        waiting.delete(id);
        resolve(text);
      };
      const late = setTimeout(() => settle(null), GATHER_MS);
      waiting.set(id, settle);
      if (process.connected) tell({ type: 'gather', id });
      else settle(null);
    });
  }

  return {
    leaving,
    ready: (url) => tell({ type: 'ready', url }),
    page: (own) => {
      show = own;
      return async () => (await gather()) ?? (await own());
    },
    close: () => {
      if (process.connected) process.disconnect();
    },
  };
}
