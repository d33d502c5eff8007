/** What would come of an act, drawn before anybody confirms it: the states in turn, the calls, and what would still be held. */
import { stringify } from '../../json/exact.ts';
import type { RegisteredMachine } from '../../machines/index.ts';
import type { CallPlaces, CallRequest } from '../calls.ts';
import type { Foreseen, ForeseenCall } from '../engine/contract.ts';
import { foreseenRequest } from '../routes/what-if.ts';
import { Body } from './call.tsx';
import { stateWords } from './state-words.ts';
import { listOf, STATUS_WORDS } from './wording.ts';

interface WhatIfProps {
  readonly sagaId: string;
  readonly foreseen: Foreseen;
  readonly machine: RegisteredMachine;
  readonly urls: CallPlaces['urls'];
}

export function WhatIf({ sagaId, foreseen, machine, urls }: WhatIfProps) {
  const { path, calls, held } = foreseen;
  // What leads nowhere else is told by the calls.
  const states = path.filter(({ from, to }) => from !== to).map(({ to }) => stateWords(to));
  const shown = states.filter((state, index) => state !== states[index - 1]);
  const made = calls.flatMap((call) => {
    const request = foreseenRequest(machine, sagaId, call, urls);
    return request === null ? [] : [{ call, request }];
  });
  return (
    <section class="foreseen" id="foreseen" aria-label="What would happen">
      <h2>What would happen</h2>
      <p class="note">If every call succeeds. Nothing has been asked yet.</p>
      {shown.length > 0 && (
        <ol class="way">
          {shown.map((state) => (
            <li>{state}</li>
          ))}
        </ol>
      )}
      {made.length === 0 ? (
        <p>Nothing is called.</p>
      ) : (
        <ul class="plain calls">
          {made.map(({ call, request }) => (
            <Announced call={call} request={request} />
          ))}
        </ul>
      )}
      <p>{endOf(foreseen)}</p>
      {held.length > 0 && (
        <>
          <h3>Still held then</h3>
          <ul class="plain">
            {held.map(({ step, reason, says }) => (
              <li>
                {says ?? step} <small>{reason}</small>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Announced({ call, request }: { call: ForeseenCall; request: CallRequest }) {
  const { address, kind, attempt, isUnderWay, isAssumed } = call;
  const name = `${kind === 'compensation' ? 'undo ' : ''}${decodeURIComponent(address)}`;
  return (
    <li>
      <details>
        <summary>
          {name}
          {attempt > 1 && `, attempt ${attempt}`}
          {isUnderWay && ' (under way already)'} <small>{request.participant}</small>
        </summary>
        <p>
          {request.method} <code>{request.url}</code>
        </p>
        <p class="note">
          Key <code>{request.idempotencyKey}</code>
        </p>
        {isAssumed && <p class="note">What comes from answers that are not there yet is made up.</p>}
        <Body
          json={request.body === null ? null : stringify(request.body, 2)}
          lacks={request.method === 'GET' ? 'It has no body.' : 'Its body cannot be shown without secrets.'}
        />
      </details>
    </li>
  );
}

function endOf({ end, awaits, status, state }: Foreseen): string {
  switch (end) {
    case 'ended':
      return `The saga ends: ${STATUS_WORDS[status]}.`;
    case 'parked':
      return 'The saga is parked again.';
    case 'awaits':
      return `Then it waits for ${listOf(awaits)}: what follows depends on that.`;
    case 'answer':
      return `What follows depends on what is answered in ${stateWords(state)}.`;
    case 'fault':
      return `Its own definition fails: ${awaits.join()}. The saga is parked again.`;
    default:
      return `It goes on from ${stateWords(state)}.`;
  }
}
