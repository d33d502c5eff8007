/** What was counted of the last day, minute by minute. */
import { expect, it } from 'vitest';
import { HISTORY_MINUTES } from '../../../stores/history.ts';
import type { Part } from '../conformance.ts';

const NOW = 29_000_000;

export const histories: Part = (opened) => {
  it('has nothing of minutes in which nobody counted', async () => {
    const { history } = opened().store;
    expect(await history.read(NOW - HISTORY_MINUTES, NOW)).toEqual([]);
    expect(await history.add([])).toBeNull();
    expect(await history.read(NOW, NOW - 1)).toEqual([]);
  });

  it('adds up what several have counted of a minute, whatever they had in common', async () => {
    const { history } = opened().store;
    await history.add([
      { minute: NOW - 1, counts: { 'machine/order': { started: 1 } } },
      {
        minute: NOW,
        counts: { 'machine/order': { started: 2, 'took.20': 9_007_199_254 }, 'm/a%20b': { 'x+y>z': 1 } },
      },
    ]);
    await history.add([
      { minute: NOW, counts: { 'machine/order': { started: 3, 'took.50': 1 }, 'calls/trip': { done: 7 } } },
    ]);
    const first = { minute: NOW - 1, counts: { 'machine/order': { started: 1 } } };
    const second = {
      minute: NOW,
      counts: {
        'machine/order': { started: 5, 'took.20': 9_007_199_254, 'took.50': 1 },
        'm/a%20b': { 'x+y>z': 1 },
        'calls/trip': { done: 7 },
      },
    };
    expect(await history.read(NOW - 5, NOW + 5)).toEqual([first, second]);
    expect(await history.read(NOW, NOW)).toEqual([second]);
    expect(await history.read(NOW - 5, NOW - 1)).toEqual([first]);
  });

  it('keeps a day, and no more: a minute takes the place of the one a day before it', async () => {
    const { history } = opened().store;
    const last = NOW + HISTORY_MINUTES - 1;
    const counted = (minute: number, n: number) => ({ minute, counts: { s: { n } } });
    await history.add([counted(NOW, 1), counted(last, 2)]);
    expect(await history.read(0, last)).toEqual([counted(NOW, 1), counted(last, 2)]);
    await history.add([counted(last + 1, 3)]);
    expect(await history.read(0, last + 1)).toEqual([counted(last, 2), counted(last + 1, 3)]);
    expect(await history.read(NOW, NOW)).toEqual([]);
  });

  it('keeps the last standing of a minute, and says when it was taken', async () => {
    const { history } = opened().store;
    const atMs = NOW * 60_000 + 7;
    const standing = { atMs, counts: { 'standing/order': { calling: 3, waiting: 1 } } };
    expect(await history.add([{ minute: NOW, counts: {} }])).toBeNull();
    expect(await history.add([{ minute: NOW, counts: {}, standing }])).toBe(atMs);
    expect(await history.add([{ minute: NOW, counts: { s: { n: 1 } } }])).toBe(atMs);
    expect(await history.read(NOW, NOW)).toEqual([{ minute: NOW, counts: { s: { n: 1 } }, standing }]);
    const later = { atMs: atMs + 1, counts: { 'standing/order': { calling: 2 } } };
    expect(await history.add([{ minute: NOW, counts: { s: { n: 1 } }, standing: later }])).toBe(atMs + 1);
    expect(await history.read(NOW, NOW)).toEqual([{ minute: NOW, counts: { s: { n: 2 } }, standing: later }]);
    // The next minute has none yet.
    expect(await history.add([{ minute: NOW + 1, counts: { s: { n: 1 } } }])).toBeNull();
    const both = [NOW, NOW + 1].map((minute) => ({ minute, counts: {} }));
    expect(await history.add(both)).toBe(atMs + 1);
  });

  it('takes no name that could not be read again, and nothing that is no count', async () => {
    const { history } = opened().store;
    for (const counts of [{ 'a b': { n: 1 } }, { s: { 'a,b': 1 } }, { 's;': { n: 1 } }, { s: { 'a=b': 1 } }])
      await expect(history.add([{ minute: NOW, counts }])).rejects.toThrow('no name');
    for (const n of [-1, 1.5, Number.NaN])
      await expect(history.add([{ minute: NOW, counts: { s: { n } } }])).rejects.toThrow('no count');
    await expect(history.add([{ minute: -1, counts: {} }])).rejects.toThrow('no minute');
    expect(await history.read(NOW, NOW)).toEqual([]);
  });
};
