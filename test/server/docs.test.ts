/** The page over openapi.json: everything that the document has, and nothing from anywhere else. */
import { createHash } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { appOver } from './fake-app.ts';

let response: Response;
let page: string;
// biome-ignore lint/suspicious/noExplicitAny: the document as it travels.
let document: any;

beforeAll(async () => {
  const app = appOver({});
  response = await app.request('/docs');
  page = await response.text();
  document = await (await app.request('/openapi.json')).json();
});

it('has every operation, with its parameters and answers, and every schema', () => {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  const operations = Object.values<any>(document.paths).flatMap((methods) => Object.values<any>(methods));
  expect(operations.length).toBeGreaterThan(10);
  for (const { operationId, parameters = [], responses } of operations) {
    const section = page.split(`<h2 id="${operationId}">`)[1]?.split('<h2')[0] ?? '';
    for (const { name } of parameters)
      expect(section, operationId).toContain(`<td><code>${name}</code></td>`);
    for (const status of Object.keys(responses)) expect(section, operationId).toContain(`<td>${status}</td>`);
  }
  for (const name of Object.keys(document.components.schemas)) {
    expect(page).toContain(`<h2 id="schema-${name}">`);
  }
});

it('links to nothing that it does not have', () => {
  const links = [...page.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(30);
  for (const link of links) {
    if (link === '/openapi.json') continue;
    expect(link).toMatch(/^#/);
    expect(page).toContain(`id="${link.slice(1)}"`);
  }
});

it('runs no script, and lets the browser load nothing but its own style', () => {
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(page).not.toMatch(/<script|\son\w+=|style="/);
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? '';
  const digest = createHash('sha256').update(style).digest('base64');
  expect(policy).toBe(
    `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
});

it('writes what the document says as text', () => {
  expect(page).toContain('status: <a href="#schema-SagaStatus">SagaStatus</a>');
  expect(page).toContain('&quot;STARTED&quot; | &quot;COMPLETED&quot;');
  expect(page).toContain('<a href="#schema-RetryPlan">RetryPlan</a> | <a href="#schema-RetryResults">');
  expect(page).toContain('parked: <a href="#schema-Parked">Parked</a> | null');
  expect(page).toContain('dry_run: true');
  expect(page).not.toContain('[object Object]');
});
