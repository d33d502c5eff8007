/** The bare picture as a document of its own, which brings its colours with it: for a README, or for whoever asks for it. */
import { createHash } from 'node:crypto';
import { raw } from 'hono/html';
import type { RegisteredMachine } from '../../../machines/index.ts';
import { Statechart } from './draw.tsx';
import { chartOf } from './layout.ts';

const FONT = '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const STYLE = `
text{font-family:${FONT};fill:#1c2430}.name{font-size:13px;font-weight:600}.call{font-size:10.5px;fill:#5b6675}
rect,.choice{fill:#fff;stroke:#b8c1cd;stroke-width:1.25}.start{fill:#5b6675}
.compensation rect{fill:#fdf6ee;stroke:#dcb98a}.success rect{fill:#eef6f0;stroke:#8dbb9b}.end rect{fill:#f1f3f6}.parked rect{fill:#fdecea;stroke:#d9938b}
.edge{fill:none;stroke:#8b96a5;stroke-width:1.25}.failed,.undo,.choice{stroke:#b98945}.edge.failed{stroke-dasharray:4 3}
.edge.retry{stroke:#c46a5f;stroke-dasharray:2 3}.arrow{fill:#8b96a5}
@media (prefers-color-scheme:dark){text{fill:#e6eaf0}.call{fill:#9aa6b5}rect,.choice{fill:#1a2029;stroke:#465161}
.compensation rect{fill:#2a231a;stroke:#7c6237}.success rect{fill:#18271d;stroke:#3f7551}.end rect{fill:#222a35}.parked rect{fill:#301d1c;stroke:#87453e}
.edge{stroke:#6c7787}.failed,.undo,.choice{stroke:#a37a3f}.edge.retry{stroke:#b3625a}.arrow{fill:#8b96a5}}
`;

/** What lets the picture's own style pass where it is shown as a page. */
export const PICTURE_CSP = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

export function pictureOf(machine: RegisteredMachine): string {
  const chart = chartOf(machine);
  const svg = String(<Statechart chart={chart} />);
  return `${svg.replace('<defs>', `<style>${String(raw(STYLE))}</style><defs>`).replaceAll('><', '>\n<')}\n`;
}
