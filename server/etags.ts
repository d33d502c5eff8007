/** Entity tags in the headers of a request (RFC 9110): lists, `*`, and the weak form, which a proxy that compresses makes of ours. */

/** One tag with its comma; what stands between the quotes is the second group. */
const TAG = /\s*(?:(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*)?(,|$)/y;

/**
 * What stands between the quotes of each tag of `If-Match` or `If-None-Match`, weak ones among them, or `*`; `null` for
 * what is no list of tags.
 */
export function tagsIn(header: string): '*' | readonly string[] | null {
  if (header.trim() === '*') return '*';
  const tags: string[] = [];
  TAG.lastIndex = 0;
  for (let comma = ','; comma === ','; ) {
    const found = TAG.exec(header);
    if (found === null) return null;
    if (found[1] !== undefined) tags.push(found[1]);
    comma = found[2] ?? '';
  }
  return tags.length === 0 ? null : tags;
}

/** Whether who asks has what a tag of ours names: then 304 says enough. What cannot be read names nothing. */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  const tags = tagsIn(ifNoneMatch);
  return tags === '*' || (tags?.includes(etag.slice(1, -1)) ?? false);
}
