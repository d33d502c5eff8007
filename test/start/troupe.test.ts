/** Who is killed because somebody asked, and comes again. */
import { expect, it, vi } from 'vitest';
import { type Part, Troupe } from '../../server/start/troupe.ts';
import { quiet } from '../engine/virtual-clock.ts';

function played() {
  const said: string[] = [];
  const leaving = new AbortController();
  const troupe = new Troupe((line) => said.push(line.trim()), leaving.signal);
  let pid: number | null = 100;
  let come: (error?: Error) => void = () => {};
  const calls: string[] = [];
  const part: Part = {
    kind: 'services',
    name: 'services',
    pid: () => pid,
    async kill() {
      calls.push('kill');
      pid = null;
    },
    again() {
      calls.push('again');
      pid = 101;
      return new Promise((resolve, reject) => {
        come = (error) => (error === undefined ? resolve() : reject(error));
      });
    },
  };
  troupe.add(part);
  const victim = { kind: 'services', name: 'services' } as const;
  return { said, leaving, troupe, calls, victim, come: (error?: Error) => come(error) };
}

it('is ended, started again, and up when it is ready', async () => {
  const { said, troupe, calls, victim, come } = played();
  expect(await troupe.kill(victim, 0)).toBe(true);
  expect(await troupe.members()).toMatchObject([{ pid: null, isUp: false, kills: 1 }]);
  // It is down, and cannot be killed twice.
  expect(await troupe.kill(victim, 0)).toBe(false);
  await vi.waitFor(() => expect(calls).toEqual(['kill', 'again']));
  expect(await troupe.kill(victim, 0)).toBe(false);
  expect(await troupe.members()).toMatchObject([{ pid: 101, isUp: false }]);
  come();
  await quiet();
  expect(await troupe.members()).toMatchObject([{ pid: 101, isUp: true, kills: 1 }]);
  expect(said).toEqual([
    'services (pid 100) is killed because the dashboard was asked to; it is started again at once',
    'services (pid 101) runs again',
  ]);
});

it('is nobody else, whatever was asked for', async () => {
  const { troupe, calls } = played();
  for (const victim of [
    { kind: 'coordinator', name: 'services' },
    { kind: 'services', name: '100' },
    { kind: 'redis', name: 'Redis' },
  ] as const)
    expect(await troupe.kill(victim, 0)).toBe(false);
  expect(calls).toEqual([]);
});

it('is kept away, and does not come again where all is about to end', async () => {
  const { leaving, troupe, calls, victim } = played();
  expect(await troupe.kill(victim, 60_000)).toBe(true);
  leaving.abort();
  await quiet();
  expect(calls).toEqual(['kill']);
  expect(await troupe.kill(victim, 0)).toBe(false);
});

it('says why it does not come up again', async () => {
  const { said, troupe, calls, victim, come } = played();
  await troupe.kill(victim, 0);
  await vi.waitFor(() => expect(calls).toEqual(['kill', 'again']));
  come(new Error('the port is taken'));
  await quiet();
  expect(said.at(-1)).toBe('services does not come up again: the port is taken');
  expect(await troupe.members()).toMatchObject([{ isUp: false }]);
});
