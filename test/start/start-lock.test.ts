import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, holdPort, waitToComeUp } from '../../server/start/start-lock.ts';
import { deadPid } from './processes.ts';

let folder: string;
let lock: string;
const { signal } = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-lock-'));
  lock = join(folder, 'start-9000.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('a port', () => {
  it('is held once, and free again when it is let go', async () => {
    const held = holdPort(folder, 9000);
    expect(() => holdPort(folder, 9000)).toThrow(`pid ${process.pid}`);
    holdPort(folder, 9001).release();
    held.release();
    expect(existsSync(lock)).toBe(false);
    holdPort(folder, 9000).release();
  });

  it.each([
    ['a dead process', async () => `${await deadPid()} 5-dead-one\n`],
    ['nobody, torn by a power cut', async () => ''],
  ])('is taken over from %s', async (_, text) => {
    await writeFile(lock, await text());
    holdPort(folder, 9000);
    expect(await readFile(lock, 'utf8')).toMatch(new RegExp(`^${process.pid} `));
  });

  it.runIf(process.platform === 'linux')('is taken over where a stranger was given the pid', async () => {
    await writeFile(lock, `${process.pid} 5-dead-one\n`);
    holdPort(folder, 9000);
    expect(await readFile(lock, 'utf8')).not.toContain('dead-one');
  });

  it('is nobody’s where the folder cannot be made, as with a store elsewhere it need not', async () => {
    await writeFile(join(folder, 'file'), '');
    const held = holdPort(join(folder, 'file', 'data'), 9000);
    held.note(process.pid);
    expect(held.left).toEqual([]);
    held.release();
    (await waitToComeUp(join(folder, 'file', 'data'), () => {}, signal))();
  });
});

describe('what a killed start has left', () => {
  it('is known to the next one, as far as it still runs', async () => {
    const killed = holdPort(folder, 9000);
    killed.note(process.pid);
    killed.note(await deadPid());
    await rm(lock);
    const { left, release } = holdPort(folder, 9000);
    expect(left.map(({ pid }) => pid)).toEqual([process.pid]);
    expect(await ended(left, 0, signal)).toEqual(left);
    expect(await ended([{ pid: await deadPid(), since: '5' }], 60_000, signal)).toEqual([]);
    release();
    expect(holdPort(folder, 9000).left).toEqual([]);
  });
});

describe('coming up', () => {
  it('is one after the other', async () => {
    const waited: number[] = [];
    const letNext = await waitToComeUp(folder, (pid) => waited.push(pid), signal);
    const next = waitToComeUp(folder, (pid) => waited.push(pid), signal);
    await expect.poll(() => waited).toEqual([process.pid]);
    letNext();
    (await next)();
    expect(waited).toEqual([process.pid]);
  });

  it('does not wait for ever where it is given up', async () => {
    const letNext = await waitToComeUp(folder, () => {}, signal);
    const given = new AbortController();
    const next = waitToComeUp(folder, () => given.abort(), given.signal);
    await expect(next).rejects.toThrow('abort');
    letNext();
  });
});
