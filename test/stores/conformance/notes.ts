import { expect, it } from 'vitest';
import type { Note } from '../../../stores/saga-store.ts';
import type { Part } from '../conformance.ts';

const ONE: Note = { mark: 'a.1', text: 'one\nwith a blank and ä' };
const TWO: Note = { mark: 'b.2', text: '' };

export const notes: Part = (opened) => {
  it('are read as they were written, each under its name', async () => {
    const { notes } = opened().store;
    expect(await notes.read('x')).toBeNull();
    expect(await notes.write('x', null, ONE)).toBe(true);
    expect(await notes.write('y', null, TWO)).toBe(true);
    expect([await notes.read('x'), await notes.read('y')]).toEqual([ONE, TWO]);
  });

  it('are replaced and removed by who has seen what stands there, and by nobody else', async () => {
    const { notes } = opened().store;
    expect(await notes.write('x', 'a.0', ONE)).toBe(false);
    await notes.write('x', null, ONE);
    expect(await notes.write('x', null, TWO)).toBe(false);
    expect(await notes.write('x', 'a.0', TWO)).toBe(false);
    expect(await notes.write('x', 'a.0', null)).toBe(false);
    expect(await notes.read('x')).toEqual(ONE);
    expect(await notes.write('x', ONE.mark, TWO)).toBe(true);
    expect(await notes.read('x')).toEqual(TWO);
    expect(await notes.write('x', TWO.mark, null)).toBe(true);
    expect(await notes.read('x')).toBeNull();
  });

  it('are written once of two who have seen the same', async () => {
    const { notes } = opened().store;
    const written = await Promise.all([notes.write('x', null, ONE), notes.write('x', null, TWO)]);
    expect(written.filter((is) => is)).toHaveLength(1);
  });

  it('know a write again that was repeated, also when it removed', async () => {
    const { notes } = opened().store;
    await notes.write('x', null, ONE);
    expect(await notes.write('x', null, ONE)).toBe(true);
    await notes.write('x', ONE.mark, null);
    expect(await notes.write('x', ONE.mark, null)).toBe(true);
  });

  it('have marks of letters, or are refused', async () => {
    const { notes } = opened().store;
    await expect(notes.write('x', null, { mark: 'a b', text: '' })).rejects.toThrow(RangeError);
  });
};
