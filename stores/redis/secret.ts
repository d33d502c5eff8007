/** The store's secret, which stands beside its id in the mark that decides. */
import { newSecret } from '../secret.ts';
import type { Client } from './client.ts';
import { asking } from './faults.ts';

/** Made when it is first asked for. Of two that make one at once the first counts. */
export async function secretIn(client: Client, root: string): Promise<string> {
  const ask = () => asking(client.hget(root, 'secret'));
  const known = await ask();
  if (known !== null) return known;
  await asking(client.hsetnx(root, 'secret', newSecret()));
  return (await ask()) ?? '';
}
