/**
 * What generators of clients need of the OpenAPI document. Each rule stands for a client that could not be compiled, or
 * could not read an answer; test/clients generates them for real.
 */
import { describe, expect, it } from 'vitest';
import { LOG_EVENTS, LOG_OUTCOMES } from '../../server/engine/contract.ts';
import { PROBLEMS } from '../../server/problem.ts';
import { seqIn } from '../../server/routes/operations.ts';
import { idempotencyKeyOf } from '../../server/routes/preferences.ts';
import { appOver } from './fake-app.ts';

// biome-ignore lint/suspicious/noExplicitAny: the document as it travels.
const document: any = await (await appOver({}).request('/openapi.json')).json();
const { schemas } = document.components;

interface Node {
  readonly at: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly node: any;
}

/** Every object below a node, with its path. */
function nodesIn(node: unknown, at = '#'): Node[] {
  if (typeof node !== 'object' || node === null) return [];
  return [
    { at, node },
    ...Object.entries(node).flatMap(([key, value]) =>
      key === 'example' ? [] : nodesIn(value, `${at}/${key}`),
    ),
  ];
}
const nodes = nodesIn(document);
// biome-ignore lint/suspicious/noExplicitAny: as above.
const operations = Object.entries<any>(document.paths).flatMap(([path, methods]) =>
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  Object.entries<any>(methods).map(([method, operation]) => ({ where: `${method} ${path}`, ...operation })),
);
const operation = (id: string) => operations.find(({ operationId }) => operationId === id);
const headerOf = (id: string, name: string) =>
  operation(id).parameters.find(
    (found: { in: string; name: string }) => found.in === 'header' && found.name === name,
  );

describe('for generated clients', () => {
  it('nothing is put together with allOf, in which nullable fields get lost', () => {
    expect(nodes.filter(({ node }) => 'allOf' in node).map(({ at }) => at)).toEqual([]);
  });

  it('an object or an enum that may be null is a named schema under anyOf', () => {
    const nullable = nodes.filter(({ node }) => Array.isArray(node.type) && node.type.includes('null'));
    expect(nullable.length).toBeGreaterThan(10);
    expect(nullable.filter(({ node }) => node.type.includes('object')).map(({ at }) => at)).toEqual([]);
    expect(nullable.filter(({ node }) => 'enum' in node).map(({ at }) => at)).toEqual([]);
    const choices = nodes.filter(({ node }) => Array.isArray(node.anyOf));
    expect(choices.map(({ node }) => node.anyOf)).toContainEqual([
      { $ref: '#/components/schemas/Parked' },
      { type: 'null' },
    ]);
    for (const { at, node } of choices) {
      expect(node.anyOf, at).toEqual([{ $ref: expect.stringMatching(/^#\/components\//) }, { type: 'null' }]);
    }
  });

  it('every object with fields has a name', () => {
    const inline = nodes.filter(
      ({ at, node }) =>
        node.type === 'object' && 'properties' in node && !/^#\/components\/schemas\/\w+$/.test(at),
    );
    expect(inline.map(({ at }) => at)).toEqual([]);
  });

  it('either one shape or the other is a named oneOf of named schemas', () => {
    const choices = nodes.filter(({ node }) => Array.isArray(node.oneOf));
    expect(choices.map(({ at }) => at)).toEqual(
      ['StreamEvent', 'OutcomeReport', 'BulkRetry', 'RetryMany'].map(
        (name) => `#/components/schemas/${name}`,
      ),
    );
    for (const { at, node } of choices) {
      for (const each of node.oneOf) expect(Object.keys(each), at).toEqual(['$ref']);
    }
  });

  it('no success has two media types', () => {
    for (const { where, responses } of operations) {
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      for (const [status, { content = {} }] of Object.entries<any>(responses)) {
        expect(Object.keys(content).length, `${where} ${status}`).toBeLessThanOrEqual(1);
      }
    }
  });

  it('no two named enums share a value: they are constants of one package in Go', () => {
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const values = Object.values<any>(schemas).flatMap((schema) => schema.enum ?? []);
    const constants = values.map((value: string) => value.toUpperCase());
    expect(constants.length).toBeGreaterThan(20);
    expect(constants.filter((value, index) => constants.indexOf(value) !== index)).toEqual([]);
  });

  it('no field of a body has a default, which would make TypeScript clients send it', () => {
    const fields = nodes.filter(({ at }) => /\/schemas\/\w+\/properties\/\w+$/.test(at));
    expect(fields.length).toBeGreaterThan(100);
    expect(fields.filter(({ node }) => 'default' in node).map(({ at }) => at)).toEqual([]);
  });

  it('an enum has no format, which Go takes for its type', () => {
    expect(nodes.filter(({ node }) => Array.isArray(node.enum) && 'format' in node)).toEqual([]);
  });

  it('no pattern of a body has a quote or a comma, which end it in Go; none of an answer needs escaping', () => {
    const patterns = nodes.filter(
      ({ at, node }) => at.includes('/schemas/') && typeof node.pattern === 'string',
    );
    expect(patterns.length).toBeGreaterThan(3);
    for (const { at, node } of patterns) expect(node.pattern, at).not.toMatch(/[",]/);
    const answered = new Set<string>();
    const follow = (within: unknown): void => {
      for (const { node } of nodesIn(within)) {
        const name = /^#\/components\/schemas\/(\w+)$/.exec(node.$ref ?? '')?.[1];
        if (name === undefined || answered.has(name)) continue;
        answered.add(name);
        follow(schemas[name]);
      }
    };
    follow(operations.map(({ responses }) => responses));
    expect([...answered]).toEqual(expect.arrayContaining(['Saga', 'Parked', 'RetryCandidate']));
    for (const { at, node } of patterns.filter(({ at }) => answered.has(at.split('/')[3] ?? ''))) {
      expect(node.pattern, at).not.toContain('\\');
    }
  });

  it('every number says how large it may become', () => {
    const numbers = nodes.filter(({ node }) =>
      [node.type].flat().some((type) => /^(integer|number)$/.test(type)),
    );
    expect(numbers.length).toBeGreaterThan(40);
    for (const { at, node } of numbers) expect(node.format, at).toMatch(/^(int32|int64|double)$/);
  });
});

describe('what is closed or bounded is said', () => {
  it('events and outcomes of the log, and types of problems', () => {
    const { LogEntry, LogOutcome, ProblemType } = schemas;
    expect(LogEntry.properties.event.enum).toEqual(LOG_EVENTS);
    expect(LogOutcome.enum).toEqual(LOG_OUTCOMES);
    expect(ProblemType.enum).toEqual(Object.keys(PROBLEMS));
  });

  it('every operation belongs to a group that is explained; the document has a licence and a server', () => {
    const names = document.tags.map(({ name }: { name: string }) => name);
    for (const { where, tags } of operations) expect(names, where).toContain(tags?.[0]);
    expect(new Set(operations.flatMap(({ tags }) => tags)).size).toBe(names.length);
    expect(document).toMatchObject({ info: { license: { identifier: 'MIT' } }, servers: [{ url: '/' }] });
  });

  it('a started order links to its saga, and a saga to what can be asked of it, by its ETag', () => {
    const id = '$response.body#/saga_id';
    for (const status of [201, 202, 409]) {
      expect(operation('submitOrder').responses[status].links.saga).toMatchObject({
        operationId: 'getSaga',
        parameters: { id },
      });
    }
    const { links } = operation('getSaga').responses[200];
    for (const name of ['cancelSaga', 'retrySaga', 'skipSaga', 'resolveSaga']) {
      expect(operation(name).responses[202].links.saga.operationId).toBe('getSaga');
      expect(links[name].parameters).toEqual({ id, 'header.If-Match': '$response.header.ETag' });
    }
    for (const { where, responses } of operations) {
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      for (const { links = {} } of Object.values<any>(responses)) {
        for (const { operationId } of Object.values<{ operationId: string }>(links)) {
          expect(operation(operationId), `${where} to ${operationId}`).toBeDefined();
        }
      }
    }
  });

  it('skip and resolve need If-Match, cancel and retry may have it', () => {
    expect(
      ['skipSaga', 'resolveSaga', 'cancelSaga', 'retrySaga'].map((id) => headerOf(id, 'If-Match').required),
    ).toEqual([true, true, false, false]);
  });

  it('each operation says which roles may do it, and health is closed where it is not opened', () => {
    const { security, responses, 'x-roles': roles } = operation('getHealth');
    expect([security, roles]).toEqual([undefined, ['viewer', 'submitter']]);
    expect(Object.keys(responses)).toEqual(['200', '401', '403', '421', '500', '503']);
    expect(operation('resolveSaga')['x-roles']).toEqual(['operator']);
    expect(operation('submitOrder')['x-roles']).toEqual(['submitter']);
    // Whoever is called back is none of them.
    const without = operations.filter((one) => one['x-roles'] === undefined);
    expect(without.map(({ where }) => where)).toEqual([expect.stringContaining('/outcome')]);
  });

  it.each([
    ['a', true],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', true],
    ['"two words, and a comma"', true],
    [String.raw`"\" and \\"`, true],
    ['k'.repeat(255), true],
    [`"${'k'.repeat(255)}"`, true],
    ['', false],
    ['""', false],
    ['two words', false],
    ['a,b', false],
    ['a"b', false],
    [String.raw`a\b`, false],
    [String.raw`"\n"`, false],
    ['"a', false],
    ['ä', false],
    ['k'.repeat(256), false],
    [`"${'k'.repeat(256)}"`, false],
  ])('the key %s is one for the document as for the coordinator: %s', (key, isKey) => {
    const { pattern } = headerOf('submitOrder', 'Idempotency-Key').schema;
    const taken = () => idempotencyKeyOf(key);
    if (isKey) expect(taken()).toEqual(expect.any(String));
    else expect(taken).toThrow();
    expect(new RegExp(pattern, 'u').test(key)).toBe(isKey);
  });

  it.each(['"7"', '"999999999"', '"1000000000"', '7', '""', '"a"', '"7', 'W/7', 'W/"7"'])(
    'the ETag %s',
    (etag) => {
      const { pattern } = schemas.SagaSeen.properties.etag;
      expect(new RegExp(pattern, 'u').test(etag)).toBe(seqIn(etag) !== null);
    },
  );
});
