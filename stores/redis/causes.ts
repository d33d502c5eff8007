/** Why Redis does not serve, in words, with the setting to mend where one would mend it. */

/** A cause, as the code or the beginning of the message that an error has, and what to say of it. */
const CAUSES: readonly (readonly [pattern: RegExp, words: string, lasting?: 'lasting'])[] = [
  [
    /sentinel \S+ (WRONGPASS|NOAUTH)/,
    'a sentinel wants another password than it gets: REDIS_URL gives it as ?sentinel_password=... at its end',
    'lasting',
  ],
  [
    /sentinel \S+ ERR unknown command/,
    'it is no Sentinel: REDIS_URL must begin with redis:// or rediss://',
    'lasting',
  ],
  [
    /sentinel \S+ ERR No such master/,
    'its sentinels know no master of the name that stands in REDIS_URL’s path',
    'lasting',
  ],
  [
    /WRONGPASS|invalid username-password|invalid password/i,
    'the user or the password in REDIS_URL is wrong; characters such as @ : / # % must be percent-encoded in it',
    'lasting',
  ],
  [/NOAUTH|Authentication required/i, 'it wants a password, and REDIS_URL gives none', 'lasting'],
  [/^DENIED/, 'it is in protected mode, and takes connections of its own machine alone', 'lasting'],
  [/max number of clients/, 'it has as many clients as its maxclients allows'],
  [/DB index is out of range/, 'it has no database of the number that stands in REDIS_URL’s path', 'lasting'],
  [
    /SELF_SIGNED_CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|CERT_UNTRUSTED/,
    'its certificate is signed by an authority that is not known here: name the authority’s certificate in REDIS_TLS_CA_FILE or NODE_EXTRA_CA_CERTS',
    'lasting',
  ],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, 'its certificate is not valid now', 'lasting'],
  [
    /ALTNAME_INVALID/,
    'its certificate is for other names than the host in REDIS_URL: name it as its certificate does',
    'lasting',
  ],
  [
    /WRONG_VERSION_NUMBER|EPROTO|packet length too long|wrong version number/,
    'it does not speak TLS there: REDIS_URL must begin with redis and not with rediss',
    'lasting',
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED|alert certificate required/i,
    'it wants a client’s certificate: name one in REDIS_TLS_CERT_FILE, and its key in REDIS_TLS_KEY_FILE',
    'lasting',
  ],
  [
    /ALERT_UNKNOWN_CA|alert unknown ca/i,
    'it does not know the authority that signed the certificate in REDIS_TLS_CERT_FILE',
    'lasting',
  ],
  [
    /ALERT_CERTIFICATE_EXPIRED|alert certificate expired/i,
    'the certificate in REDIS_TLS_CERT_FILE has expired',
  ],
  [
    /before secure TLS connection|handshake failure/i,
    'it ended the TLS handshake: it may not speak TLS there (then REDIS_URL begins with redis), or want a client’s certificate',
  ],
  [
    /TLS connection was closed from there/,
    'it closed the connection behind the TLS handshake: it may want a client’s certificate, as REDIS_TLS_CERT_FILE names one',
  ],
  [
    /closed from there|Protocol error|ECONNRESET|EPIPE/,
    'it closed the connection without an answer: where it speaks TLS, REDIS_URL must begin with rediss',
  ],
  [/ECONNREFUSED/, 'nothing listens there'],
  [/ENOTFOUND|EAI_AGAIN/, 'its host name cannot be resolved'],
  [/ENOENT/, 'there is no such socket'],
  [/EACCES/, 'its socket may not be used by this user'],
  [/EHOSTUNREACH|ENETUNREACH/, 'there is no way to its network'],
  [
    /ETIMEDOUT|timed out|no connection within|Socket timeout|^timeout$/,
    'it does not answer in time; so it is too where REDIS_URL begins with rediss and there is no TLS',
  ],
  [/OOM /, 'it is full, and refuses writes'],
  [/READONLY /, 'it is a replica, and refuses writes'],
  [/NOREPLICAS /, 'it has fewer replicas than its min-replicas-to-write, and refuses writes'],
  [/MISCONF /, 'it cannot write to its disk, and refuses writes'],
  [/CLUSTERDOWN /, 'its Cluster is down, or lacks the masters of some slots'],
  [/LOADING /, 'it still reads its data'],
  [/BUSY /, 'it runs a script of somebody else'],
];

/** The same in words, with what Redis or the system said in parentheses; as it is where no words are known. */
export function inWords(error: Error): string {
  const said = told(error);
  const words = CAUSES.find(([pattern]) => pattern.test(said))?.[1];
  return words === undefined ? said : `${words} (${said})`;
}

/** Whether somebody must mend it: time alone does not. */
export function isLasting(error: Error): boolean {
  const said = told(error);
  return CAUSES.find(([pattern]) => pattern.test(said))?.[2] === 'lasting';
}

/** What was said of it: where the error itself only says that there is no connection, the cause behind it. */
function told(error: Error): string {
  const { cause, message } = error;
  const behind = cause instanceof Error ? told(cause) : '';
  const { code } = error as NodeJS.ErrnoException;
  const own = code === undefined || message.includes(code) ? message : `${message}: ${code}`;
  return withoutCredentials(behind === '' || own.includes(behind) ? own : behind);
}

function withoutCredentials(text: string): string {
  return text.replace(/\/\/\S*@/g, '//[redacted]@');
}
