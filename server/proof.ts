/** Why there is no proof of a call, as whoever asked for one is told. */
import type { SagaEngine } from './engine/contract.ts';
import { Problem } from './problem.ts';
import { type NotAsked, prove, type Reasoned } from './proven.ts';

/**
 * The reason with its proof.
 * @throws Problem where nobody can be asked, or the participant does not say that it is undone
 */
export async function provenReason(
  engine: Pick<SagaEngine, 'inquire'>,
  id: string,
  asked: Reasoned,
): Promise<string> {
  const proven = await prove(engine, id, asked);
  if (proven.kind === 'proven') return proven.reason;
  if (proven.kind === 'unproven') throw new Problem('unproven', proven.detail);
  throw notAsked(id, asked.step, proven);
}

/** Why nobody was asked. */
export function notAsked(id: string, step: string, result: NotAsked): Problem {
  switch (result.kind) {
    case 'missing':
      return new Problem('saga-not-found', `no saga ${id} is stored`);
    case 'unknown-version': {
      const { id: name, version } = result.machine;
      return new Problem('machine-not-found', `this coordinator does not run ${name}@${version}`);
    }
    case 'unreadable':
      return new Problem('not-askable', 'the saga cannot be read: nobody knows whom to ask');
    case 'not-askable': {
      const detail = `the saga has no step ${step} of which its machine says where that is asked`;
      return new Problem('not-askable', detail);
    }
    default:
      return result satisfies never;
  }
}
