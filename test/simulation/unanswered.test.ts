/** Every kind of write and call is applied and not answered, or lost on the way, or arrives a second time much later. */
import { expect, it } from 'vitest';
import { enumerate } from './enumerate.ts';
import { chosenBy } from './sagas.ts';
import type { Blow } from './staged.ts';

const blows = ['unanswered', 'lost', 'doubled'] as const satisfies readonly Blow[];
const each = chosenBy(process.env.SAGA).flatMap((saga) => blows.map((blow) => [saga, blow] as const));

it.each(each)(
  'carries %s on where a message is %s, whichever it is',
  { timeout: 1_200_000 },
  async (saga, blow) => {
    const { fallen, dealt, faults, uncovered } = await enumerate(saga, [blow]);
    expect(faults.slice(0, 3).join('\n\n')).toBe('');
    expect(uncovered).toEqual([]);
    expect(fallen).toBe(dealt);
  },
);
