/**
 * The OpenAPI document as a page that is read without JavaScript, and without asking any other server: in the frame of the dashboard,
 * or alone where there is none.
 */
import { createHash } from 'node:crypto';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { html, raw } from 'hono/html';

/** What the page reads of a JSON Schema, as our own document has them. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly format?: string;
  readonly description?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
}
type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema?: Schema;
    readonly description?: string;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}
type Html = ReturnType<typeof html>;

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: anywhere }
h2 { margin-top: 3rem; font-size: 1.1rem } h2 code { font-size: 1rem }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
th { font-weight: 600 } tr { border-top: 1px solid #8884 } code, pre { font: .875rem/1.5 ui-monospace, monospace }`;

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** @param framed puts a page into the dashboard's frame, whose policy is the dashboard's; `null` where there is no dashboard */
export function docsRoutes(
  app: OpenAPIHono,
  config: Parameters<OpenAPIHono['getOpenAPI31Document']>[0],
  framed: ((c: Context, title: string, body: Html) => Html) | null,
): void {
  // The document does not change while the process lives; it is whole only when all routes are there.
  let body: Html | undefined;
  app.get('/docs', async (c) => {
    body ??= await bodyOf(app.getOpenAPI31Document(config) as unknown as Document);
    if (framed === null) {
      c.header('content-security-policy', POLICY);
      c.header('x-content-type-options', 'nosniff');
      c.header('referrer-policy', 'no-referrer');
    }
    return c.html(framed === null ? alone('API', body) : framed(c, 'API', body));
  });
}

function alone(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${raw(STYLE)}</style></head>
<body><main>${body}</main></body>
</html>`;
}

function bodyOf({ info, paths, components }: Document): Html {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return html`<div class="api">
<h1>${info.title} ${info.version}</h1>
<p>${info.description} The same for programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav class="scroll" aria-label="Operations"><table>${operations.map(
    ({ path, method, operation: { operationId, summary } }) =>
      html`<tr><td><a href="#${operationId}"><code>${method.toUpperCase()} ${path}</code></a></td><td>${summary}</td></tr>`,
  )}</table></nav>
${operations.map(operationOf)}
${Object.entries(components.schemas).map(
  ([name, schema]) => html`<h2 id="schema-${name}"><code>${name}</code></h2>
<pre>${shapeOf(schema, '')}</pre>`,
)}</div>`;
}

function operationOf({ path, method, operation }: { path: string; method: string; operation: Operation }) {
  const { operationId, summary, parameters = [], requestBody, responses } = operation;
  const rows = parameters.map(
    ({ name, in: place, required = false, schema = {}, description = schema.description ?? '' }) =>
      html`<tr><td><code>${name}</code></td><td>${place}${required ? ', required' : ''}</td><td><code>${shapeOf(schema, '')}</code></td><td>${description}</td></tr>`,
  );
  return html`<h2 id="${operationId}"><code>${method.toUpperCase()} ${path}</code></h2>
<p>${summary}</p>
${rows.length === 0 ? '' : html`<section class="scroll" tabindex="0" aria-label="Parameters of ${operationId}"><table><tr><th>Parameter</th><th>In</th><th>Type</th><th>What it is</th></tr>${rows}</table></section>`}
${requestBody === undefined ? '' : html`<p>Body: ${contentOf(requestBody.content)}</p>`}
<section class="scroll" tabindex="0" aria-label="Answers of ${operationId}"><table><tr><th>Status</th><th>Body</th><th>When</th></tr>${Object.entries(
    responses,
  ).map(
    ([status, { description, content = {} }]) =>
      html`<tr><td>${status}</td><td>${contentOf(content)}</td><td>${description}</td></tr>`,
  )}</table></section>`;
}

function contentOf(content: Content) {
  return Object.entries(content).map(
    ([type, { schema = {} }]) => html`<code>${type} ${shapeOf(schema, '')}</code> `,
  );
}

/** A schema much as TypeScript would write it; what has a name is linked. */
function shapeOf(schema: Schema, indent: string): Html | string {
  const { $ref, type, items, properties, additionalProperties } = schema;
  if ($ref !== undefined) {
    const name = $ref.slice($ref.lastIndexOf('/') + 1);
    return html`<a href="#schema-${name}">${name}</a>`;
  }
  const several = schema.anyOf ?? schema.oneOf;
  if (several !== undefined) {
    return html`${several.map((one, index) => html`${index === 0 ? '' : ' | '}${shapeOf(one, indent)}`)}`;
  }
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (items !== undefined) return html`${shapeOf(items, indent)}[]`;
  if (properties !== undefined) {
    const deeper = `${indent}  `;
    const lines = Object.entries(properties).map(([name, property]) => {
      const mark = schema.required?.includes(name) ? '' : '?';
      const { description } = property;
      const said = description === undefined ? '' : `  // ${description}`;
      return html`${deeper}${name}${mark}: ${shapeOf(property, deeper)}${said}\n`;
    });
    return html`{\n${lines}${indent}}`;
  }
  if (typeof additionalProperties === 'object') {
    return html`{ [name]: ${shapeOf(additionalProperties, indent)} }`;
  }
  const { minimum, maximum } = schema;
  const bounds = minimum === undefined && maximum === undefined ? '' : ` ${minimum ?? ''}..${maximum ?? ''}`;
  const named = typeof type === 'string' ? type : (type ?? ['any']).join(' | ');
  return `${named}${schema.format === undefined ? '' : ` (${schema.format})`}${bounds}`;
}
