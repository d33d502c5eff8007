import { sagaPath } from '../client/client.ts';
import type { Command } from './invocation.ts';
import { asSaga } from './saga.ts';
import { EXIT } from './surroundings.ts';
import { asJson, painter } from './text.ts';
import { timeline } from './timeline.ts';

export const show: Command = {
  options: {},
  words: [1, 1],
  async run({ coordinator, words: [id = ''], asJson: json, around: { out, env, columns } }) {
    const { body } = await coordinator.ask(sagaPath(id));
    const paint = painter(out.isTerminal, env);
    out.write(json ? `${asJson(body, 2)}\n` : timeline(asSaga(body), columns, paint));
    return EXIT.ok;
  },
};
