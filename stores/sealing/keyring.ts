/**
 * Seals texts with AES-256-GCM, so that whoever reads the store reads nothing, and whoever writes to it is found out.
 *
 * A sealed text is `s1.<id of the key>.<base64url of nonce, ciphertext, tag>`. Each saga has a key of its own, derived from the named
 * one (HKDF-SHA-256): so random nonces of 96 bits are bounded by what one saga writes, and not by all that a key ever sealed.
 * Saga and field are authenticated with it: a text that was moved to another saga or another field opens nowhere.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { SealedLabel } from '../saga-store.ts';

export interface SealingKey {
  /** Letters, digits, `_` and `-`: it stands in every text that the key has sealed. */
  readonly id: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

export type Opening =
  | { readonly kind: 'opened'; readonly text: string }
  /** The key that sealed it is none of these. */
  | { readonly kind: 'missing'; readonly key: string }
  /** It was changed, cut, or belongs to another saga or field. */
  | { readonly kind: 'refused' };

export const KEY_BYTES = 32;
export const KEY_ID = /^[\w-]{1,32}$/;
const PREFIX = 's1.';
const FORM = /^s1\.([\w-]{1,32})\.([\w-]+)$/;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** Sagas whose keys and labels are kept: about as many as are in hand. */
const KEPT_MAX = 4096;

/** Whether a text was sealed. The texts that are asked about are JSON, and so never begin as those do. */
export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX);
}

export class Keyring {
  readonly #keys: ReadonlyMap<string, SealingKey>;
  readonly #hashKeys: ReadonlyMap<string, Uint8Array>;
  /** Keys of sagas, by key and saga. */
  readonly #derived = new Map<string, Uint8Array>();
  readonly #labels = new Map<string, { readonly of: string; readonly sealed: SealedLabel }>();

  /** @param keys the first seals, all of them open */
  constructor(keys: readonly SealingKey[]) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#hashKeys = new Map(keys.map((key) => [key.id, derive(key, 'hashes')]));
  }

  /** Ids of all keys; the first one seals. */
  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  seal(sagaId: string, field: string, text: string): string {
    const key = this.#first();
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(key, sagaId), nonce);
    cipher.setAAD(boundTo(sagaId, field));
    const sealed = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
    return `${PREFIX}${key.id}.${Buffer.concat(sealed).toString('base64url')}`;
  }

  /** A saga's label hardly changes, and is written with every commit: so it is sealed once. */
  sealLabel(sagaId: string, label: string): SealedLabel {
    const known = this.#labels.get(sagaId);
    if (known?.of === label) return known.sealed;
    const sealed = { label: this.seal(sagaId, 'label', label), hash: this.hash(label) };
    keep(this.#labels, sagaId, { of: label, sealed });
    return sealed;
  }

  open(sagaId: string, field: string, sealed: string): Opening {
    const [, id, text = ''] = FORM.exec(sealed) ?? [];
    if (id === undefined) return { kind: 'refused' };
    const key = this.#keys.get(id);
    if (key === undefined) return { kind: 'missing', key: id };
    const bytes = Buffer.from(text, 'base64url');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return { kind: 'refused' };
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(key, sagaId), nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(boundTo(sagaId, field));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const opened = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return { kind: 'opened', text: Buffer.concat([opened, decipher.final()]).toString('utf8') };
    } catch {
      return { kind: 'refused' };
    }
  }

  /** By what a text is found again that stands sealed: the same for the same text, in whatever saga. */
  hash(text: string): string {
    return this.#hashBy(this.#first().id, text);
  }

  /** The same under each of the keys: what an older one has sealed is found by its own. */
  hashes(text: string): readonly string[] {
    return this.ids.map((id) => this.#hashBy(id, text));
  }

  #hashBy(id: string, text: string): string {
    const key = this.#hashKeys.get(id);
    if (key === undefined) throw new Error(`there is no key ${id}`);
    return `${id}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  }

  #first(): SealingKey {
    for (const key of this.#keys.values()) return key;
    throw new Error('there is no key to seal with');
  }

  #keyOf(key: SealingKey, sagaId: string): Uint8Array {
    const name = `${key.id} ${sagaId}`;
    const known = this.#derived.get(name);
    if (known !== undefined) return known;
    const derived = derive(key, `saga ${sagaId}`);
    keep(this.#derived, name, derived);
    return derived;
  }
}

/** Of the sagas that came last. */
function keep<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.size >= KEPT_MAX) {
    const [oldest = ''] = map.keys();
    map.delete(oldest);
  }
  map.set(name, value);
}

function derive({ secret }: SealingKey, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', purpose, KEY_BYTES));
}

/** Neither of the two holds a line feed. */
function boundTo(sagaId: string, field: string): Uint8Array {
  return Buffer.from(`${sagaId}\n${field}`, 'utf8');
}
