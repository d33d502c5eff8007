/** Keys of sealed records: what is refused without a word of them, and a file that changes while it is used. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, expect, it, vi } from 'vitest';
import { ConfigError, readSettings, shownSettings } from '../../server/config.ts';
import { LOOK_EVERY_MS, openKeys } from '../../server/sealing-keys.ts';
import { VirtualClock } from '../engine/virtual-clock.ts';
import { lineOf } from '../sealing/keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'sealing-'));
afterAll(() => rmSync(folder, { recursive: true }));

const inFile = (text: string, name = 'keys') => {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
};

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    readSettings(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

it('seals secrets where there are keys, and nothing where there are none', () => {
  expect(readSettings({}).sealing).toEqual({ depth: 'off', keys: null, file: null });
  const keys = lineOf('k1');
  expect(readSettings({ SEALING_KEYS: keys }).sealing).toEqual({ depth: 'secrets', keys, file: null });
  const file = inFile(keys);
  const whole = { SEALING: 'whole', SEALING_KEYS_FILE: file };
  expect(readSettings(whole).sealing).toEqual({ depth: 'whole', keys: null, file });
  expect(readSettings({ SEALING: 'off', SEALING_KEYS: keys }).sealing.depth).toBe('off');
});

it('says what cannot be used, and no word of a key, which is logged by nobody either', () => {
  const secret = 'hunter2hunter2';
  const problems = problemsOf({ SEALING_KEYS: `k1:${secret}` });
  expect(problems).toEqual([expect.stringMatching(/^SEALING_KEYS: key 1 must be "id:secret"/)]);
  expect(problems.join()).not.toContain(secret);
  expect(problemsOf({ SEALING: 'whole' })).toEqual([expect.stringMatching(/^SEALING: there is no key/)]);
  expect(problemsOf({ SEALING_KEYS_FILE: join(folder, 'none') })).toEqual([
    'SEALING_KEYS_FILE: cannot be read: ENOENT',
  ]);
  expect(problemsOf({ SEALING_KEYS_FILE: inFile('# none yet', 'empty') })).toEqual([
    'SEALING_KEYS_FILE: holds no key',
  ]);
  const both = { SEALING_KEYS: lineOf('k1'), SEALING_KEYS_FILE: inFile(lineOf('k1')) };
  expect(problemsOf(both)).toEqual(['SEALING_KEYS: stands here and in a file; leave one of them out']);
  const shown = JSON.stringify(shownSettings(readSettings({ SEALING_KEYS: lineOf('k1') })));
  expect(shown).toContain('"keys":"[redacted]"');
  expect(shown).not.toContain(lineOf('k1').slice(3));
});

it('reads a file again when it has changed, keeps the keys where it cannot be used, and says so once', async () => {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const file = inFile(lineOf('k1'), 'rotating');
  const keys = await openKeys({ depth: 'whole', keys: null, file }, clock, logger);
  const first = keys.generation;
  expect(keys.ring.ids).toEqual(['k1']);
  expect(await keys.refresh()).toBe(false);

  writeFileSync(file, `${lineOf('k2')}\n${lineOf('k1')}`);
  // Not before its time, however often it is asked for.
  expect(await keys.refresh()).toBe(false);
  await clock.pass(LOOK_EVERY_MS);
  await vi.waitUntil(() => keys.generation > first);
  expect(keys.ring.ids).toEqual(['k2', 'k1']);

  writeFileSync(file, 'k3:half');
  await clock.pass(1_000);
  expect(await keys.refresh()).toBe(false);
  await clock.pass(1_000);
  expect(await keys.refresh()).toBe(false);
  expect(keys.ring.ids).toEqual(['k2', 'k1']);
  expect(lines.filter((line) => line.includes('"level":50'))).toHaveLength(1);

  writeFileSync(file, lineOf('k3'));
  await clock.pass(1_000);
  // Several that miss a key at once look once.
  expect(await Promise.all([keys.refresh(), keys.refresh()])).toEqual([true, true]);
  expect(keys.ring.ids).toEqual(['k3']);
  expect(lines.join()).not.toContain(lineOf('k3').slice(3));
  keys.close();
});

it('does not begin with a file that cannot be used', async () => {
  const settings = { depth: 'whole', keys: null, file: inFile('', 'bad') } as const;
  await expect(openKeys(settings, new VirtualClock(), pino({ level: 'silent' }))).rejects.toThrow(
    'SEALING_KEYS_FILE: holds no key',
  );
});
