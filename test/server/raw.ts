/** A request as bytes on a socket, for what no HTTP client would send. */
import { connect } from 'node:net';
import type { Answer } from '../coordinator/world.ts';

/** Sends the parts and reads until the server has closed; the request must ask for that. */
export function exchange(url: string, ...parts: readonly (string | Buffer)[]): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    // A server that has refused a body may close while the rest of it is still on its way.
    socket.on('error', () => {});
    socket.on('close', () => {
      try {
        resolve(parsed(Buffer.concat(chunks).toString()));
      } catch (error) {
        reject(error);
      }
    });
    for (const part of parts) socket.write(part);
  });
}

/** A request line with headers; `Connection: close` ends the exchange. */
export function head(line: string, headers: readonly string[] = []): string {
  return [`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n');
}

function parsed(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
  if (status === undefined) throw new Error(`no answer, but ${JSON.stringify(text.slice(0, 200))}`);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  const isJson = /json/.test(headers['content-type'] ?? '');
  return { status: Number(status), headers, body: isJson && body !== '' ? JSON.parse(body) : body };
}
