/** What faults do to every participant; the shared suite runs it for each. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Participant } from '../../services-stub/participant.ts';
import { listen, type Running } from '../../services-stub/start.ts';
import { type Answered, Caller } from './caller.ts';
import type { ParticipantCase } from './participant-suite.ts';
import { eventually, type SimulatedMeans, simulatedMeans } from './simulated-means.ts';

export function faultSuite(given: ParticipantCase): void {
  const { request } = given;
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

  describe('faults', () => {
    it('do not exist unless switched on', async () => {
      const plain = new Caller(given.create(simulatedMeans({ faultsOn: false })));
      expect((await plain.faults([])).status).toBe(404);
      expect((await plain.get('/faults')).status).toBe(404);
      expect((await plain.send('DELETE', '/faults')).status).toBe(404);
    });

    it('answer with a status before the effect, and leave the retry free', async () => {
      await caller.faults({ endpoint: 'action', kind: 'status', status: 503, retry_after: 7, times: 1 });
      const struck = await caller.action(request);
      expect(struck).toMatchObject({ status: 503, body: { type: 'fault-injected' } });
      expect(struck.headers.get('retry-after')).toBe('7');
      expect((await caller.action(request, { attempt: 2 })).status).toBe(201);
      expect(await caller.journal()).toEqual(['action failed 503', 'action performed 201']);
    });

    it('delay a call', async () => {
      await caller.faults({ endpoint: caller.routes.action, kind: 'latency', latency_ms: 250 });
      const action = caller.action(request);
      await eventually(() => means.clock.slept.length === 1);
      expect(means.clock.slept).toEqual([250]);
      expect(await heldCount()).toBe(0);
      means.clock.wakeAll();
      expect((await action).status).toBe(201);
    });

    it('strike one endpoint and, where named, one saga', async () => {
      await caller.faults([
        { endpoint: 'compensation', kind: 'status', status: 500 },
        { endpoint: 'action', kind: 'status', status: 500, saga_id: 'saga-2' },
      ]);
      expect((await caller.action(request, { saga: 'saga-1' })).status).toBe(201);
      expect((await caller.action(request, { saga: 'saga-2' })).status).toBe(500);
      expect((await caller.compensate(request, { saga: 'saga-1' })).status).toBe(500);
    });

    it('are shown with their hits, and cleared', async () => {
      await caller.faults({ endpoint: caller.routes.compensation, kind: 'status', status: 500, times: 2 });
      await caller.compensate(request);
      const rule = { endpoint: 'compensation', kind: 'status', status: 500, times: 2, hits: 1 };
      expect((await caller.get('/faults')).body).toEqual({ rules: [rule] });
      expect((await caller.send('DELETE', '/faults')).status).toBe(204);
      expect((await caller.get('/faults')).body).toEqual({ rules: [] });
      expect((await caller.compensate(request)).status).toBe(200);
    });

    it.each([
      { endpoint: '/health', kind: 'hang' },
      { endpoint: 'action', kind: 'explosion' },
      { endpoint: 'action', kind: 'latency' },
      { endpoint: 'action', kind: 'status' },
      { endpoint: 'action', kind: 'hang', probability: 2 },
      { endpoint: 'action', kind: 'hang', tines: 1 },
    ])('refuse the rule %j', async (rule) => {
      expect((await caller.faults(rule)).status).toBe(422);
    });
  });

  describe('faults on a socket', () => {
    let running: Running<Participant>;
    let remote: Caller;

    beforeEach(async () => {
      running = await listen(participant, '127.0.0.1', 0);
      remote = new Caller(participant, running.url);
    });
    afterEach(() => running.close());

    it('lose the answer after the effect; the retry finds it', async () => {
      await remote.faults({ endpoint: 'action', kind: 'lose-answer', times: 1 });
      await expect(remote.action(request)).rejects.toThrow('fetch failed');
      expect(await heldCount()).toBe(1);
      const retry = await remote.action(request, { attempt: 2 });
      expect(retry.status).toBe(201);
      expect(retry.headers.get('idempotent-replayed')).toBe('true');
      expect(await heldCount()).toBe(1);
    });

    it('lose the answer of a compensation, which undoes once', async () => {
      const action = await remote.action(request);
      await remote.faults({ endpoint: 'compensation', kind: 'lose-answer', times: 1 });
      await expect(remote.compensate(request)).rejects.toThrow('fetch failed');
      expect((await remote.compensate(request)).status).toBe(200);
      expect(await statusOf(action)).toBe(given.undoneStatus);
      expect(await heldCount()).toBe(0);
    });

    it('drop the connection before the effect', async () => {
      await remote.faults({ endpoint: 'action', kind: 'drop-connection', times: 1 });
      await expect(remote.action(request)).rejects.toThrow('fetch failed');
      expect(await heldCount()).toBe(0);
      expect((await remote.action(request)).headers.get('idempotent-replayed')).toBeNull();
      expect(await remote.journal()).toEqual(['action failed null', 'action performed 201']);
    });

    it('hang without an effect until they are cleared', async () => {
      await remote.faults({ endpoint: 'action', kind: 'hang' });
      let answered = false;
      const hung = remote.action(request).finally(() => {
        answered = true;
      });
      await eventually(() => participant.journal.entries().length === 1);
      // Later calls are answered while this one is not.
      for (let later = 0; later < 3; later++) await remote.compensate(request, { saga: `later-${later}` });
      expect(answered).toBe(false);
      await remote.send('DELETE', '/faults');
      expect(await hung).toMatchObject({ status: 503, body: { type: 'fault-lifted' } });
      expect(await heldCount()).toBe(0);
    });

    it('hang until the caller has had enough, and do not hold the step', async () => {
      await remote.faults({ endpoint: 'action', kind: 'hang', times: 1 });
      const patience = new AbortController();
      const hung = remote.action(request, { signal: patience.signal });
      await eventually(() => participant.journal.entries().length === 1);
      patience.abort();
      await expect(hung).rejects.toThrow('aborted');
      expect((await remote.action(request, { attempt: 2 })).status).toBe(201);
    });
  });
}
