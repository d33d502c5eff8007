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

  async comes(cutoff = new Cutoff()): Promise<void> {
    const index = this.answers.push(null) - 1;
    void this.gate.enter(cutoff).then((entry) => {
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
});
