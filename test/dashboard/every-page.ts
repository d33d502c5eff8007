/** The dashboard's pages, by what is stored. */
import { send } from '../coordinator/world.ts';

export interface Stored {
  /** A saga that could not undo its payment. */
  readonly parked: string;
  readonly done: string;
  /** Key of what the first is parked for. */
  readonly cause: string;
  /** Id of an act on many. */
  readonly bulk: string;
}

/** Has an act on many of a saga that it leaves alone, because that has never been there. */
export async function storedAt(url: string, parked: string, done: string): Promise<Stored> {
  const headers = { accept: 'text/html' };
  const { body } = await send(`${url}/`, { headers });
  const cause = /href="\/sagas\?cause=([^"]+)"/.exec(body)?.[1] ?? '';
  const asked = await send(`${url}/bulks`, {
    method: 'POST',
    body: new URLSearchParams({ act: 'retry', reason: 'a test', by: 'ada', saga: `${parked} 99` }).toString(),
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
  });
  return { parked, done, cause, bulk: String(asked.headers.location).replace('/bulks/', '') };
}

export const everyPage = ({ parked, done, cause, bulk }: Stored): readonly string[] => [
  '/',
  '/sagas',
  '/sagas?status=ABORTED',
  `/sagas?cause=${cause}`,
  `/sagas/${parked}`,
  `/sagas/${done}`,
  `/sagas/${done}?at=3`,
  `/sagas/${parked}/retry`,
  `/sagas/${parked}/resolve?as=FAILED`,
  `/sagas/${parked}/calls?step=payment`,
  `/sagas/${parked}/test`,
  `/sagas/${parked}/compare`,
  `/sagas/${parked}/compare?with=${done}`,
  `/bulks/new?act=retry&cause=${cause}`,
  `/bulks/new?act=skip&cause=${cause}`,
  `/bulks/${bulk}`,
  '/bulks',
  '/held',
  '/machines',
  '/start?machine=order',
  '/audit',
  '/history?range=24h',
  '/participants',
  '/theatre',
  '/docs',
  '/sagas/no-such-saga',
  '/no/such/page',
];
