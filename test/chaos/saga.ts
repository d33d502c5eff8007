/** Sagas as the wire shows them, all of them, read through a coordinator. */
import { send } from '../coordinator/world.ts';

export interface Entry {
  readonly event: string;
  readonly kind: string | null;
  readonly step: string | null;
  readonly outcome: string | null;
  readonly to: string;
}

export interface Saga {
  readonly saga_id: string;
  readonly order_id: string | null;
  readonly status: 'STARTED' | 'COMPLETED' | 'FAILED' | 'ABORTED';
  readonly state: string;
  readonly steps_completed: number;
  readonly total_steps: number;
  readonly failed_step: string | null;
  readonly reason: string | null;
  readonly parked: { readonly reason: string; readonly held: readonly { readonly step: string }[] } | null;
  readonly context: { readonly items: readonly { readonly unit_price: number }[] };
  readonly execution_log: readonly Entry[];
}

const PAGE = 100;

export async function everySaga(url: string): Promise<Saga[]> {
  const found: Saga[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const { body } = await send(`${url}/api/coordinator/sagas?limit=${PAGE}${query}`);
    const ids = (body.sagas as readonly Saga[]).map(({ saga_id }) => saga_id);
    const whole = await Promise.all(ids.map((id) => send(`${url}/api/coordinator/sagas/${id}`)));
    found.push(...whole.map((answer) => answer.body as Saga));
    cursor = body.cursor;
  } while (cursor !== null);
  return found;
}
