/** Certificates that are made where they are used, by the openssl of the machine. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why the tests that need certificates are left out; `null` where they are not. */
export const NO_OPENSSL: string | null = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'there is no openssl on PATH';
  }
})();

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'certificates-'));

  /** An authority of its own. */
  authority(name: string): Certificate {
    const { cert, key } = this.#paths(name);
    const of = ['-x509', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert, '-days', '2'];
    this.#openssl('req', ...NEW_KEY, ...of);
    return { cert, key };
  }

  /** For 127.0.0.1 and localhost. @param days negative for one that has expired */
  signed(name: string, by: Certificate, days = 2): Certificate {
    const { cert, key } = this.#paths(name);
    const request = join(this.folder, `${name}.csr`);
    const names = join(this.folder, `${name}.ext`);
    writeFileSync(names, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    this.#openssl('req', ...NEW_KEY, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    const ca = ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial'];
    this.#openssl(
      'x509',
      '-req',
      '-in',
      request,
      ...ca,
      '-days',
      String(days),
      '-extfile',
      names,
      '-out',
      cert,
    );
    return { cert, key };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #paths(name: string): Certificate {
    return { cert: join(this.folder, `${name}.pem`), key: join(this.folder, `${name}.key`) };
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'pipe' });
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
