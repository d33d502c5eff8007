/** CPU time that processes have used, as Linux tells. */
import { readdirSync, readFileSync } from 'node:fs';

/** Of one process in all its threads so far, in microseconds; null where the system does not tell. */
export function cpuUs(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread ended between the two readings.
    }
  }
  return ns / 1000;
}

/**
 * The same of a process with all its children, also those that have ended and that it has waited for: of several
 * coordinators behind one port, or of a Postgres, which has a process for each connection.
 */
export function cpuWithChildrenUs(pid: number): number | null {
  const own = cpuUs(pid);
  if (own === null) return null;
  let us = own + endedChildrenUs(pid);
  for (const child of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)) {
    try {
      us += cpuWithChildrenUs(Number(child)) ?? 0;
    } catch {
      // The child ended between the two readings.
    }
  }
  return us;
}

/** Linux counts these in hundredths of a second, whatever its own clock. */
const TICK_US = 10_000;

function endedChildrenUs(pid: number): number {
  // The name, which stands in brackets, may hold blanks. After it cutime and cstime are the 14th and 15th.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[13]) + Number(fields[14])) * TICK_US;
}
