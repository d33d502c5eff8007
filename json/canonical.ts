/**
 * JSON in the one form of RFC 8785: fields in order, no blanks, texts and numbers as JavaScript writes them. So whoever has the same
 * values has the same text, and the same digest of it.
 */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, one]) => one !== undefined);
  // By UTF-16 code units, as JavaScript compares texts.
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`;
}
