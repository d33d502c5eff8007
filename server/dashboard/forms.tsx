/** Pages on which an operator says why, and sees what came of it. They work without a script; with one they open as dialogs. */
import type { Child } from 'hono/jsx';
import type { OperationResult, SagaHistory } from '../engine/contract.ts';
import type { Act } from './acts.ts';
import { type Frame, Page } from './page.tsx';
import { Badge, nameOf } from './parts.tsx';
import { stateWords } from './state-words.ts';

export const REASON_LENGTH_MAX = 500;
export const NAME_LENGTH_MAX = 100;

export interface ConfirmProps {
  readonly frame: Frame;
  readonly title: string;
  readonly action: string;
  readonly back: string;
  readonly label: string;
  readonly isGrave: boolean;
  readonly by: string;
  /** Whether that is who they are, rather than what they said last. */
  readonly isKnown: boolean;
  /** Where the reason stands that is asked for; `null` where none is. */
  readonly book?: 'log' | 'audit' | null;
  readonly children?: Child;
}

export function Confirm({
  frame,
  title,
  action,
  back,
  label,
  isGrave,
  by,
  isKnown,
  book = 'log',
  children,
}: ConfirmProps) {
  return (
    <Page frame={frame} title={title} here="sagas">
      <form class="card narrow confirm" id="confirm" method="post" action={action}>
        <h1>{title}</h1>
        {children}
        {book !== null && (
          <label>
            Why
            <textarea name="reason" required maxlength={REASON_LENGTH_MAX} rows={2} autofocus />
            <small>{book === 'log' ? "It stands in the saga's log." : 'It stands in the audit.'}</small>
          </label>
        )}
        {isKnown ? (
          <p class="note">
            The {book ?? 'audit'} will say that {by} did it.
          </p>
        ) : (
          <label>
            Your name
            <input name="by" required value={by} maxlength={NAME_LENGTH_MAX} autocomplete="name" />
          </label>
        )}
        <div class="acts">
          <button type="submit" class={`button ${isGrave ? 'grave' : 'primary'}`}>
            {label}
          </button>
          <a class="button" href={back} data-close>
            Leave it
          </a>
        </div>
      </form>
    </Page>
  );
}

interface ConfirmActProps extends Pick<ConfirmProps, 'children'> {
  readonly frame: Frame;
  readonly saga: SagaHistory['saga'];
  readonly act: Act;
  readonly by: string;
  readonly isKnown: boolean;
  /** Its participant is asked first, and what it says is to stand in the reason. */
  readonly isProven: boolean;
}

export function ConfirmAct({ frame, saga, act, by, isKnown, isProven, children }: ConfirmActProps) {
  const path = `/sagas/${saga.id}`;
  // A saga in flight moves on faster than anybody types, and to cancel or to retry it is right all the same.
  const isBound = saga.status === 'ABORTED' || act.kind === 'skip' || act.kind === 'resolve';
  return (
    <Confirm
      frame={frame}
      title={`${act.label}: ${nameOf(saga)}`}
      action={`${path}/${act.kind}`}
      back={path}
      label={act.label}
      isGrave={act.isGrave}
      by={by}
      isKnown={isKnown}
    >
      {isProven ? (
        <p>
          The {act.step} step counts as undone from then on. Its service is asked once more when you confirm:
          only where it still says that it is undone the step is skipped, and the log and the audit say what
          it answered, when and where.
        </p>
      ) : (
        <p>{act.effect}</p>
      )}
      <p class="note">
        It is now {saga.status === 'STARTED' && stateWords(saga.summary.state)} <Badge status={saga.status} />
        .{isBound && ' If it has moved on before you confirm, nothing is done.'}
      </p>
      {children}
      {isBound && <input type="hidden" name="seq" value={saga.seq} />}
      {isProven && <input type="hidden" name="with_proof" value="true" />}
      {act.step !== undefined && <input type="hidden" name="step" value={act.step} />}
      {act.as !== undefined && <input type="hidden" name="as" value={act.as} />}
    </Confirm>
  );
}

/** Why nothing was done; `null` where it was. */
export function refusalOf(result: OperationResult): string | null {
  switch (result.kind) {
    case 'accepted':
      return null;
    case 'missing':
      return 'is no longer stored';
    case 'moved':
      return 'has moved on since you looked at it: nothing was done';
    case 'impossible':
      return `cannot be asked that in ${stateWords(result.state)}: nothing was done`;
    default:
      return 'has too many requests waiting: ask again in a moment';
  }
}
