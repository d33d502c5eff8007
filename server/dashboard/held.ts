/** What a saga still holds in the world, in the words of its machine, and what an operator can do about it. */
import type { Answer, RegisteredMachine } from '../../machines/index.ts';
import { stepIn } from '../../machines/parts.ts';
import type { SagaView } from '../engine/contract.ts';

export interface HeldEffect {
  /** The step, or the item of one as `step/item`. */
  readonly step: string;
  /** What is held: `EUR 25.00 was taken from the customer`. */
  readonly what: string;
  /** What the action had answered; `null` where no answer came, and the effect may not be there at all. */
  readonly answer: Answer | null;
  /** Why it could not be undone; `null` while that has not been tried, or goes on. */
  readonly why: string | null;
}

/**
 * In the order of the machine's steps. Ended sagas hold what they were meant to, or nothing.
 * @param machine says it in its own words; without it, effects are named by their step alone
 */
export function heldBy(
  {
    status,
    steps,
    context,
    parked,
    summary,
  }: Pick<SagaView, 'status' | 'steps' | 'context' | 'parked'> & {
    readonly summary: Pick<SagaView['summary'], 'state'>;
  },
  machine: RegisteredMachine | null = null,
): HeldEffect[] {
  if (status === 'COMPLETED' || status === 'FAILED') return [];
  const failed = [...(parked?.held ?? []), ...context.held];
  const names = new Set([...Object.keys(context.answers), ...failed.map(({ step }) => step)]);
  const placeOf = (name: string) => (steps.indexOf(stepIn(name)) + steps.length + 1) % (steps.length + 1);
  const said = [...(parked?.held ?? []), ...(machine?.standing(context, summary.state) ?? [])];
  return [...names]
    .sort((a, b) => placeOf(a) - placeOf(b))
    .flatMap((step): HeldEffect[] => {
      const why = failed.find((one) => one.step === step)?.reason ?? null;
      const answer = context.answers[step] ?? null;
      if (context.undone.includes(step)) return [];
      // No step of this saga: it is said that nothing is held, or that nobody can tell.
      if (!steps.includes(stepIn(step)) && answer === null && why !== null)
        return [{ step, what: why, answer, why: null }];
      const says = said.find((one) => one.step === step && one.says !== undefined)?.says;
      return [{ step, what: says ?? effectOf(step, answer), answer, why }];
    });
}

function effectOf(step: string, answer: Answer | null): string {
  return answer === null
    ? `The ${step} step got no answer, so its effect may be there or not`
    : `The effect of step ${step} stands`;
}
