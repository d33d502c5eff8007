/**
 * One HTTP exchange with a participant, as undici's dispatcher tells it. `Pool.request` would make a stream and an
 * iterator of each answer; ours are small, bounded, and wanted whole.
 */
import type { Dispatcher, Pool } from 'undici';
import type { Cutoff } from './cutoff.ts';

export interface Request {
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: string;
}

export interface Answered {
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** `null` for a body of more bytes than may be read. */
  readonly body: string | null;
}

/** Rejects with the reason of the cutoff, or with what befell the connection. */
export function exchange(
  pool: Pool,
  { path, headers, body }: Request,
  bytesMax: number,
  cutoff: Cutoff,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let retryAfter: string | undefined;
    let chunks: Buffer[] = [];
    let bytes = 0;
    const over = (end: () => void) => {
      cutoff.listen(null);
      end();
    };
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        // While it was connecting nothing was sent, and nothing must be sent any more.
        if (cutoff.reason !== null) controller.abort(cutoff.reason);
        else cutoff.listen((reason) => controller.abort(reason));
      },
      onResponseStart(_, statusCode, fields) {
        status = statusCode;
        const field = fields['retry-after'];
        retryAfter = typeof field === 'string' ? field : undefined;
        // What came before was an informational answer (1xx).
        chunks = [];
        bytes = 0;
      },
      onResponseData(controller, chunk) {
        bytes += chunk.length;
        if (bytes <= bytesMax) chunks.push(chunk);
        else {
          over(() => resolve({ status, retryAfter, body: null }));
          controller.abort(new Error('the answer is too long'));
        }
      },
      onResponseEnd() {
        const [first] = chunks;
        const whole = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
        over(() => resolve({ status, retryAfter, body: whole.toString('utf8') }));
      },
      onResponseError(_, error) {
        over(() => reject(cutoff.reason ?? error));
      },
    };
    // Until it has begun: whoever waits for a connection need not wait longer than the call may last.
    cutoff.listen((reason) => reject(reason));
    pool.dispatch({ method: 'POST', path, headers, body }, handler);
  });
}
