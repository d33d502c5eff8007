/** The head of the OpenAPI document: what it is of, under which licence, and how its paths are grouped. */
import type { OpenAPIHono } from '@hono/zod-openapi';

const TAGS = {
  Orders: 'Begin a saga.',
  Sagas: 'How sagas stand, and what was done for each.',
  Participants: 'What asynchronous participants say of their calls.',
  Operations: 'Set a saga right by hand; audited in its log.',
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
    // Either, because whether a request needs the token is a matter of settings.
    security: [{ token: [] }, {}],
  };
}
