/**
 * What a TLS client shows and whom it believes, from the environment: PEM files for a service, for all services, or for Redis.
 * Each is tried at the start, and no problem says a word of what stands in them.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

export interface TlsFiles {
  /** Whom alone it believes; the authorities of Node where it is `null`. */
  readonly ca: string | null;
  /** What it shows of itself, with the key to it; both or none. */
  readonly cert: string | null;
  readonly key: string | null;
}

const PARTS = ['CA', 'CERT', 'KEY'] as const;

/** `SERVICE_TLS_CA_FILE` and the others, whose beginning is given. */
export function tlsVariables(beginning: string): readonly string[] {
  return PARTS.map((part) => `${beginning}_TLS_${part}_FILE`);
}

type Environment = Readonly<Record<string, string | undefined>>;
type Complain = (variable: string, problem: string) => void;

/** `null` where nothing is set. */
export function readTls(env: Environment, beginning: string, complain: Complain): TlsFiles | null {
  const names = tlsVariables(beginning);
  const [ca = null, cert = null, key = null] = names.map((name) => env[name] ?? null);
  if (ca === null && cert === null && key === null) return null;
  const [, certName = '', keyName = ''] = names;
  if ((cert === null) !== (key === null))
    complain(cert === null ? keyName : certName, `needs ${cert === null ? certName : keyName} beside it`);
  else tryOut({ ca, cert, key }, names, complain);
  return Object.freeze({ ca, cert, key });
}

function tryOut(
  files: TlsFiles,
  [caName = '', certName = '', keyName = '']: readonly string[],
  complain: Complain,
) {
  const read = (file: string | null, name: string) => {
    if (file === null) return undefined;
    try {
      return readFileSync(file);
    } catch (error) {
      complain(name, `cannot be read: ${(error as NodeJS.ErrnoException).code}`);
      return null;
    }
  };
  const ca = read(files.ca, caName);
  const cert = read(files.cert, certName);
  const key = read(files.key, keyName);
  const fails = (attempt: () => unknown) => {
    try {
      attempt();
      return false;
    } catch {
      return true;
    }
  };
  if (ca && fails(() => new X509Certificate(ca))) complain(caName, 'holds no certificate in PEM');
  if (cert && fails(() => new X509Certificate(cert))) complain(certName, 'holds no certificate in PEM');
  else if (key && fails(() => createSecureContext({ key })))
    complain(keyName, 'holds no key in PEM, or one that wants a passphrase');
  else if (cert && key && fails(() => createSecureContext({ cert, key })))
    complain(keyName, `is not the key of the certificate in ${certName}`);
}
