/** The participant in Python, verified as any service is. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, describe, expect, it } from 'vitest';
import { verifyParticipant } from '../../participant/index.ts';

const hasPython = spawnSync('python3', ['-c', 'import sqlite3']).status === 0;
const folder = mkdtempSync(join(tmpdir(), 'participant-python-'));
const started: ChildProcess[] = [];

afterAll(async () => {
  for (const child of started) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  rmSync(folder, { recursive: true });
});

async function python(): Promise<string> {
  const program = new URL('../../examples/participant-python/payment.py', import.meta.url).pathname;
  const child = spawn('python3', [program, '0', join(folder, 'payments.db')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  started.push(child);
  for await (const line of createInterface(child.stdout)) return line.replace('payments at ', '');
  throw new Error('the participant ended before it listened');
}

describe.skipIf(!hasPython)(
  `participant-python${hasPython ? '' : ' (skipped: no python3 with sqlite3)'}`,
  () => {
    it('keeps every promise', async () => {
      const { verdicts } = await verifyParticipant({
        url: await python(),
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
  },
);
