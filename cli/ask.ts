/** Has the participant of a step asked what stands of its call. */
import type { Command } from './command.ts';
import type { Cell } from './paper.ts';
import { EXIT } from './surroundings.ts';
import { asJson, type Colour, shown } from './text.ts';

const COLOURS: Readonly<Record<string, Colour>> = { done: 'yellow', undone: 'green', unknown: 'red' };

export const ask: Command = {
  summary: 'ask the participant what stands of a step; the saga stays as it is',
  words: [{ name: 'ID', isSaga: true }, { name: 'STEP' }],
  more: 'Of an item STEP is step/item. It ends with 1 where nobody can tell.',
  options: {},
  async run({ coordinator, words: [id = '', step = ''], asJson: json, paper, around: { out } }) {
    const said = await coordinator.askParticipant(id, step);
    const { state, participant, status, asked_at, url, digest, error, body } = said;
    const facts: [string, Cell][] = [
      ['state', { text: shown(state), colour: COLOURS[state] ?? 'red' }],
      ['said by', `${shown(participant)}, ${status === null ? 'which did not answer' : shown(status)}`],
      ['error', shown(error ?? '')],
      ['asked', shown(asked_at)],
      ['at', shown(url)],
      ['digest', shown(digest ?? '')],
      ['answer', shown(body ?? '')],
    ];
    const rows = facts.filter(([, fact]) => fact !== '');
    out.write(
      json
        ? `${asJson(said, 2)}\n`
        : paper.table(rows.map(([name, fact]): Cell[] => [{ text: name, colour: 'grey' }, fact])),
    );
    return state === 'unknown' ? EXIT.sagaFailed : EXIT.ok;
  },
};
