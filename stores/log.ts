/** A saga's log as a list that is bounded the way the contract says. */
import { LOG_FIRST, LOG_MAX, LOG_SLACK, type LogEntry, type NumberedEntry } from './saga-store.ts';

/** Adds entries under the numbers that come next. Answers the last number. */
export function append(log: NumberedEntry[], ...entries: readonly LogEntry[]): number {
  for (const entry of entries) {
    log.push({ ...entry, seq: seqOf(log) + 1 });
    if (log.length > LOG_MAX + LOG_SLACK) log.splice(LOG_FIRST, log.length - LOG_MAX);
  }
  return seqOf(log);
}

/** How many entries the log has had. */
function seqOf(log: readonly NumberedEntry[]): number {
  return log.at(-1)?.seq ?? 0;
}
