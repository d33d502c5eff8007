import { sagaPath } from '../client/client.ts';
import type { Command } from './command.ts';
import { asSaga } from './saga.ts';
import { EXIT } from './surroundings.ts';
import { asJson, painter } from './text.ts';
import { timeline } from './timeline.ts';

export const show: Command = {
  summary: 'one saga: its calls in time, and what is still held',
  words: [{ name: 'ID', isSaga: true }],
  options: {},
  async run({ coordinator, words: [id = ''], asJson: json, around: { out, env, columns } }) {
    const { body } = await coordinator.ask(sagaPath(id));
    const paint = painter(out.isTerminal, env);
    out.write(json ? `${asJson(body, 2)}\n` : timeline(asSaga(body), columns, paint));
    return EXIT.ok;
  },
};
