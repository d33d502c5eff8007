/** The command line, run in this process, with all that it writes. */
import { run } from '../../cli/run.ts';
import type { Surroundings } from '../../cli/surroundings.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Given {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  /** Is called with all that was written so far. */
  readonly onWrite?: (written: string) => void;
  readonly pause?: Surroundings['pause'];
  readonly columns?: number;
  readonly now?: Surroundings['now'];
}

export async function saga(args: readonly string[], given: Given = {}): Promise<Ran> {
  const { input, env = {}, isTerminal = false, onWrite = () => {}, pause = async () => {} } = given;
  const { columns = 100, now = Date.now } = given;
  let [out, err] = ['', ''];
  const code = await run(args, {
    env,
    input: input === undefined ? null : pieces(input),
    out: {
      isTerminal,
      write: (text) => {
        out += text;
        onWrite(out + err);
      },
    },
    err: {
      isTerminal,
      write: (text) => {
        err += text;
        onWrite(out + err);
      },
    },
    columns,
    now,
    pause,
    userName: () => 'ada',
  });
  return { code, out, err };
}

/** In two pieces, in the middle of a character, as a pipe may give it. */
async function* pieces(text: string | Buffer): AsyncGenerator<Uint8Array, undefined> {
  const bytes = Buffer.from(text);
  yield bytes.subarray(0, bytes.length / 2);
  yield bytes.subarray(bytes.length / 2);
  return undefined;
}
