/** Server-sent events, as the standard reads them. */
export interface ServerEvent {
  readonly type: string;
  /** `null` where only the position moved, as with a heartbeat. */
  readonly data: string | null;
  /** From where to go on after it. */
  readonly id: string;
}

/** A line beyond this is none of a coordinator's. */
const LINE_CHARACTERS_MAX = 1024 * 1024;

export async function* serverEvents(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<ServerEvent, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  let type = '';
  let data: string[] = [];
  let hasMoved = false;
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    // A lone CR at the end may be the first half of a CR LF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > LINE_CHARACTERS_MAX) throw new Error('a line of the stream does not end');
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { type: type || 'message', data: data.join('\n'), id };
        else if (hasMoved) yield { type: '', data: null, id };
        type = '';
        data = [];
        hasMoved = false;
        continue;
      }
      const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
      if (field === 'event') type = value;
      else if (field === 'data') data.push(value);
      else if (field === 'id' && !value.includes('\0')) {
        id = value;
        hasMoved = true;
      }
    }
  }
  return undefined;
}
