/**
 * Every answer of the coordinator, held against the OpenAPI document by a validator of JSON Schema that knows nothing
 * of us. `send` (test/coordinator/world.ts) does it with each answer that any test receives.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { PROBLEMS } from '../../server/problem.ts';
import { appOver } from './fake-app.ts';

interface Described {
  readonly description?: string;
  readonly content?: Readonly<Record<string, unknown>>;
}
type Paths = Readonly<Record<string, Readonly<Record<string, { responses: Record<string, Described> }>>>>;

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

const whole = (most: number) => ({
  type: 'number' as const,
  validate: (value: number) => Number.isInteger(value) && Math.abs(value) <= most,
});

const ajv = new Ajv2020({
  strict: false,
  allErrors: true,
  formats: {
    'date-time': RFC_3339,
    'json-pointer': /^(\/([^~/]|~[01])*)*$/,
    int32: whole(2 ** 31 - 1),
    int64: whole(Number.MAX_SAFE_INTEGER),
    double: true,
    email: true,
    uri: (text: string) => URL.canParse(text),
  },
});
let paths: Paths | undefined;
const validators = new Map<string, ValidateFunction>();

/** The document as the app writes it, once in a process. */
async function pathsOf(): Promise<Paths> {
  if (paths === undefined) {
    const document = (await (await appOver({}).request('/openapi.json')).json()) as { paths: Paths };
    ajv.addSchema(document, 'openapi');
    paths = document.paths;
  }
  return paths;
}

function validatorAt(...pointer: readonly string[]): ValidateFunction {
  const path = pointer
    .map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'))
    .map(encodeURIComponent);
  const ref = `openapi#/${path.join('/')}`;
  const validator = validators.get(ref) ?? ajv.compile({ $ref: ref });
  validators.set(ref, validator);
  return validator;
}

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: unknown;
}

/** What is wrong with an answer by the document; empty where it is as described, or not of the coordinator's API. */
export async function wrongIn(received: Received): Promise<string[]> {
  const { method, url, status, contentType, body } = received;
  const pathname = new URL(url).pathname.replaceAll(/%3a/gi, ':');
  const type = contentType.split(';')[0]?.trim() ?? '';
  const found = Object.entries(await pathsOf())
    .filter(([path]) => patternOf(path).test(pathname))
    .sort(([a], [b]) => a.split('{').length - b.split('{').length)[0];
  const operation = found?.[1][method.toLowerCase()];
  if (found === undefined || operation === undefined) {
    // Paths and methods that there are not: refused, and as a problem.
    if (!pathname.startsWith('/api/coordinator/') || method === 'HEAD') return [];
    return [
      ...(status < 400 ? [`${status} where nothing is described`] : []),
      ...failures(validatorAt('components', 'schemas', 'Problem'), body),
    ];
  }
  const described = operation.responses[status];
  if (described === undefined) return [`status ${status} is not described`];
  if (described.content === undefined) return body === '' ? [] : [`a body is not described for ${status}`];
  if (described.content[type] === undefined) return [`${type} is not described for ${status}`];
  const pointer = ['paths', found[0], method.toLowerCase(), 'responses', String(status), 'content', type];
  return [
    ...failures(validatorAt(...pointer, 'schema'), body),
    ...(type === 'application/problem+json' ? wrongInProblem(body, status) : []),
  ];
}

/** What is wrong with an event of a stream by the document. */
export async function wrongInEvent(event: unknown): Promise<string[]> {
  await pathsOf();
  return failures(validatorAt('components', 'schemas', 'StreamEvent'), event);
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
}

function failures(validator: ValidateFunction, body: unknown): string[] {
  if (validator(body)) return [];
  return (validator.errors ?? []).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`);
}

function wrongInProblem(body: unknown, status: number): string[] {
  const { type, title } = body as { type: keyof typeof PROBLEMS; title: string };
  const [expected, words] = PROBLEMS[type] ?? [];
  return expected === status && words === title ? [] : [`${type} is not the problem that it should be`];
}
