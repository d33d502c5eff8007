/** A participant of several calls: what faults do to it, by kind of calls and by the path of one. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DESK_PORTS } from '../../services-stub/desks.ts';
import { startDesks } from '../../services-stub/start.ts';

let airline: Awaited<ReturnType<typeof startDesks>>;
let url: string;
beforeEach(async () => {
  airline = await startDesks(['airline'], { ports: { ...DESK_PORTS, airline: 0 }, faultsOn: true });
  url = airline.desks[0]?.url ?? '';
});
afterEach(() => airline.close());

let sagas = 0;
/** Of a saga of its own. */
async function call(path: string): Promise<number> {
  sagas += 1;
  const headers = {
    'content-type': 'application/json',
    'idempotency-key': `saga-${sagas}:step:action`,
    'saga-id': `saga-${sagas}`,
    'saga-step': 'step',
    'saga-attempt': '1',
  };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: '{}' });
  await answer.body?.cancel();
  return answer.status;
}

async function faults(method: string, rules?: unknown) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/faults`, {
    method,
    headers,
    body: rules && JSON.stringify(rules),
  } as RequestInit);
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
}

it('is struck in all calls of a kind, or in one of them', async () => {
  await faults('PUT', { endpoint: 'action', kind: 'status', status: 503 });
  expect([await call('/api/flights/book'), await call('/api/tickets/issue')]).toEqual([503, 503]);
  expect(await call('/api/flights/cancel')).toBe(200);
  const one = { endpoint: '/api/tickets/issue', kind: 'status', status: 409 };
  expect(await faults('PUT', one)).toMatchObject({ status: 200, body: { rules: [{ ...one, hits: 0 }] } });
  expect([await call('/api/flights/book'), await call('/api/tickets/issue')]).toEqual([201, 409]);
  expect((await faults('GET')).body).toMatchObject({ rules: [{ hits: 1 }] });
  expect((await faults('DELETE')).status).toBe(204);
  expect(await call('/api/tickets/issue')).toBe(201);
});

it('takes the one path of a kind for the kind, and no path that it has not', async () => {
  const cancelled = { endpoint: '/api/flights/cancel', kind: 'hang' };
  expect((await faults('PUT', cancelled)).body).toMatchObject({ rules: [{ endpoint: 'compensation' }] });
  expect((await faults('PUT', { ...cancelled, endpoint: '/api/rooms/release' })).status).toBe(422);
});

it('has done what it lost the answer of', async () => {
  await faults('PUT', { endpoint: '/api/flights/book', kind: 'lose-answer' });
  await expect(call('/api/flights/book')).rejects.toThrow('fetch failed');
  const entries = airline.desks[0]?.journal.entries() ?? [];
  expect(entries.map(({ outcome, faults: struckBy }) => ({ outcome, struckBy }))).toEqual([
    { outcome: 'performed', struckBy: ['lose-answer'] },
  ]);
});
