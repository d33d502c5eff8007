/** docs/errors.md and the code name the same problems, with the same status and title. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { PROBLEMS } from '../../server/problem.ts';

const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
const sections = text
  .split(/^## /m)
  .slice(1)
  .map((section) => {
    const [type = '', ...lines] = section.split('\n');
    const [, status, title] = /^\*\*(\d{3}) ([^*]+)\.\*\*/.exec(lines.join('\n').trim()) ?? [];
    const paragraphs = lines.join('\n').trim().split(/\n\n+/);
    return { type, problem: [Number(status), title?.replaceAll('\n', ' ')], paragraphs };
  });

it('has a section for every problem, and none for anything else', () => {
  expect(sections.map(({ type }) => type).sort()).toEqual(Object.keys(PROBLEMS).sort());
});

it.each(sections)('$type has the status and title of the code', ({ type, problem }) => {
  expect(problem).toEqual([...PROBLEMS[type as keyof typeof PROBLEMS]]);
});

it.each(sections)('$type says what to do', ({ paragraphs }) => {
  expect(paragraphs.length).toBeGreaterThanOrEqual(2);
});

it('has types that can stand in a link to their section', () => {
  for (const type of Object.keys(PROBLEMS)) expect(type).toMatch(/^[a-z]+(-[a-z]+)*$/);
});

it('shows a problem document that the code would give', () => {
  const [, example = ''] = /```json\n(.*?)```/s.exec(text) ?? [];
  const { type, title, status } = JSON.parse(example);
  expect([status, title]).toEqual([...PROBLEMS[type as keyof typeof PROBLEMS]]);
});
