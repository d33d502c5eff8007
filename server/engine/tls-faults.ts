/** Why a TLS connection did not come to be, in words: what OpenSSL says of it is for whoever knows its sources. */

import type { buildConnector } from 'undici';

/** By the code of the error, and whose fault it is. */
const FAULTS: readonly (readonly [code: RegExp, words: string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired'],
  [/^CERT_NOT_YET_VALID$/, 'its certificate is not valid yet'],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|CERT_UNTRUSTED)$/,
    'its certificate is of an authority that is not known here',
  ],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'its certificate is for another name'],
  [/ALERT_CERTIFICATE_REQUIRED$/, 'it wants a client certificate, and got none'],
  [/ALERT_UNKNOWN_CA$/, 'it does not know the authority of our client certificate'],
  [/ALERT_CERTIFICATE_EXPIRED$/, 'our client certificate has expired'],
  [
    /ALERT_(BAD_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)$/,
    'it refuses our client certificate',
  ],
  [/ALERT_HANDSHAKE_FAILURE$/, 'it ended the TLS handshake: it may want a client certificate'],
  [/WRONG_VERSION_NUMBER$|PACKET_LENGTH_TOO_LONG$/, 'it does not speak TLS there'],
];

/** `null` for what is none of TLS. */
export function tlsFault(code: string): string | null {
  return FAULTS.find(([pattern]) => pattern.test(code))?.[1] ?? null;
}

/**
 * Hears what the other side says in TLS when it ends a connection. undici tells only that it has closed: in TLS 1.3 a client's
 * certificate is judged when all is connected.
 *
 * @param heard is told what was said last, and `null` where a connection begins
 */
export function heeding(
  connector: buildConnector.connector,
  heard: (refusal: Error | null) => void,
): buildConnector.connector {
  return (options, callback) =>
    connector(options, (...[error, socket]) => {
      heard(null);
      socket?.once('error', (why: NodeJS.ErrnoException) => {
        if (why.code?.startsWith('ERR_SSL_')) heard(why);
      });
      if (error === null) callback(null, socket);
      else callback(error, null);
    });
}
