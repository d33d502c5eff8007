/** What `npm audit signatures --json` has found of what is installed, and whether that is a reason to stop. */

/** As npm ended. */
export interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
}

export interface Verdict {
  /** Something was signed otherwise than its registry signs: nothing else is a reason to stop. */
  readonly isRefused: boolean;
  /** For people, a line each. */
  readonly lines: readonly string[];
}

interface Found {
  readonly name: string;
  readonly version: string;
  readonly code?: string;
  readonly message?: string;
}

interface Said {
  readonly invalid?: readonly Found[];
  readonly missing?: readonly Found[];
  readonly error?: { readonly code?: string | null; readonly summary?: string };
}

const NAMED_MAX = 20;

export function verdictOf({ exitCode, stdout }: Ended): Verdict {
  const said = saidIn(stdout);
  const { invalid = [], missing = [] } = said ?? {};
  if (invalid.length > 0) {
    return {
      isRefused: true,
      lines: invalid.map(({ code, message, ...found }) => `${nameOf(found)}: ${code}: ${message}`),
    };
  }
  // A registry without keys, or none that answers: npm ends with an error, and has looked at nothing.
  if (said === null || said.error !== undefined || (exitCode !== 0 && missing.length === 0)) {
    const { code, summary } = said?.error ?? {};
    const why =
      [code, summary].filter(Boolean).join(': ') || `npm ended with ${exitCode} and did not say why`;
    return { isRefused: false, lines: [`signatures were not checked: ${why}`] };
  }
  const more = missing.length > NAMED_MAX ? [`and ${missing.length - NAMED_MAX} more`] : [];
  const unsigned = missing.slice(0, NAMED_MAX).map((found) => `${nameOf(found)} has no signature`);
  return { isRefused: false, lines: ['no signature is wrong', ...unsigned, ...more] };
}

/** Before it npm may write lines of its own. */
function saidIn(stdout: string): Said | null {
  try {
    const said = JSON.parse(stdout.slice(Math.max(0, stdout.search(/^\{/m))));
    return typeof said === 'object' ? said : null;
  } catch {
    return null;
  }
}

function nameOf({ name, version }: Found): string {
  return `${name}@${version}`;
}
