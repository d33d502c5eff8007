/** Orders per second as bars: a picture that reads in light and in dark. */
import { median, type Results } from './report.ts';
import type { Course } from './round.ts';

const TITLES: Readonly<Record<Course, string>> = {
  success: 'five steps succeed',
  compensation: 'three actions, three compensations',
};
const WIDTH = 640;
/** Of one character of a name, on average. */
const CHARACTER_WIDTH = 7;
/** The peers share one colour. */
const COLOURS = 4;
const FIGURES_WIDTH = 60;
const ROW = 26;
const HEAD = 34;

const STYLE = `text{font:13px -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1c2430}
.title{font-weight:600}.name{text-anchor:end}.spread{stroke:#1c2430;stroke-width:1.5}
.bar0{fill:#b8c1cd}.bar1{fill:#dcb98a}.bar2{fill:#4f9a68}.bar3{fill:#8fa6c8}
@media (prefers-color-scheme:dark){text{fill:#e6eaf0}.spread{stroke:#e6eaf0}.bar0{fill:#465161}.bar1{fill:#7c6237}.bar2{fill:#3f7551}.bar3{fill:#4a6288}}`;

/** A bar is the median of the rounds, the thin line their spread. */
export function plotOf({ courses }: Pick<Results, 'courses'>): string {
  const names = Object.values(courses).flatMap((rounds) => [...rounds.keys()]);
  const namesWidth = 20 + CHARACTER_WIDTH * Math.max(...names.map((name) => name.length));
  const most = Math.max(
    1,
    ...Object.values(courses).flatMap((rounds) =>
      [...rounds.values()].flat().map((round) => round.ordersPerSecond),
    ),
  );
  const lengthOf = (rate: number) => (rate / most) * (WIDTH - namesWidth - FIGURES_WIDTH);
  const parts: string[] = [];
  let y = 0;
  for (const course of Object.keys(courses) as Course[]) {
    parts.push(
      `<text class="title" x="${namesWidth}" y="${y + 22}">Orders per second: ${TITLES[course]}</text>`,
    );
    y += HEAD;
    for (const [index, [name, rounds]] of [...courses[course]].entries()) {
      const rates = rounds.map((round) => round.ordersPerSecond);
      const middle = median(rates);
      const [from, to] = [Math.min(...rates), Math.max(...rates)].map((rate) => namesWidth + lengthOf(rate));
      const end = Math.max(to ?? 0, namesWidth + lengthOf(middle));
      parts.push(
        `<text class="name" x="${namesWidth - 10}" y="${y + 15}">${name}</text>`,
        `<rect class="bar${Math.min(index, COLOURS - 1)}" x="${namesWidth}" y="${y}" width="${lengthOf(middle).toFixed(1)}" height="${ROW - 6}" rx="2"/>`,
        `<path class="spread" d="M${from?.toFixed(1)} ${y + 10}H${to?.toFixed(1)}"/>`,
        `<text x="${(end + 8).toFixed(1)}" y="${y + 15}">${middle.toFixed(0)}</text>`,
      );
      y += ROW;
    }
    y += 8;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" role="img" aria-label="Orders per second of each contender">
<style>
${STYLE}
</style>
${parts.join('\n')}
</svg>
`;
}
