/** Answers that are as long as what there is: written as they are read, and never held whole. */
import type { Context } from 'hono';

// As text, which no type is registered for: generators of clients read every kind of text, and no other that they do not know.
export const LINES = 'text/x-ndjson';
export const TABLE = 'text/csv; charset=utf-8';

/**
 * The first part is read before anything is answered, so that a store that is away is told as such. One that goes away later cuts
 * the answer off: nobody may take a part for the whole.
 */
export async function streamed(
  c: Context,
  type: string,
  name: string,
  parts: AsyncGenerator<string, void>,
): Promise<Response> {
  const headers = { 'content-type': type, 'content-disposition': `attachment; filename="${name}"` };
  if (c.req.method === 'HEAD') return c.body(null, 200, headers);
  const encoder = new TextEncoder();
  let next = await parts.next();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (next.done) return controller.close();
      controller.enqueue(encoder.encode(next.value));
      next = await parts.next();
    },
    async cancel() {
      await parts.return();
    },
  });
  return c.body(body, 200, headers);
}

type Cell = string | number | null | undefined;

/** A line of a table (RFC 4180). */
export function row(cells: readonly Cell[]): string {
  return `${cells.map((one) => cell(one ?? '')).join(',')}\r\n`;
}

/** What a person has said must not be a formula where a spreadsheet opens it. */
function cell(value: string | number): string {
  const text = String(value).replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
