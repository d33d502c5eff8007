/**
 * Passes over `100 Continue`, and what else comes before an answer (1xx), where nobody asked for it. A client must (RFC 9110, 15.2): some servers, and proxies that ask for it
 * themselves, send it before any answer. undici takes it for a broken answer and closes the connection, so that no call to such
 * a participant would ever be answered.
 */
import type { Socket } from 'node:net';
import type { buildConnector } from 'undici';

const BEGINS = /^HTTP\/1\.[01] 1(?!01)\d\d[ \r]/;
/** By as many bytes one is known. */
const BEGINS_BYTES = 13;
/** What is longer and has no end is none. */
const BYTES_MAX = 8192;

/** A connector whose connections do. */
export function passingOver(connector: buildConnector.connector): buildConnector.connector {
  return (options, callback) =>
    connector(options, (...[error, socket]) => {
      if (error !== null) callback(error, null);
      else callback(null, passOver(socket));
    });
}

/** Between a request and the first byte of its answer alone: what stands in a body is nobody's business. */
function passOver<S extends Socket>(socket: S): S {
  let isAwaited = false;
  let torn: Buffer | null = null;
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
  const read = socket.read.bind(socket);
  socket.write = ((...args: unknown[]) => {
    isAwaited = true;
    return write(...args);
  }) as typeof socket.write;
  socket.read = (size) => {
    const chunk: Buffer | null = read(size);
    if (!isAwaited || chunk === null) return chunk;
    let bytes = torn === null ? chunk : Buffer.concat([torn, chunk]);
    torn = null;
    for (let text = headOf(bytes); BEGINS.test(text); text = headOf(bytes)) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) break;
      bytes = bytes.subarray(end + 4);
    }
    const head = headOf(bytes);
    const mayBegin = head.length < BEGINS_BYTES && 'HTTP/1.'.startsWith(head.slice(0, 7));
    if (mayBegin || (BEGINS.test(head) && bytes.length < BYTES_MAX)) {
      // The rest is still to come, and undici asks again when it has.
      torn = bytes;
      return socket.read(size);
    }
    isAwaited = false;
    return bytes;
  };
  return socket;
}

function headOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, BEGINS_BYTES);
}
