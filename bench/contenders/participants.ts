/** The calls to the participants, as every contender that is not ours makes them: one client, with the same settings. */
import { Pool } from 'undici';
import type { Data, PlainStep } from './order.ts';

export interface Participants {
  /** What the participant answered; null where it refused. What may be tried again is thrown. */
  act(saga: string, step: PlainStep, data: Data): Promise<Data | null>;
  undo(saga: string, step: PlainStep, data: Data): Promise<void>;
}

export function participantsAt(url: string): Participants {
  const pool = new Pool(url, { connections: 128, headersTimeout: 0, bodyTimeout: 0 });

  async function post(path: string, body: unknown, key: string): Promise<Data | null> {
    const answer = await pool.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
    });
    const read = (await answer.body.json()) as Data;
    if (answer.statusCode >= 500) throw new Error(`${path} answered ${answer.statusCode}`);
    return answer.statusCode < 300 ? read : null;
  }

  return {
    act: (saga, step, data) => post(step.action, step.request(data), `${saga}:${step.name}:action`),
    undo: async (saga, step, data) => {
      const undone = await post(step.compensation, data, `${saga}:${step.name}:compensation`);
      if (undone === null) throw new Error(`${step.compensation} was refused`);
    },
  };
}
