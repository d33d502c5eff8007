/** The audit over HTTP: pages, filters, exports, and what becomes of them where the store goes away. */
import { expect, it } from 'vitest';
import { MemoryStore } from '../../stores/memory-store.ts';
import { type AuditFilter, type SagaStore, StoreUnavailableError } from '../../stores/saga-store.ts';
import { actOf, verified } from '../stores/conformance/audits.ts';
import { begin, write } from '../stores/sagas.ts';
import { appOver } from './fake-app.ts';
import { expectProblem } from './problem.ts';

const AUDIT = '/api/coordinator/audit';

async function held(count = 3) {
  let nowMs = Date.parse('2026-05-01T00:00:00Z');
  const store = new MemoryStore({ now: () => nowMs, partitions: 2 });
  for (let n = 0; n < count; n += 1) {
    const { id, fence } = await begin(store);
    await store.commit(
      id,
      fence,
      write({ acts: [actOf({ reason: `r${n}`, actor: n === 0 ? 'user:bob' : 'user:eve' })] }),
    );
    nowMs += 3_600_000;
  }
  return store;
}

function asking(store: SagaStore, audit: Partial<SagaStore['audit']> = {}) {
  const { list, read } = {
    list: store.audit.list.bind(store.audit),
    read: store.audit.read.bind(store.audit),
    ...audit,
  };
  const app = appOver({ audit: { list, read, tell: store.audit.tell.bind(store.audit) }, store: store.info });
  return (path: string, init?: RequestInit) =>
    Promise.resolve(app.request(`http://127.0.0.1${path}`, { headers: { host: '127.0.0.1' }, ...init }));
}

const told = async (coming: Promise<Response>) => {
  const answer = await coming;
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.json() };
};
const reasons = async (answer: Response) => {
  const { entries } = (await answer.json()) as { entries: { reason: string }[] };
  return entries.map(({ reason }) => reason);
};

it('is paged, newest first, and says where the next page is', async () => {
  const ask = asking(await held());
  const first = await ask(`${AUDIT}?limit=2`);
  const [, next = ''] = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
  expect(await reasons(first)).toEqual(['r2', 'r1']);
  const second = await ask(next);
  expect([second.headers.get('link'), await reasons(second)]).toEqual([null, ['r0']]);
});

it('is filtered by who, what and when', async () => {
  const asked: AuditFilter[] = [];
  const store = await held();
  const ask = asking(store, {
    list: (filter, cursor, limit) => {
      asked.push(filter);
      return store.audit.list(filter, cursor, limit);
    },
  });
  expect(await reasons(await ask(`${AUDIT}?actor=user:bob`))).toEqual(['r0']);
  expect(await reasons(await ask(`${AUDIT}?action=retry`))).toEqual([]);
  expect(
    await reasons(await ask(`${AUDIT}?since=2026-05-01T01:00:00Z&until=2026-05-01T04:00:00%2B02:00`)),
  ).toEqual(['r1']);
  await ask(`${AUDIT}?saga_id=x&by=y`);
  expect(asked.at(-1)).toEqual({ saga_id: 'x', by: 'y' });
});

it.each(['?limit=0', '?cursor=none', '?since=yesterday', '?who=ada', '?actor=', '.csv?limit=1'])(
  'refuses %s',
  async (query) => {
    const ask = asking(await held(0));
    expectProblem(await told(ask(AUDIT + query)), 'invalid-query');
  },
);

it('is exported whole, in parts, as it is stored', async () => {
  const store = await held(1_100);
  const ask = asking(store);
  const answer = await ask(`${AUDIT}.ndjson`);
  expect(answer.headers.get('content-type')).toBe('text/x-ndjson');
  const lines = (await answer.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toHaveLength(1_100);
  expect(verified(lines).faults).toEqual([]);
  const rows = (await (await ask(`${AUDIT}.csv?actor=user:eve`)).text()).trimEnd().split('\r\n');
  expect(rows).toHaveLength(1_100);
  const head = await ask(`${AUDIT}.ndjson`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

it('is no export where the store is away, and half of one is told from a whole', async () => {
  const store = await held(1_100);
  const away = () => Promise.reject(new StoreUnavailableError('away', true));
  expectProblem(await told(asking(store, { read: away })(`${AUDIT}.ndjson`)), 'store-unavailable');
  let parts = 0;
  const ask = asking(store, {
    read: (...args) => {
      parts += 1;
      return parts > 1 ? away() : store.audit.read(...args);
    },
  });
  const answer = await ask(`${AUDIT}.ndjson`);
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow('away');
});
