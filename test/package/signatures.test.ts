/** What is made of npm's answers, as its own code writes them. That npm itself checks what it says is npm's business. */
import { expect, it } from 'vitest';
import { verdictOf } from './signatures.ts';

const answered = (said: object, exitCode = 1) =>
  verdictOf({ exitCode, stdout: `${JSON.stringify(said, null, 2)}\n` });
const found = (name: string) => ({
  name,
  version: '1.0.0',
  location: `node_modules/${name}`,
  registry: 'https://registry.example/',
});
const wrong = {
  ...found('evil'),
  code: 'EINTEGRITYSIGNATURE',
  message: 'evil@1.0.0 has an invalid registry signature with keyid: SHA256:x and signature: y',
};

it('refuses what is signed otherwise than it should be, and names it, whatever else there is', () => {
  for (const said of [
    { invalid: [wrong], missing: [] },
    { invalid: [wrong], missing: [found('unsigned')] },
  ]) {
    const { isRefused, lines } = answered(said);
    expect(isRefused).toBe(true);
    expect(lines).toEqual([`evil@1.0.0: EINTEGRITYSIGNATURE: ${wrong.message}`]);
  }
});

it('lets pass what is signed', () => {
  expect(answered({ invalid: [], missing: [] }, 0)).toEqual({
    isRefused: false,
    lines: ['no signature is wrong'],
  });
});

it('names what is not signed, and lets it pass', () => {
  const many = Array.from({ length: 25 }, (_, n) => found(`unsigned-${n}`));
  const { isRefused, lines } = answered({ invalid: [], missing: many });
  expect(isRefused).toBe(false);
  expect(lines.slice(0, 2)).toEqual(['no signature is wrong', 'unsigned-0@1.0.0 has no signature']);
  expect(lines.slice(-2)).toEqual(['unsigned-19@1.0.0 has no signature', 'and 5 more']);
});

it.each([
  [
    { error: { code: 'ENOTFOUND', summary: 'request to https://tuf.example/ failed', detail: '' } },
    'ENOTFOUND: request to https://tuf.example/ failed',
  ],
  [
    {
      error: {
        code: null,
        summary: 'found no dependencies to audit that were installed from a supported registry',
      },
    },
    'found no dependencies to audit that were installed from a supported registry',
  ],
  [{}, 'npm ended with 1 and did not say why'],
])('says that nothing was checked, and why: %j', (said, why) => {
  expect(answered(said)).toEqual({ isRefused: false, lines: [`signatures were not checked: ${why}`] });
});

it('does not take for an answer what is none', () => {
  for (const stdout of ['', 'npm warn something\n', 'null', '[]', '{"invalid":'])
    expect(verdictOf({ exitCode: 1, stdout }).lines[0]).toMatch(/^signatures were not checked/);
  const behind = `npm warn something\n${JSON.stringify({ invalid: [wrong], missing: [] }, null, 2)}`;
  expect(verdictOf({ exitCode: 1, stdout: behind }).isRefused).toBe(true);
});
