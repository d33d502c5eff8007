/** The participant in Go, verified as any service is, killed, and asked again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyParticipant } from '../../participant/index.ts';

/** On the PATH, or where its own installer puts it. */
const go = ['go', '/usr/local/go/bin/go'].find((program) => spawnSync(program, ['version']).status === 0);
const folder = mkdtempSync(join(tmpdir(), 'participant-go-'));
const program = join(folder, 'payment');
const data = join(folder, 'payments.jsonl');
const started: ChildProcess[] = [];
/** Of the standard library, where it was never built on this machine. */
const BUILD_MS_MAX = 180_000;

afterAll(async () => {
  for (const child of started) await killed(child);
  rmSync(folder, { recursive: true });
});

async function killed(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function serving(): Promise<string> {
  const child = spawn(program, ['0', data], { stdio: ['ignore', 'pipe', 'ignore'] });
  started.push(child);
  for await (const line of createInterface(child.stdout)) return line.replace('payments at ', '');
  throw new Error('the participant ended before it listened');
}

async function call(url: string, path: string) {
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': `s1:payment:${path}`,
    'saga-id': 's1',
    'saga-step': 'payment',
  };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: '{"amount": 12}' });
  return [response.status, await response.json()];
}

describe.skipIf(go === undefined)(`participant-go${go === undefined ? ' (skipped: no go)' : ''}`, () => {
  beforeAll(() => {
    const source = new URL('../../examples/participant-go/payment.go', import.meta.url).pathname;
    const built = spawnSync(go as string, ['build', '-o', program, source], { encoding: 'utf8' });
    expect([existsSync(program), built.stderr]).toEqual([true, '']);
  }, BUILD_MS_MAX);

  it('keeps every promise', async () => {
    const { verdicts } = await verifyParticipant({
      url: await serving(),
      action: '/pay',
      undo: '/refund',
      body: '{"amount": 12}',
      refused: '{"amount": 0}',
      probe: '/',
      ask: '/stands',
    });
    expect(verdicts.filter(({ holds }) => holds !== true)).toEqual([]);
    expect(verdicts.length).toBeGreaterThan(10);
  });

  it('keeps them over a kill, also one in the middle of a line', async () => {
    const before = await serving();
    const first = await call(before, '/pay');
    expect(first[0]).toBe(201);
    await killed(started.at(-1));
    appendFileSync(data, '{"Saga":"s2","Step":"payment","Action":{"sta');
    const after = await serving();
    expect(await call(after, '/pay')).toEqual(first);
    expect(await call(after, '/refund')).toEqual([200, { refunded: true }]);
    await killed(started.at(-1));
    expect((await call(await serving(), '/pay'))[0]).toBe(409);
  });
});
