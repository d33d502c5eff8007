/** The bare picture as a document of its own, which brings its colours with it: for a README, or for whoever asks for it. */
import { createHash } from 'node:crypto';
import { raw } from 'hono/html';
import type { RegisteredMachine } from '../../../machines/index.ts';
import { Statechart } from './draw.tsx';
import { chartOf } from './layout.ts';

/** Whoever shows the picture has the font or one of these: its lines are as wide as it was laid out for all the same. */
const FONT = 'Figtree, "Segoe UI", "Helvetica Neue", Arial, "Liberation Sans", system-ui, sans-serif';
const STYLE = `
text{font-family:${FONT};fill:#1c2430}.name{font-size:13px;font-weight:600}.call{font-size:11px;fill:#5b6675}.frame .name{font-size:12px}
rect,.diamond,.behind{fill:#fff;stroke:#b8c1cd;stroke-width:1.25}.start{fill:#5b6675}.behind,.between,.pivot path{fill:none}
.frame rect{fill:#f7f8fa;stroke:#c9d0d9}.frame.back rect{fill:#fdfaf6;stroke:#e6d3b8}.between{stroke:#b8c1cd;stroke-dasharray:5 4}
.compensation rect,.compensation .behind{stroke:#dcb98a}.compensation rect{fill:#fdf6ee}.kept rect{fill:#fff;stroke:#dcb98a;stroke-dasharray:2 3}
.success rect{fill:#eef6f0;stroke:#8dbb9b}.end rect{fill:#f1f3f6}.parked rect{fill:#fdecea;stroke:#d9938b}.wait rect{fill:#f0f5fb}
.sign{fill:none;stroke:#5b6675;stroke-width:1.25;stroke-linecap:round}.pivot path{stroke:#b98945;stroke-width:1.5;stroke-dasharray:8 4}
.edge{fill:none;stroke:#8b96a5;stroke-width:1.25}.edge.failed,.edge.undo,.edge.choice{stroke:#b98945}.edge.failed{stroke-dasharray:4 3}
.edge.retry{stroke:#c46a5f;stroke-dasharray:2 3}.arrow{fill:#8b96a5}
@media (prefers-color-scheme:dark){text{fill:#e6eaf0}.call{fill:#9aa6b5}rect,.diamond{fill:#1a2029}rect,.diamond,.behind{stroke:#465161}
.frame rect{fill:#151a21;stroke:#39424f}.frame.back rect{fill:#1b1813;stroke:#4d4029}.between{stroke:#465161}
.compensation rect,.compensation .behind{stroke:#7c6237}.compensation rect{fill:#2a231a}.kept rect{fill:#1a2029;stroke:#7c6237}
.success rect{fill:#18271d;stroke:#3f7551}.end rect{fill:#222a35}.parked rect{fill:#301d1c;stroke:#87453e}.wait rect{fill:#18222e}
.sign{stroke:#9aa6b5}.edge{stroke:#6c7787}.edge.failed,.edge.undo,.edge.choice,.pivot path{stroke:#a37a3f}.edge.retry{stroke:#b3625a}.arrow{fill:#8b96a5}}
`;

/** What lets the picture's own style pass where it is shown as a page. */
export const PICTURE_CSP = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`;

export function pictureOf(machine: RegisteredMachine): string {
  const chart = chartOf(machine);
  const svg = String(<Statechart chart={chart} />);
  return `${svg.replace('<defs>', `<style>${String(raw(STYLE))}</style><defs>`).replaceAll('><', '>\n<')}\n`;
}
