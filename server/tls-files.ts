/** PEM files as they are just now: who opens a connection looks whether they have changed. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import type { TlsFiles } from './tls-settings.ts';

/** In PEM; without `ca`, whom Node believes. */
interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Before its end a certificate should be renewed. */
const RENEWED_BEFORE_MS = 14 * 24 * 3600 * 1000;

export class WatchedTls {
  readonly #files: TlsFiles;
  readonly #whose: string;
  readonly #logger: Logger;
  #now: TlsMaterial = {};
  #mark = '';

  /** @param whose files they are, for the log */
  constructor(files: TlsFiles, whose: string, logger: Logger) {
    this.#files = files;
    this.#whose = whose;
    this.#logger = logger;
    this.#look();
  }

  /** What cannot be used leaves them as they were: a file may be looked at while it is written. */
  get now(): TlsMaterial {
    this.#look();
    return this.#now;
  }

  #look(): void {
    const files = Object.values(this.#files).filter((file): file is string => file !== null);
    const mark = files.map(markOf).join();
    if (mark === this.#mark) return;
    const isFirst = this.#mark === '';
    this.#mark = mark;
    try {
      const material = readAll(this.#files);
      // Of authorities OpenSSL takes any text, and then knows none.
      if (material.ca !== undefined) new X509Certificate(material.ca);
      createSecureContext(material);
      this.#now = material;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      this.#logger.error({ tls: this.#whose, code }, 'TLS files cannot be used: they stay as they were');
      return;
    }
    const until = endOf(this.#now);
    if (!isFirst)
      this.#logger.info({ tls: this.#whose, until }, 'TLS files have changed: new connections use them');
    if (until !== null && until.getTime() - Date.now() < RENEWED_BEFORE_MS)
      this.#logger.warn(
        { tls: this.#whose, until },
        'a client certificate ends soon, or has ended: renew it',
      );
  }
}

function markOf(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return 'gone';
  }
}

function readAll({ ca, cert, key }: TlsFiles): TlsMaterial {
  return {
    ...(ca !== null && { ca: readFileSync(ca, 'utf8') }),
    ...(cert !== null && { cert: readFileSync(cert, 'utf8') }),
    ...(key !== null && { key: readFileSync(key, 'utf8') }),
  };
}

function endOf({ cert }: TlsMaterial): Date | null {
  return cert === undefined ? null : new Date(new X509Certificate(cert).validTo);
}

/** For those of whom something is set. */
export function watchedTls(
  files: Readonly<Record<string, TlsFiles>>,
  logger: Logger,
): Readonly<Record<string, WatchedTls>> {
  // Services that share their files share what is read of them.
  const known = new Map<TlsFiles, WatchedTls>();
  return Object.fromEntries(
    Object.entries(files).map(([name, own]) => {
      const watched = known.get(own) ?? new WatchedTls(own, name, logger);
      known.set(own, watched);
      return [name, watched];
    }),
  );
}
