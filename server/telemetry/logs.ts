/**
 * The log of the engine. At info a saga has one line, when it ends; whatever needs a person is a
 * warning or worse; at debug every transition and every call has its line. No line carries a saga's data.
 */
import type { Logger } from 'pino';
import type { Observe } from '../engine/contract.ts';

export function logEvents(logger: Logger): Observe {
  // Every round of recovery meets a store that is away: one line when it goes and one when it is back say it all.
  let storeAway = false;
  return (event) => {
    switch (event.type) {
      case 'started':
        if (logger.isLevelEnabled('debug'))
          logger.debug({ saga_id: event.id, machine: event.machine.id }, 'saga started');
        break;
      case 'settled':
        logSettled(logger, event);
        break;
      case 'claimed':
        if (logger.isLevelEnabled('debug'))
          logger.debug({ saga_id: event.id, state: event.state }, 'saga claimed');
        break;
      case 'transition':
        // What a person did is told at info: it is rare, and somebody will ask.
        if (logger.isLevelEnabled('info') && event.entry.by !== undefined) {
          const { event: did, by, reason, step, from, to, outcome } = event.entry;
          logger.info({ saga_id: event.id, did, by, reason, step, from, to, outcome }, 'operator');
        }
        if (logger.isLevelEnabled('debug')) {
          const { from, to, step, kind, attempt, outcome, seq, duration_ms: ms } = event.entry;
          logger.debug({ saga_id: event.id, seq, from, to, step, kind, attempt, outcome, ms }, 'transition');
        }
        break;
      case 'called':
        if (logger.isLevelEnabled('debug')) {
          const { id, call, outcome, ms, error } = event;
          const { step, kind, attempt } = call;
          logger.debug(
            { saga_id: id, step, kind, attempt, outcome, ms: Math.round(ms * 10) / 10, error },
            'participant called',
          );
        }
        break;
      case 'breaker-opened': {
        const { participant, openMs, error } = event;
        logger.warn(
          { participant, open_ms: openMs, error },
          'breaker opened: sagas wait for this participant',
        );
        break;
      }
      case 'breaker-closed':
        logger.info({ participant: event.participant }, 'breaker closed: the participant is called again');
        break;
      case 'lost':
        logger.warn({ saga_id: event.id, why: event.why }, LOST[event.why]);
        break;
      case 'unreadable':
        logger.error(
          { saga_id: event.id, err: event.error },
          'saga cannot be read: a person must look at it',
        );
        break;
      case 'migrated': {
        const { id, version: to } = event.machine;
        logger.info({ saga_id: event.id, machine: id, from: event.from, to }, 'saga migrated');
        break;
      }
      case 'version-unknown': {
        const { id, version } = event.machine;
        logger.warn(
          { saga_id: event.id, machine: id, version },
          'saga parked: no coordinator runs the version on which it began',
        );
        break;
      }
      case 'store-fault':
        logger[storeAway ? 'debug' : 'error'](
          { doing: event.doing, error: event.error.message },
          'the store failed; this is tried again',
        );
        storeAway = true;
        break;
      case 'store-back':
        logger.info('the store is back');
        storeAway = false;
        break;
      default:
        event satisfies never;
    }
  };
}

const LOST = {
  stale: 'saga dropped: it is in other hands now',
  missing: 'saga dropped: it was purged',
  'lease-over': 'saga dropped: its lease was over before its call could be made; it is due again',
} as const;

type Settled = Extract<Parameters<Observe>[0], { type: 'settled' }>;

function logSettled(logger: Logger, { id, status, ms, reason, parked }: Settled): void {
  if (parked !== null) {
    const held = parked.held.map(({ step, reason }) => ({ step, reason }));
    logger.warn({ saga_id: id, status, ms, reason, held }, 'saga parked: an operator must act');
  } else if (logger.isLevelEnabled('info')) {
    logger.info({ saga_id: id, status, ms, ...(reason === null ? {} : { reason }) }, 'saga ended');
  }
}
