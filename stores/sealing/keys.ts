/** Keys as people write them: one `id:secret` a line, or separated by commas; what follows `#` is for people. */
import { KEY_BYTES, KEY_ID, type SealingKey } from './keyring.ts';

export type ReadKeys =
  | { readonly keys: readonly SealingKey[]; readonly problem: null }
  /** Says which line, and nothing of what stands there. */
  | { readonly keys: null; readonly problem: string };

export function readKeys(text: string): ReadKeys {
  const keys: SealingKey[] = [];
  for (const [index, line] of text.split(/[\n,]/).entries()) {
    const said = line.replace(/#.*/, '').trim();
    if (said === '') continue;
    const colon = said.indexOf(':');
    const id = said.slice(0, colon);
    const secret = bytesIn(said.slice(colon + 1).trim());
    if (!KEY_ID.test(id) || secret === null) return faulty(index);
    if (keys.some((key) => key.id === id)) return { keys: null, problem: `key ${id} stands there twice` };
    keys.push({ id, secret });
  }
  return keys.length > 0 ? { keys, problem: null } : { keys: null, problem: 'holds no key' };
}

function faulty(index: number): ReadKeys {
  const form = `"id:secret": an id of letters, digits, "_" and "-", and ${KEY_BYTES} random bytes in base64`;
  return { keys: null, problem: `key ${index + 1} must be ${form}` };
}

/** Base64, of either alphabet; `null` for what is no such text of as many bytes as a key has. */
function bytesIn(text: string): Uint8Array | null {
  if (!/^[\w+/-]{43}=?$/.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === KEY_BYTES ? bytes : null;
}
