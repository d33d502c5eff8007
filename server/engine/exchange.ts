/**
 * One HTTP exchange with a participant, as undici's dispatcher tells it. `Pool.request` would make a stream and an
 * iterator of each answer; ours are small, bounded, and wanted whole.
 */
import type { Dispatcher } from 'undici';
import type { Cutoff } from './cutoff.ts';

export interface Request {
  /** A GET has no body. */
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: string | null;
}

export interface Answered {
  readonly status: number;
  /** Of these two fields an answer may have several. */
  readonly retryAfter: string | readonly string[] | undefined;
  readonly location?: string | readonly string[] | undefined;
  readonly contentEncoding: string | readonly string[] | undefined;
  /** The participant has said this before, to an attempt of the same call, and says it again. */
  readonly isReplayed?: boolean;
  /** `null` for a body of more bytes than may be read. */
  readonly body: Buffer | null;
}

/** The field by which a participant says that its answer is from its ledger: docs/participants.md. */
export const REPLAYED = 'idempotent-replayed';

/** What befell a call of which not a byte was sent: it surely did not happen. */
export class NeverSentError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/**
 * Rejects with the reason of the cutoff, or with what befell the connection: a `NeverSentError` where that was before
 * anything was written, by whatever code it goes.
 */
export function exchange(
  connection: Dispatcher,
  { method, path, headers, body }: Request,
  bytesMax: number,
  cutoff: Cutoff,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    let status = 0;
    let retryAfter: Answered['retryAfter'];
    let location: Answered['location'];
    let contentEncoding: Answered['contentEncoding'];
    let isReplayed = false;
    let chunks: Buffer[] = [];
    let bytes = 0;
    let isSent = false;
    // Written out, because to spread an object costs more than all the rest of an exchange.
    const answered = (body: Buffer | null): Answered => ({
      status,
      retryAfter,
      location,
      contentEncoding,
      isReplayed,
      body,
    });
    const over = (end: () => void) => {
      cutoff.listen(null);
      end();
    };
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart(controller) {
        // While it was connecting nothing was sent, and nothing must be sent any more.
        if (cutoff.reason !== null) controller.abort(cutoff.reason);
        else {
          isSent = true;
          cutoff.listen((reason) => controller.abort(reason));
        }
      },
      onResponseStart(_, statusCode, fields) {
        status = statusCode;
        retryAfter = fields['retry-after'];
        location = fields.location;
        contentEncoding = fields['content-encoding'];
        isReplayed = fields[REPLAYED] === 'true';
        // What came before was an informational answer (1xx).
        chunks = [];
        bytes = 0;
      },
      onResponseData(controller, chunk) {
        bytes += chunk.length;
        if (bytes <= bytesMax) chunks.push(chunk);
        else {
          over(() => resolve(answered(null)));
          controller.abort(new Error('the answer is too long'));
        }
      },
      onResponseEnd() {
        const [first] = chunks;
        const whole = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
        over(() => resolve(answered(whole)));
      },
      onResponseError(_, error) {
        over(() => reject(cutoff.reason ?? (isSent ? error : new NeverSentError(error))));
      },
    };
    // Until it has begun: whoever waits for a connection need not wait longer than the call may last.
    cutoff.listen((reason) => reject(reason));
    connection.dispatch({ method, path, headers, body }, handler);
  });
}
