/**
 * Where a service is and what every call to it carries, from the environment: a base URL, which may hold credentials, and
 * headers of its own. What could not be honoured is refused here, and no problem says a word of a secret.
 */
import { readFileSync } from 'node:fs';

/** The key by which calls to a service are signed. */
export interface SigningKey {
  readonly id: string;
  readonly secret: string;
}

export interface ServiceSettings {
  /** Without credentials: it is logged, and shown by health. */
  readonly url: string;
  /** Names and values in turn; secrets. */
  readonly headers: readonly string[];
}

/** What the coordinator says itself, and what frames a message: another value would break calls, or deceive. */
const RESERVED = new Set([
  ...['accept', 'accept-encoding', 'content-encoding', 'content-length', 'content-type', 'host'],
  ...['connection', 'expect', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
  ...['idempotency-key', 'traceparent', 'tracestate'],
  ...['content-digest', 'signature', 'signature-input'],
]);
const RESERVED_PREFIXES = ['saga-', 'proxy-'];
/** Sent with every call, and servers bound what they take: Node's takes 16 KiB of headers in all. */
const BYTES_MAX = 8 * 1024;

/** @param complain is told what cannot be used, in words that follow the name of the variable */
export function readService(
  given: string,
  headerLines: string,
  complainOfUrl: (problem: string) => void,
  complainOfHeaders: (problem: string) => void,
): ServiceSettings {
  const own = headersIn(headerLines, complainOfHeaders);
  const url = new URL(given);
  if (given.includes('?')) {
    complainOfUrl('must have no query: what stands in a URL stands in logs; a key goes into the HEADERS');
  }
  if (given.includes('#')) complainOfUrl('must have no fragment: it would not be sent');
  const authorization = authorizationOf(url, complainOfUrl);
  if (authorization === null) return { url: given, headers: own };
  if (own.some((name, index) => index % 2 === 0 && name === 'authorization')) {
    complainOfHeaders('Authorization stands here and in the URL; leave one of them out');
  }
  return {
    url: `${url.origin}${url.pathname}`.replace(/\/$/, ''),
    headers: [...own, 'authorization', authorization],
  };
}

/**
 * What calls are signed by: `id:secret`, or a file that holds it.
 *
 * @returns `null` where calls are not signed
 */
export function readSigningKey(
  given: string,
  file: string,
  complain: (problem: string) => void,
  complainOfFile: (problem: string) => void,
): SigningKey | null {
  if (given === '' && file === '') return null;
  if (given !== '' && file !== '') complain('stands here and in a file; leave one of them out');
  const about = given === '' ? complainOfFile : complain;
  const text = given === '' ? textOf(file, complainOfFile) : given;
  if (text === null) return null;
  const [, id, secret] = SIGNING_KEY.exec(text) ?? [];
  if (id !== undefined && secret !== undefined) return { id, secret };
  about(
    'must be "id:secret": an id of letters, digits, ".", "_" and "-", and a secret of 16 characters or more',
  );
  return null;
}

const SIGNING_KEY = /^\s*([\w.-]{1,64}):(\S{16,1024})\s*$/;

/** What stands in a file; `null` where it cannot be read. */
export function textOf(file: string, complain: (problem: string) => void): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    complain(`cannot be read: ${(error as NodeJS.ErrnoException).code}`);
    return null;
  }
}

/** As RFC 7617 has it, in UTF-8; `null` where the URL holds none. */
function authorizationOf(url: URL, complain: (problem: string) => void): string | null {
  if (url.username === '' && url.password === '') return null;
  let user: string;
  let password: string;
  try {
    user = decodeURIComponent(url.username);
    password = decodeURIComponent(url.password);
  } catch {
    complain('its user or password is not percent-encoded UTF-8');
    return null;
  }
  if (user.includes(':')) complain('its user holds a colon, which Basic authentication cannot carry');
  const held = [...user, ...password];
  if (held.some((character) => character < ' ' || character === '\x7f')) {
    complain('its user or password holds a control character');
  }
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** One `Name: value` a line. Answers names in lower case and values in turn. */
function headersIn(lines: string, complain: (problem: string) => void): string[] {
  const headers: string[] = [];
  const names = new Set<string>();
  if (Buffer.byteLength(lines) > BYTES_MAX) complain(`at most ${BYTES_MAX} bytes`);
  for (const [index, line] of lines.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [, given, value] =
      /^\s*([\w!#$%&'*+.^`|~-]+)\s*:[ \t]*([\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)\s*$/.exec(line) ?? [];
    if (given === undefined || value === undefined) {
      complain(`line ${index + 1} must be "Name: value" in ASCII`);
      continue;
    }
    const name = given.toLowerCase();
    if (RESERVED.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix))) {
      complain(`${given} is for the coordinator alone to say`);
    } else if (names.has(name)) complain(`${given} stands there twice`);
    names.add(name);
    headers.push(name, value);
  }
  return headers;
}
