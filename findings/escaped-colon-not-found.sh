#!/usr/bin/env bash
# hono 4.13.19, a percent-encoded colon in a fixed part of a route.
#
# Guess: Hono decodes the path before it looks for a route, so /sagas%3Aretry reaches '/sagas:retry' as /%73agas:retry does.
# Instead: other letters are decoded, the colon is not (nor the rest of the reserved ones): 404. In a parameter the same
# %3A is decoded: /sagas/a%3Ab gives the id "a:b".
# Why it matters: "collection:verb" is how APIs name bulk actions, and who builds a path with encodeURIComponent sends %3A.
# RFC 3986 lets a server tell the two apart, but the one beside it in a parameter is not told apart. They get 404 from a
# route that is there.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" hono@4.13.19
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Hono } from 'hono';

console.log('hono', JSON.parse(readFileSync(new URL('node_modules/hono/package.json', import.meta.url))).version);
const app = new Hono();
app.get('/sagas:retry', (c) => c.text('the bulk action'));
app.get('/sagas/:id', (c) => c.text(`the saga ${c.req.param('id')}`));
const seen = [];
for (const path of ['/sagas:retry', '/%73agas:retry', '/sagas%3Aretry', '/sagas/a%3Ab']) {
  const response = await app.request(path);
  seen.push(`${path} -> ${response.status} ${await response.text()}`);
}
console.log(seen.join('\n'));
assert.deepEqual(seen, [
  '/sagas:retry -> 200 the bulk action',
  '/%73agas:retry -> 200 the bulk action',
  '/sagas%3Aretry -> 404 404 Not Found',
  '/sagas/a%3Ab -> 200 the saga a:b',
]);
console.log('seen: an escaped colon is another path');
JS
node "$dir/show.mjs"
