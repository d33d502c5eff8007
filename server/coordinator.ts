/** A coordinator that listens on a port of its own, with the store that its settings name. */
import type { Logger } from 'pino';
import { assemble, type Closing, closeAll, type Sagas } from './assembly.ts';
import type { Cast } from './cast.ts';
import type { Settings } from './config.ts';
import { isEverywhere } from './hosts.ts';
import { openServer } from './http-server.ts';
import { openStore } from './open-store.ts';
import type { Siblings } from './processes/worker.ts';

export interface Coordinator {
  readonly url: string;
  /** Of the inspector, or `null` where it is off. */
  readonly inspectorUrl: string | null;
  /** Takes nothing new, lets calls settle, releases what is left, and closes everything. */
  stop(): Promise<void>;
}

/** @throws StoreRefusedError, StoreUnavailableError, MachineError, MachineChangedError, or the socket's error: each says what to mend */
export async function startCoordinator(
  settings: Settings,
  logger: Logger,
  sagas: Sagas,
  /** Ends the wait for a store that is away. */
  interruption: AbortSignal = new AbortController().signal,
  /** The other processes of this coordinator, or `null` where it is one alone. */
  siblings: Siblings | null = null,
  /** The processes that the crash theatre may kill; `null` where nobody can say which. */
  cast: Cast | null = null,
): Promise<Coordinator> {
  const closing: Closing = [];
  try {
    const assembled = await assemble(
      {
        settings,
        logger,
        sagas,
        openStore: (patiently, opened) => openStore(settings, logger, patiently, opened),
        interruption,
        siblings,
        cast,
      },
      closing,
    );
    const server = await openServer(assembled.fetch, settings);
    closing.push(() => server.close());
    const url = `http://${inUrl(settings.host)}:${server.port}`;
    // Where it listens on every address nobody can tell by which of them participants reach it.
    assembled.calledBackAt(isEverywhere(settings.host) ? null : url);
    // The server answers until the engine has let go, so that whoever waits gets an answer and probes see the drain.
    closing.push(() => {
      const drained = assembled.drain();
      server.closeIdle();
      return drained;
    });
    assembled.open();
    return { url, inspectorUrl: assembled.inspectorUrl, stop: () => closeAll(closing) };
  } catch (error) {
    await closeAll(closing);
    throw error;
  }
}

/** An IPv6 address stands in brackets. */
function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
