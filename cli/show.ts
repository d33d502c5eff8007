import { sagaPath } from '../client/client.ts';
import type { Command } from './command.ts';
import { asSaga } from './saga.ts';
import { EXIT } from './surroundings.ts';
import { asJson } from './text.ts';
import { timeline } from './timeline.ts';

export const show: Command = {
  summary: 'one saga: its calls in time, and what is still held',
  words: [{ name: 'ID', isSaga: true }],
  options: {},
  async run({ coordinator, words: [id = ''], asJson: json, paper, around: { out } }) {
    const { body } = await coordinator.ask(sagaPath(id));
    out.write(json ? `${asJson(body, 2)}\n` : timeline(asSaga(body), paper));
    return EXIT.ok;
  },
};
