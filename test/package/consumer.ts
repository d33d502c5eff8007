/** What an editor sees of the package: compiled by `npm run nodes` against what was packed, declarations checked. */
import { type Coordinator, createCoordinator, defineSaga, memoryStore, type Saga } from 'saga-coordinator';
import { type Problem, ProblemError, SagaClient } from 'saga-coordinator/client';
import { z } from 'zod';

const journey = defineSaga({
  id: 'journey',
  version: '1',
  input: z.strictObject({ to: z.string(), nights: z.string().transform(Number) }),
}).step('hotel', {
  at: 'hotel',
  action: {
    path: '/book',
    request: ({ nights }) => ({ nights: nights.toFixed() }),
    answer: z.object({ room: z.string() }),
    gains: ({ room }) => ({ room }),
  },
  undo: { none: 'it is paid' },
});
export const any: Saga = journey;
export const coordinator: Coordinator = createCoordinator({
  sagas: [journey],
  store: memoryStore(),
  participants: { hotel: { url: 'http://hotel', headers: { 'x-key': 'k' } } },
});

export async function use(): Promise<string | null> {
  const { status, held } = await coordinator.run(journey, { to: 'PAR', nights: '3' });
  // @ts-expect-error nights are a text where a client says them
  await coordinator.begin(journey, { to: 'PAR', nights: 3 });
  // @ts-expect-error there is no such status
  if (status === 'DONE') return null;
  const client = new SagaClient({ url: 'http://127.0.0.1:9000' });
  for await (const told of client.watch()) if (told.event === 'saga') return told.data.saga_id;
  try {
    await client.get('07-x');
  } catch (error) {
    const problem: Problem | null = error instanceof ProblemError ? error.problem : null;
    return problem?.detail ?? null;
  }
  return held[0]?.reason ?? null;
}
