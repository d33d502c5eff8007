/**
 * The log of the engine. At info a saga has one line, when it ends; whatever needs a person is a
 * warning or worse; at debug every transition and every call has its line. No line carries a saga's data.
 */
import { type Logger, type LoggerOptions, stdTimeFunctions } from 'pino';
import type { LogFormat } from '../config.ts';
import type { Observe, Trace } from '../engine/contract.ts';
import { shownError } from './shown-error.ts';

/** pino's own are a number for the level and milliseconds for the time. */
export function pinoFormat({ level, time }: LogFormat): LoggerOptions {
  return {
    ...(level === 'word' && { formatters: { level: (word: string) => ({ level: word }) } }),
    ...(time === 'rfc3339' && { timestamp: stdTimeFunctions.isoTime }),
  };
}

export function logEvents(logger: Logger): Observe {
  // Every round of recovery meets a store that is away: one line when it goes and one when it is back say it all.
  let storeAway = false;
  return (event) => {
    switch (event.type) {
      case 'started':
        if (logger.isLevelEnabled('debug'))
          logger.debug({ ...idsOf(event), machine: event.machine.id }, 'saga started');
        break;
      case 'settled':
        logSettled(logger, event);
        break;
      case 'claimed':
        if (logger.isLevelEnabled('debug'))
          logger.debug({ ...idsOf(event), state: event.state }, 'saga claimed');
        break;
      case 'transition':
        // What a person did is told at info: it is rare, and somebody will ask.
        if (logger.isLevelEnabled('info') && event.entry.by !== undefined) {
          const { event: did, by, reason, step, from, to, outcome } = event.entry;
          logger.info({ ...idsOf(event), did, by, reason, step, from, to, outcome }, 'operator');
        }
        if (logger.isLevelEnabled('debug')) {
          const { from, to, step, kind, attempt, outcome, seq, duration_ms: ms } = event.entry;
          logger.debug({ ...idsOf(event), seq, from, to, step, kind, attempt, outcome, ms }, 'transition');
        }
        break;
      case 'called':
        if (logger.isLevelEnabled('debug')) {
          const { call, spanId: span_id, outcome, ms, error } = event;
          const { step, kind, attempt } = call;
          logger.debug(
            { ...idsOf(event), span_id, step, kind, attempt, outcome, ms: Math.round(ms * 10) / 10, error },
            'participant called',
          );
        }
        break;
      case 'inquired': {
        const { step, participant, state, status, error, ms } = event.inquiry;
        logger.info(
          { ...idsOf(event), step, participant, state, status, error, ms: Math.round(ms) },
          'participant asked what stands',
        );
        break;
      }
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
        logger.warn({ ...idsOf(event), why: event.why }, LOST[event.why]);
        break;
      case 'unreadable':
        logger.error(
          { ...idsOf(event), err: shownError(event.error) },
          'saga cannot be read: a person must look at it',
        );
        break;
      case 'definition-error':
        logger.error(
          { ...idsOf(event), machine: event.machine.id, err: shownError(event.error) },
          'saga parked: its definition failed, and it goes on with a release in which that is mended',
        );
        break;
      case 'transition-differs': {
        const { id, version } = event.machine;
        logger.error(
          { ...idsOf(event), machine: id, version, ...event.difference },
          'table and XState differ on a transition: XState makes those of this machine from now on',
        );
        break;
      }
      case 'forgotten': {
        const { state, held } = event;
        const told = held.map(({ step, response }) => ({ step, response }));
        logger.error(
          { ...idsOf(event), state, held: told },
          'the store has forgotten a saga: a person must look at it',
        );
        break;
      }
      case 'migrated': {
        const { id, version: to } = event.machine;
        logger.info({ ...idsOf(event), machine: id, from: event.from, to }, 'saga migrated');
        break;
      }
      case 'version-unknown': {
        const { id, version } = event.machine;
        logger.warn(
          { ...idsOf(event), machine: id, version },
          'saga parked: no coordinator runs the version on which it began',
        );
        break;
      }
      case 'clock-jumped':
        logger.warn(
          { ms: Math.round(event.ms) },
          event.ms < 0
            ? "the store's clock was set back: that is made up for, and its time goes on"
            : "the store's clock was set forward: what was to wait for longer is due now",
        );
        break;
      case 'purged-early':
        logger.warn(
          { count: event.count },
          'the store is nearly full: ended sagas were purged before their time',
        );
        break;
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

/** By which a line is found: OpenTelemetry's names, so that a log store links it with the trace. */
function idsOf({ id, trace }: { readonly id: string; readonly trace: Trace }) {
  return { saga_id: id, trace_id: trace.traceId };
}

const LOST = {
  stale: 'saga dropped: it is in other hands now',
  missing: 'saga dropped: others have ended it, and it was purged',
  'key-missing': 'saga dropped: what has come for it is sealed with a key that is not here',
  'lease-over': 'saga dropped: its lease was over before its call could be made; it is due again',
} as const;

type Settled = Extract<Parameters<Observe>[0], { type: 'settled' }>;

function logSettled(logger: Logger, event: Settled): void {
  const { status, ms, reason, parked } = event;
  if (parked !== null) {
    const held = parked.held.map(({ step, reason }) => ({ step, reason }));
    logger.warn({ ...idsOf(event), status, ms, reason, held }, 'saga parked: an operator must act');
  } else if (logger.isLevelEnabled('info')) {
    const { id: saga_id, trace } = event;
    const { traceId: trace_id } = trace;
    const told = { saga_id, trace_id, status, ms };
    logger.info(reason === null ? told : { ...told, reason }, 'saga ended');
  }
}
