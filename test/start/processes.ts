/** Real processes under test: what they say, how they end, and that none is left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { argumentsOf } from '../programs.ts';

export const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Runs a module and keeps what it says. Whoever waits for a line that never comes learns what came instead. */
export class Run {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  #heard = () => {};

  constructor(
    module: string,
    args: readonly string[],
    options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
  ) {
    this.#child = spawn(process.execPath, [...argumentsOf(module), ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options,
    });
    this.#closed = once(this.#child, 'exit');
    for (const input of [this.#child.stdout, this.#child.stderr]) {
      if (input === null) continue;
      createInterface({ input }).on('line', (line) => {
        this.lines.push(line);
        this.#heard();
      });
    }
    this.#child.once('close', () => this.#heard());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get text(): string {
    return this.lines.join('\n');
  }

  /** Waits for a line and answers its match. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      if (this.hasEnded) throw new Error(`it ended without saying ${pattern}:\n${this.text}`);
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends it, by the second signal at the latest, so that what it started ends with it. */
  async finish(): Promise<void> {
    while (!this.hasEnded) {
      this.signal('SIGTERM');
      await Promise.race([this.#closed, new Promise((resolve) => setTimeout(resolve, 1000))]);
    }
  }

  /** How it ended: its exit code, or the signal that killed it. */
  async ended(): Promise<number | NodeJS.Signals | null> {
    await this.#closed;
    return this.#child.exitCode ?? this.#child.signalCode;
  }
}

export function isAlive(pid: number): boolean {
  // 0 and less would mean groups of processes.
  if (!(pid > 0)) throw new RangeError(`${pid} is not a pid`);
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export async function gone(...pids: readonly number[]): Promise<void> {
  await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), { timeout: 20_000, interval: 10 });
}

/** The pid of a process that has ended. */
export async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid ?? 0;
}

/** Ports that were free a moment ago: all are held until the last one is found, so no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
