/** The head of the OpenAPI document: what it is of, under which licence, and how its paths are grouped. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { ACCESS } from '../identity/access-table.ts';

const TAGS = {
  Orders: 'Begin a saga.',
  Sagas: 'How sagas stand, and what was done for each.',
  Participants: 'What asynchronous participants say of their calls.',
  Operations: 'Set a saga right by hand; audited in its log.',
  Audit: 'Who did what, over all sagas.',
  Events: 'What all coordinators write, as it happens.',
  Machines: 'The statecharts on which sagas run.',
  Health: 'How the coordinator is, and what all of them have done.',
} as const;

export function aboutApi(version: string): Parameters<OpenAPIHono['getOpenAPI31Document']>[0] {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Saga coordinator',
      version,
      description: 'Distributed transactions that stay honest.',
      // Spread, because the library's types are older than the field.
      license: { name: 'MIT', ...{ identifier: 'MIT' } },
    },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    // Any, because whether a request needs a token, and which it may be, is a matter of settings.
    security: [{ token: [] }, { user: [] }, {}],
  };
}

/** How a request may prove who makes it. */
export function registerSecurity({ openAPIRegistry: registry }: OpenAPIHono): void {
  registry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'One of `API_TOKEN` and `API_TOKENS`.',
  });
  registry.registerComponent('securitySchemes', 'user', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'Of the OpenID Connect provider that `OIDC_ISSUER` names, for `OIDC_AUDIENCE`.',
  });
  registry.registerComponent('securitySchemes', 'callback', {
    type: 'apiKey',
    in: 'header',
    name: 'Saga-Callback-Token',
  });
}

/** Each operation says which roles may do it, any one of them. */
export function withRoles<T extends { readonly paths?: object }>(document: T): T {
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    for (const [method, operation] of Object.entries(methods as Record<string, { 'x-roles'?: unknown }>)) {
      const door = ACCESS[`${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`];
      if (door?.roles && !path.endsWith('/outcome')) operation['x-roles'] = door.roles;
    }
  }
  return document;
}
