/** The last lines of a process: written where somebody reads them, and lost where nobody does, but never waited for. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { logDestination } from '../../server/telemetry/log-destination.ts';

/** For as long as lines may be held back, and then some. */
const SOON_MS = 60;

const folder = fs.mkdtempSync(join(tmpdir(), 'log-'));
const path = join(folder, 'log');
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

it('are written soon, those that came during a write too, and while there are none nothing is', () => {
  vi.useFakeTimers();
  const destination = logDestination(fs.openSync(path, 'w'), false);
  // Each write is under way until the test says that it is over.
  const written: string[] = [];
  const ends: (() => void)[] = [];
  vi.spyOn(fs, 'write').mockImplementation(((_fd: number, text: string | Buffer, ...rest: unknown[]) => {
    written.push(String(text));
    ends.push(() => (rest.at(-1) as (error: null, bytes: number) => void)(null, Buffer.byteLength(text)));
  }) as unknown as typeof fs.write);
  const soon = () => vi.advanceTimersByTime(SOON_MS);

  soon();
  expect(written).toEqual([]);
  destination.write('ü\n');
  expect(written).toEqual([]);
  soon();
  expect(written).toEqual(['ü\n']);
  destination.write('meanwhile\n');
  soon();
  ends.shift()?.();
  soon();
  expect(written).toEqual(['ü\n', 'meanwhile\n']);
  ends.shift()?.();
  for (let n = 0; n < 10; n += 1) soon();
  expect(written).toHaveLength(2);
  destination.write('by the end of the process\n');
  destination.flushSync();
  for (let n = 0; n < 10; n += 1) soon();
  expect(written).toHaveLength(2);
  destination.destroy();
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
