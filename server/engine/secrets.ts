/** Takes what a participant was sent in its headers out of what it says: an error may echo a key, and is kept and shown. */

/** Shorter ones would be found in words that have nothing to do with them. */
const LENGTH_MIN = 6;

/** @param headers names and values in turn */
export function withoutSecrets(headers: readonly string[]): (text: string) => string {
  const secrets = headers
    .filter((_, index) => index % 2 === 1)
    // Beside the whole its parts: a scheme stands before a token, and Basic hides user and password.
    .flatMap((value) => [value, ...value.split(/\s/), ...basicParts(value)])
    .filter(({ length }) => length >= LENGTH_MIN)
    .sort((a, b) => b.length - a.length);
  return (text) => secrets.reduce((shown, secret) => shown.replaceAll(secret, '[redacted]'), text);
}

function basicParts(value: string): string[] {
  const [, encoded] = /^Basic (\S+)$/.exec(value) ?? [];
  if (encoded === undefined) return [];
  const pair = Buffer.from(encoded, 'base64').toString('utf8');
  return [pair, pair.slice(pair.indexOf(':') + 1)];
}
