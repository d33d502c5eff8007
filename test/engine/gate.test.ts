import { describe, expect, it } from 'vitest';
import { Cutoff } from '../../server/engine/cutoff.ts';
import { type Entry, Gate } from '../../server/engine/gate.ts';
import { quiet } from './virtual-clock.ts';

/** Who comes to a gate, and what each was answered so far. */
class Crowd {
  readonly gate: Gate;
  readonly answers: (Entry | null)[] = [];

  constructor(placesMax: number, queueMax: number) {
    this.gate = new Gate(placesMax, queueMax);
  }

  async comes(cutoff = new Cutoff(), machine = 'order'): Promise<void> {
    const index = this.answers.push(null) - 1;
    void this.gate.enter(machine, cutoff).then((entry) => {
      this.answers[index] = entry;
    });
    await quiet();
  }

  get counts(): [number, number] {
    return [this.gate.inside, this.gate.queued];
  }
}

describe('a gate', () => {
  it('lets in as many as it has places, keeps as many as may wait, and turns the others away', async () => {
    const crowd = new Crowd(2, 1);
    for (let count = 0; count < 4; count++) await crowd.comes();
    expect(crowd.answers).toEqual(['entered', 'entered', null, 'full']);
    expect(crowd.counts).toEqual([2, 1]);
  });

  it('turns away none of those who wait for another that has as many, but for itself', async () => {
    const crowd = new Crowd(1, 3);
    await crowd.comes();
    for (const machine of ['order', 'order', 'trip']) await crowd.comes(undefined, machine);
    await crowd.comes(undefined, 'trip');
    expect(crowd.answers).toEqual(['entered', null, null, null, 'full']);
    const other = new Crowd(1, 3);
    await other.comes();
    for (const machine of ['order', 'order', 'order']) await other.comes(undefined, machine);
    await other.comes(undefined, 'trip');
    expect(other.answers).toEqual(['entered', null, null, 'full', null]);
  });

  it('keeps nobody where nobody may wait', async () => {
    const crowd = new Crowd(1, 0);
    await crowd.comes();
    await crowd.comes();
    expect(crowd.answers).toEqual(['entered', 'full']);
  });

  it('gives a place that is left to whoever has waited longest', async () => {
    const crowd = new Crowd(1, 5);
    for (let count = 0; count < 3; count++) await crowd.comes();
    crowd.gate.leave();
    await quiet();
    expect(crowd.answers).toEqual(['entered', 'entered', null]);
    crowd.gate.leave();
    crowd.gate.leave();
    await quiet();
    expect(crowd.answers).toEqual(['entered', 'entered', 'entered']);
    expect(crowd.counts).toEqual([0, 0]);
  });

  it('whoever gives up leaves the queue at once, makes room in it, and takes no place later', async () => {
    const crowd = new Crowd(1, 1);
    const patience = new Cutoff();
    await crowd.comes();
    await crowd.comes(patience);
    patience.cut(new Error('no patience left'));
    await crowd.comes();
    expect(crowd.answers).toEqual(['entered', 'late', null]);
    crowd.gate.leave();
    await quiet();
    expect(crowd.answers).toEqual(['entered', 'late', 'entered']);
    expect(crowd.counts).toEqual([1, 0]);
  });

  it('whoever comes too late takes no place, though there is one', async () => {
    const crowd = new Crowd(1, 1);
    const over = new Cutoff();
    over.cut(new Error('no patience left'));
    await crowd.comes(over);
    expect(crowd.answers).toEqual(['late']);
    expect(crowd.counts).toEqual([0, 0]);
  });

  it('a signal that ends after the entry takes nothing back', async () => {
    const crowd = new Crowd(1, 1);
    const patience = new Cutoff();
    await crowd.comes();
    await crowd.comes(patience);
    crowd.gate.leave();
    patience.cut(new Error('no patience left'));
    await quiet();
    expect(crowd.answers).toEqual(['entered', 'entered']);
    expect(crowd.counts).toEqual([1, 0]);
  });

  describe('before which calls of several machines wait', () => {
    /** The machines in whose turn the places are given that get free one after the other. */
    async function turns(crowd: Crowd, machines: readonly string[]): Promise<string[]> {
      const turns: string[] = [];
      const told = new Set<number>();
      for (;;) {
        const waiting = crowd.gate.queued;
        if (waiting === 0) return turns;
        const before = crowd.answers.map((answer) => answer === 'entered');
        crowd.gate.leave();
        await quiet();
        crowd.answers.forEach((answer, index) => {
          if (answer !== 'entered' || before[index] || told.has(index)) return;
          told.add(index);
          turns.push(machines[index] ?? '');
        });
      }
    }

    it('gives each of them its turn, however many calls one has', async () => {
      const crowd = new Crowd(1, 100);
      const machines = ['rush', ...Array<string>(6).fill('rush'), 'trip', 'trip', 'visa'];
      for (const machine of machines) await crowd.comes(new Cutoff(), machine);
      expect(await turns(crowd, machines)).toEqual([
        ...['rush', 'trip', 'visa', 'rush', 'trip'],
        ...['rush', 'rush', 'rush', 'rush'],
      ]);
    });

    it('turns the newest of those away that has most waiting, for one that has fewer', async () => {
      const crowd = new Crowd(1, 4);
      for (let count = 0; count < 6; count++) await crowd.comes(new Cutoff(), 'rush');
      expect(crowd.answers).toEqual(['entered', null, null, null, null, 'full']);
      await crowd.comes(new Cutoff(), 'trip');
      await crowd.comes(new Cutoff(), 'trip');
      // By now each has half of the queue, and no more is taken from anybody.
      await crowd.comes(new Cutoff(), 'trip');
      expect(crowd.answers).toEqual([
        ...['entered', null, null, 'full', 'full', 'full'],
        ...[null, null, 'full'],
      ]);
      expect(crowd.counts).toEqual([1, 4]);
    });

    it('forgets whoever was turned away: its time may end later', async () => {
      const crowd = new Crowd(1, 2);
      const patience = new Cutoff();
      await crowd.comes(new Cutoff(), 'rush');
      await crowd.comes(new Cutoff(), 'rush');
      await crowd.comes(patience, 'rush');
      await crowd.comes(new Cutoff(), 'trip');
      patience.cut(new Error('no patience left'));
      await quiet();
      expect(crowd.answers).toEqual(['entered', null, 'full', null]);
      expect(crowd.counts).toEqual([1, 2]);
    });
  });
});
