/**
 * Names in the environment that look like settings of ours and are none. Whoever wrote one believes that it is in force.
 *
 * Environments are full of others' names: platforms inject theirs, and programs share one. So only what is one slip away
 * from a setting of ours is told, and only where that setting is not set itself; and a start is refused for nothing but a
 * policy of a step, whose name nobody else would make up.
 */

export interface Misspelt {
  /** Each stops the start. */
  readonly problems: readonly string[];
  /** Each is told at the start. */
  readonly warnings: readonly string[];
}

/** OpenTelemetry's are a standard of its own, of which we know a part. */
const FOREIGN = /^OTEL_/;
/** What Kubernetes and Docker inject for each service, whatever it is called: never ours. */
const INJECTED_VALUE = /^(tcp|udp|sctp):\/\//;
const INJECTED = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
/** What tells spans and bounds apart; the same name with another of them, or none, was meant for ours. */
const UNITS = /(_(MS|S|SEC|SECS|SECONDS|MIN|MINS|MINUTES|H|HOUR|HOURS|D|DAYS|MAX|LIMIT|BYTES))+$/;
const POLICY = /^(\w+)_((ACTION|COMPENSATION)_(TIMEOUT_MS|ATTEMPTS_MAX|BACKOFF_MS|BACKOFF_MAX_MS))$/;
/** Shorter names are one letter away from too many words. */
const LENGTH_MIN = 7;
/** From this length on two slips are no chance. */
const LONG = 12;

/**
 * @param environment what is set to something
 * @param known every name that is read from it, by any program of ours
 * @param steps whose policies can be set, in capitals: by their names alone, and with their saga in front
 */
export function misspelt(
  environment: Readonly<Record<string, string | undefined>>,
  known: ReadonlySet<string>,
  { plain, qualified }: { readonly plain: readonly string[]; readonly qualified: readonly string[] },
): Misspelt {
  const problems: string[] = [];
  const warnings: string[] = [];
  const unset = [...known].filter((name) => environment[name] === undefined);
  for (const [name, value] of Object.entries(environment)) {
    if (known.has(name) || isForeign(name, value ?? '')) continue;
    const [, step, policy] = POLICY.exec(name) ?? [];
    if (step !== undefined) {
      const meant = [...plain, ...qualified].find((one) => distance(step, one, 2) <= 2);
      if (meant !== undefined) {
        problems.push(`${name}: no step is called ${step}; did you mean ${meant}_${policy}?`);
      } else warnings.push(`${name} is ignored: no step is called ${step}, only ${plain.join(', ')}`);
      continue;
    }
    const nearest = nearestOf(name, unset);
    if (nearest !== null) warnings.push(`${name} is no setting and is ignored; did you mean ${nearest}?`);
  }
  return { problems, warnings };
}

function isForeign(name: string, value: string): boolean {
  return (
    !/^[A-Z][A-Z\d_]*$/.test(name) || FOREIGN.test(name) || INJECTED.test(name) || INJECTED_VALUE.test(value)
  );
}

function nearestOf(name: string, candidates: readonly string[]): string | null {
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (candidate.length < LENGTH_MIN) continue;
    const slips = Math.min(name.length, candidate.length) < LONG ? 1 : 2;
    const apart = distance(name, candidate, slips);
    // Another unit is as good as one slip more than may be: what is spelled nearer goes before it.
    const found = apart <= slips ? apart : hasOtherUnit(name, candidate) ? slips + 1 : null;
    if (found !== null && found < least) {
      nearest = candidate;
      least = found;
    }
  }
  return nearest;
}

/** Also where the unit was forgotten: only of ours that have one, since a bare word may be anybody's. */
function hasOtherUnit(name: string, candidate: string): boolean {
  const stem = candidate.replace(UNITS, '');
  return stem !== candidate && stem.length >= LENGTH_MIN && name.replace(UNITS, '') === stem;
}

/**
 * How many letters were added, left out, changed or swapped with their neighbour; more than `most` where it is surely more.
 */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? 0;
  let leastBefore = 0;
  for (let row = 1; row <= a.length; row += 1) {
    const line = [row];
    rows.push(line);
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      line.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (isSame ? 0 : 1),
          isSwapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
    // A swap reaches back over two rows; behind them nothing gets nearer.
    const least = Math.min(...line);
    if (least > most && leastBefore > most) return most + 1;
    leastBefore = least;
  }
  return at(a.length, b.length);
}
