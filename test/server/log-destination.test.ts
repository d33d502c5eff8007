/** The last lines of a process: written where somebody reads them, and lost where nobody does, but never waited for. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { logDestination } from '../../server/telemetry/log-destination.ts';

const folder = fs.mkdtempSync(join(tmpdir(), 'log-'));
const path = join(folder, 'log');
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true, force: true });
});

it('are given up at the first failure that is for good', () => {
  const destination = logDestination(fs.openSync(path, 'w'), true);
  const gone = Object.assign(new Error('nobody reads'), { code: 'EPIPE' });
  const busy = Object.assign(new Error('wait'), { code: 'EAGAIN' });
  // More than one failure would be waited out, and then written: so the test would fail rather than hang.
  const write = vi.spyOn(fs, 'writeSync');
  for (const error of [busy, gone, gone, gone])
    write.mockImplementationOnce(() => {
      throw error;
    });
  destination.write('the last\n');
  destination.flushSync();
  expect(write).toHaveBeenCalledTimes(2);
  destination.write('one more: ü\n');
  write.mockRestore();
  destination.flushSync();
  expect(fs.readFileSync(path, 'utf8')).toBe('one more: ü\n');
  destination.destroy();
});
