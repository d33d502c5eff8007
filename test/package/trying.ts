/** Programs of the installed package, run as its users run them. */
import { type ChildProcess, execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What it wrote; rejects with that where it failed. */
export async function run(file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
  try {
    return await promisify(execFile)(file, [...args], options);
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${file} ${args.join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

/** Resolves when all of `npm start` is up; rejects with what was said where it ends before. */
export function ready(started: ChildProcess): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += chunk;
      if (/Ctrl-C/.test(said)) resolve();
    };
    started.stdout?.on('data', hear);
    started.stderr?.on('data', hear);
    started.once('exit', (code) => reject(new Error(`it ended with ${code}:\n${said}`)));
  });
}
