/** What every participant does alike. Each service's own test file runs this and adds what only it does. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Means } from '../../services-stub/means.ts';
import type { Participant, ServiceName } from '../../services-stub/participant.ts';
import { listen } from '../../services-stub/start.ts';
import { type Answered, Caller, callHeaders } from './caller.ts';
import { faultSuite } from './fault-suite.ts';
import { eventually, type SimulatedMeans, simulatedMeans } from './simulated-means.ts';

export interface ParticipantCase {
  readonly service: ServiceName;
  readonly create: (means: Means) => Participant;
  /** A request that is performed. */
  readonly request: object;
  /** The id under which what was performed can be read. */
  readonly idOf: (answer: Answered) => string;
  readonly idPattern: RegExp;
  /** A request that is refused by a business rule. */
  readonly refused: { readonly request: object; readonly status: number; readonly type: string };
  /** A request that does not fit, and the pointer to its fault. */
  readonly unfit: { readonly request: object; readonly pointer: string };
  /** Under which name the list is given. */
  readonly listName: string;
  readonly heldStatus: string;
  readonly undoneStatus: string;
  /** The compensation's answer. */
  readonly undoneAnswer: string;
}

export function participantSuite(given: ParticipantCase): void {
  const { service, request, refused, unfit } = given;
  let means: SimulatedMeans;
  let participant: Participant;
  let caller: Caller;

  beforeEach(() => {
    means = simulatedMeans();
    participant = given.create(means);
    caller = new Caller(participant);
  });

  const statusOf = async (action: Answered) =>
    (await caller.get(`${caller.routes.collection}/${given.idOf(action)}`)).body.status;
  const heldCount = async () => (await caller.get('/health')).body.held;

  describe('action and compensation', () => {
    it('gives an id, and holds what it did', async () => {
      const action = await caller.action(request);
      expect(action.status).toBe(201);
      expect(given.idOf(action)).toMatch(given.idPattern);
      expect(await statusOf(action)).toBe(given.heldStatus);
    });

    it('lets fields pass that it does not know', async () => {
      expect((await caller.action({ ...request, gift_note: 'hello', metadata: { a: '1' } })).status).toBe(
        201,
      );
    });

    it('is undone by the compensation', async () => {
      const action = await caller.action(request);
      const compensation = await caller.compensate({ ...request, original_response: action.body });
      expect(compensation).toMatchObject({ status: 200, body: { status: given.undoneAnswer } });
      expect(await statusOf(action)).toBe(given.undoneStatus);
      expect(await heldCount()).toBe(0);
    });

    it('is undone from the ledger, whatever the body claims', async () => {
      const mine = await caller.action(request, { saga: 'saga-1' });
      const another = await caller.action(request, { saga: 'saga-2' });
      await caller.compensate({ ...another.body, original_response: another.body }, { saga: 'saga-1' });
      expect(await statusOf(mine)).toBe(given.undoneStatus);
      expect(await statusOf(another)).toBe(given.heldStatus);
    });

    it('is undone also where the body tells nothing', async () => {
      const action = await caller.action(request);
      expect((await caller.compensate({})).status).toBe(200);
      expect(await statusOf(action)).toBe(given.undoneStatus);
    });
  });

  describe('ledger', () => {
    it('replays a repeated action and performs it once', async () => {
      const first = await caller.action(request);
      const second = await caller.action(request, { attempt: 2 });
      expect(second.status).toBe(201);
      expect(second.body).toEqual(first.body);
      expect(first.headers.get('idempotent-replayed')).toBeNull();
      expect(second.headers.get('idempotent-replayed')).toBe('true');
      expect(await heldCount()).toBe(1);
    });

    it('replays a repeated compensation and undoes once', async () => {
      await caller.action(request);
      const first = await caller.compensate(request);
      const second = await caller.compensate(request);
      expect(second).toMatchObject({ status: 200, body: first.body });
      expect(second.headers.get('idempotent-replayed')).toBe('true');
      expect(await caller.journal()).toEqual([
        'action performed 201',
        'compensation performed 200',
        'compensation replayed 200',
      ]);
    });

    it('lets a compensation without an action succeed, and blocks the overtaken action', async () => {
      const compensation = await caller.compensate(request);
      expect(compensation).toMatchObject({ status: 200, body: { status: 'nothing-to-undo' } });
      const late = await caller.action(request);
      expect(late).toMatchObject({ status: 409, body: { type: 'action-blocked' } });
      expect(await heldCount()).toBe(0);
      expect(await caller.journal()).toEqual(['compensation nothing-to-undo 200', 'action blocked 409']);
    });

    it('refuses a late duplicate of an action that was undone', async () => {
      const action = await caller.action(request);
      await caller.compensate(request);
      expect(await caller.action(request)).toMatchObject({ status: 409, body: { type: 'action-blocked' } });
      expect(await statusOf(action)).toBe(given.undoneStatus);
      expect(await heldCount()).toBe(0);
    });

    it('keeps a refusal and replays it', async () => {
      const first = await caller.action(refused.request);
      expect(first).toMatchObject({ status: refused.status, body: { type: refused.type } });
      expect(first.headers.get('content-type')).toBe('application/problem+json');
      const second = await caller.action(refused.request);
      expect(second).toMatchObject({ status: refused.status, body: { type: refused.type } });
      expect(second.headers.get('idempotent-replayed')).toBe('true');
    });

    it('refuses another request under the same key, and does not perform it', async () => {
      await caller.action(refused.request);
      const other = await caller.action(request);
      expect(other).toMatchObject({ status: 422, body: { type: 'idempotency-key-reused' } });
      expect(await heldCount()).toBe(0);
      expect(await caller.journal()).toEqual([`action refused ${refused.status}`, 'action refused 422']);
    });

    it('has nothing to undo after a refusal', async () => {
      await caller.action(refused.request);
      expect((await caller.compensate(request)).body.status).toBe('nothing-to-undo');
      expect(await heldCount()).toBe(0);
    });

    it('lets a duplicate wait for the running action', async () => {
      await caller.faults({ endpoint: 'action', kind: 'slow-effect', latency_ms: 1000, times: 1 });
      const first = caller.action(request);
      await eventually(() => means.clock.slept.length === 1);
      const second = caller.action(request);
      await eventually(() => participant.waiting() === 1);
      expect(participant.journal.entries()).toEqual([]);
      means.clock.wakeAll();
      expect((await second).body).toEqual((await first).body);
      expect(await caller.journal()).toEqual(['action performed 201', 'action replayed 201']);
    });

    it('lets the compensation wait for the running action, and undoes it', async () => {
      await caller.faults({ endpoint: 'action', kind: 'slow-effect', latency_ms: 1000 });
      const action = caller.action(request);
      await eventually(() => means.clock.slept.length === 1);
      const compensation = caller.compensate(request);
      await eventually(() => participant.waiting() === 1);
      expect(participant.journal.entries()).toEqual([]);
      means.clock.wakeAll();
      expect((await compensation).body.status).toBe(given.undoneAnswer);
      expect(await statusOf(await action)).toBe(given.undoneStatus);
    });

    it('lets a late action wait for the running compensation, and refuses it', async () => {
      await caller.action(request);
      await caller.faults({ endpoint: 'compensation', kind: 'slow-effect', latency_ms: 1000 });
      const compensation = caller.compensate(request);
      await eventually(() => means.clock.slept.length === 1);
      const late = caller.action(request);
      await eventually(() => participant.waiting() === 1);
      means.clock.wakeAll();
      expect((await compensation).status).toBe(200);
      expect((await late).status).toBe(409);
    });

    it('keeps sagas and steps apart', async () => {
      const answers = [
        await caller.action(request, { saga: 'saga-1' }),
        await caller.action(request, { saga: 'saga-2' }),
        await caller.action(request, { saga: 'saga-1', headers: { 'saga-step': 'again' } }),
      ];
      expect(new Set(answers.map(given.idOf)).size).toBe(3);
      expect(await heldCount()).toBe(3);
    });

    it('tells what its calls come to', async () => {
      await caller.action(request, { saga: 'saga-1' });
      await caller.action(request, { saga: 'saga-1', attempt: 2 });
      expect((await caller.get('/tally')).body).toMatchObject({
        service,
        started_at: '2026-01-01T00:00:00.000Z',
        actions: { performed: 1, replayed: 1 },
        performed_twice: 0,
      });
    });

    it('journals each call with all that it carried', async () => {
      await caller.action(request, { saga: 'saga-1', attempt: 3 });
      await caller.action(request, { saga: 'saga-2' });
      expect((await caller.get('/ledger/saga-1')).body.entries).toEqual([
        {
          seq: 1,
          at: '2026-01-01T00:00:00.000Z',
          service,
          kind: 'action',
          saga_id: 'saga-1',
          step: service,
          attempt: 3,
          idempotency_key: `saga-1:${service}:action`,
          traceparent: null,
          outcome: 'performed',
          status: 201,
          faults: [],
        },
      ]);
    });
  });

  describe('wire', () => {
    const post = (init: RequestInit) => caller.send('POST', caller.routes.action, init);

    it('points at the field of a body that does not fit', async () => {
      const answer = await caller.action(unfit.request);
      expect(answer).toMatchObject({ status: 422, body: { type: 'validation-failed', status: 422 } });
      const { errors } = answer.body as { errors: { pointer: string }[] };
      expect(errors.map(({ pointer }) => pointer)).toContain(unfit.pointer);
    });

    it.each(['action', 'compensation'] as const)('says which header a %s lacks', async (kind) => {
      for (const name of ['Idempotency-Key', 'Saga-Id', 'Saga-Step']) {
        const headers = new Headers(callHeaders('saga-1', service, kind));
        headers.delete(name);
        const path = caller.routes[kind];
        const answer = await caller.send('POST', path, { headers, body: JSON.stringify(request) });
        expect(answer).toMatchObject({ status: 400, body: { type: 'missing-header', headers: [name] } });
        expect(answer.body.detail).toContain(name);
      }
      expect(await caller.journal()).toEqual([]);
    });

    it('refuses what is not JSON, another media type, and a body over 1 MiB', async () => {
      const headers = callHeaders('saga-1', service, 'action');
      expect((await post({ headers, body: '{' })).status).toBe(400);
      expect((await post({ headers: { ...headers, 'content-type': 'text/plain' }, body: '{}' })).status).toBe(
        415,
      );
      const body = JSON.stringify({ ...request, padding: 'x'.repeat(1024 * 1024) });
      expect((await post({ headers, body })).status).toBe(413);
      const declared = { ...headers, 'content-length': String(body.length) };
      expect((await post({ headers: declared, body })).status).toBe(413);
      expect(await heldCount()).toBe(0);
    });

    it('refuses a large body that declares no length', async () => {
      const chunk = new TextEncoder().encode('x'.repeat(64 * 1024));
      const body = new ReadableStream({
        start(controller) {
          for (let sent = 0; sent < 17; sent++) controller.enqueue(chunk);
          controller.close();
        },
      });
      const headers = callHeaders('saga-1', service, 'action');
      const init = { headers, body, duplex: 'half' } as RequestInit;
      const running = await listen(participant, '127.0.0.1', 0);
      const remote = new Caller(participant, running.url);
      expect((await remote.send('POST', remote.routes.action, init)).status).toBe(413);
      await running.close();
    });

    it('accepts a media type with parameters', async () => {
      const headers = { 'content-type': 'Application/JSON; charset=utf-8' };
      expect((await caller.action(request, { headers })).status).toBe(201);
    });

    it('knows no other paths and methods', async () => {
      expect(await caller.get('/api/nothing')).toMatchObject({ status: 404, body: { type: 'not-found' } });
      const wrong = await caller.get(caller.routes.compensation);
      expect(wrong).toMatchObject({ status: 405, body: { type: 'method-not-allowed' } });
      expect(wrong.headers.get('allow')).toBe('POST');
      expect((await caller.send('DELETE', caller.routes.action)).status).toBe(405);
    });

    it('lists what it holds, the newest first, and within a limit', async () => {
      const first = await caller.action(request, { saga: 'saga-1' });
      const second = await caller.action(request, { saga: 'saga-2' });
      const list = async (query: string) => (await caller.get(`${caller.routes.collection}${query}`)).body;
      const all = await list('');
      expect(all.count).toBeGreaterThanOrEqual(2);
      expect(all[given.listName]).toHaveLength(all.count);
      expect(JSON.stringify(all[given.listName].at(-1))).toContain(given.idOf(first));
      expect((await list('?limit=1'))[given.listName]).toHaveLength(1);
      expect(JSON.stringify(all)).toContain(given.idOf(second));
      expect(await caller.get(`${caller.routes.collection}?limit=0`)).toMatchObject({ status: 400 });
    });

    it('knows no entry of another id', async () => {
      expect((await caller.get(`${caller.routes.collection}/nobody`)).status).toBe(404);
    });

    it('tells that it is healthy', async () => {
      expect(await caller.get('/health')).toMatchObject({
        status: 200,
        body: { status: 'healthy', service, uptime_seconds: 0, held: 0 },
      });
    });

    it('counts calls, replays and what it holds', async () => {
      await caller.action(request);
      await caller.action(request);
      const { body, headers } = await caller.get('/metrics');
      expect(headers.get('content-type')).toContain('text/plain');
      const labels = `endpoint="${caller.routes.action}",kind="action",outcome="performed",service="${service}"`;
      expect(body).toContain(`participant_calls_total{${labels}} 1`);
      expect(body).toContain(`participant_replays_total{service="${service}"} 1`);
      expect(body).toContain(`participant_held{service="${service}"} 1`);
    });
  });

  faultSuite(given);
}
