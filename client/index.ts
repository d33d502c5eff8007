/**
 * A client of a coordinator, over HTTP alone: `import { SagaClient } from 'saga-coordinator/client'`.
 *
 * ```ts
 * const client = new SagaClient({ url: 'http://127.0.0.1:9000', token: process.env.API_TOKEN });
 * const saga = await client.run('booking', { journey: 'j-1', to: 'PAR', visa: false, card: 'tok_1' });
 * if (saga.status === 'ABORTED') console.log(saga.held);
 * ```
 */
export type {
  Asked,
  AskedOfSeen,
  Bulk,
  ClientOptions,
  Health,
  Input,
  Inquiry,
  ListOptions,
  Machine,
  MachineSummary,
  Saga,
  SagaEvent,
  SagaListing,
  SagaPage,
  SagaStatus,
  Schemas,
  SentEvent,
  StartedSaga,
  StartOptions,
  Statistics,
  WaitOptions,
} from './client.ts';
export { SagaClient } from './client.ts';
export { type Problem, ProblemError, type ProblemType, UnreachableError } from './errors.ts';
export type { Answer, Fetch, Question } from './transport.ts';
