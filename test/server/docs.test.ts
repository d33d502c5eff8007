/** The page over openapi.json: everything that the document has, and nothing from anywhere else. */
import { createHash } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import { beforeAll, expect, it } from 'vitest';
import type { SagaEngine } from '../../server/engine/contract.ts';
import { aboutApi } from '../../server/routes/about.ts';
import { docsRoutes } from '../../server/routes/docs.ts';
import { appOver } from './fake-app.ts';

let response: Response;
let page: string;
// biome-ignore lint/suspicious/noExplicitAny: the document as it travels.
let document: any;

beforeAll(async () => {
  const app = appOver({ store: { durability: 'in memory', survivesRestart: false } as SagaEngine['store'] });
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
  const body = page.slice(page.indexOf('<div class="api">'), page.indexOf('</main>'));
  const links = [...body.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(30);
  for (const link of links) {
    if (link === '/openapi.json') continue;
    expect(link).toMatch(/^#/);
    expect(page).toContain(`id="${link.slice(1)}"`);
  }
});

it('stands in the frame of the other pages, under their policy', () => {
  expect(page).toContain('<nav aria-label="Main"');
  expect(page).toContain('<a href="/docs" aria-current="page">API</a>');
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
});

it('stands alone where there are no pages, runs no script, and loads nothing but its own style', async () => {
  const app = new OpenAPIHono();
  docsRoutes(app, aboutApi('0'), null);
  const bare = await app.request('/docs');
  const text = await bare.text();
  expect(text).not.toMatch(/<script|\son\w+=|style="/);
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? '';
  const digest = createHash('sha256').update(style).digest('base64');
  expect(bare.headers.get('content-security-policy')).toBe(
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
