/** Tells a saga of something that happened outside. */
import type { Command } from './command.ts';
import { EXIT, UsageError } from './surroundings.ts';
import { asJson, shown } from './text.ts';

export const sendEvent: Command = {
  summary: 'tell a saga of something that happened outside',
  words: [{ name: 'ID', isSaga: true }, { name: 'NAME' }, { name: 'DATA', isOptional: true }],
  more: 'NAME is an event of its machine, DATA a JSON object.',
  options: { id: { value: 'ID', says: 'its own: sent again, it is the same event' } },
  async run({
    coordinator,
    values,
    words: [saga = '', name = '', text = '{}'],
    asJson: json,
    around: { out },
  }) {
    const { id } = values;
    const sent = { name, data: dataIn(text), ...(typeof id === 'string' ? { id } : {}) };
    const accepted = await coordinator.event(saga, sent);
    out.write(
      json
        ? `${asJson(accepted, 2)}\n`
        : `event ${shown(accepted.name)} accepted: saga ${shown(accepted.saga_id)}, id ${shown(accepted.id)}\n`,
    );
    return EXIT.ok;
  },
};

function dataIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const data: unknown = JSON.parse(text);
    if (typeof data === 'object' && data !== null && !Array.isArray(data))
      return data as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`the data of the event are no JSON: ${(error as Error).message}`);
  }
  throw new UsageError('the data of an event are a JSON object, such as \'{"by": "Ada"}\'');
}
