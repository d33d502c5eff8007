#!/usr/bin/env bash
# lossless-json 4.3.3, parse() of an object that has one name twice.
#
# Guess: it throws, as its README says: "Parse error on duplicate keys". Or onDuplicateKey is asked, when given.
# Instead: it throws only where the two values differ. With equal values the text passes, and onDuplicateKey is not called.
# 2 and 2.0 differ, "x" and "\u0078" are equal.
# Why it matters: one who picks a strict parser to refuse doubled names refuses some orders and takes others from the same
# faulty sender, by the luck of the values. Tests with {"a":1,"a":2} do not see it. The next reader along the line may be one
# that refuses both.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" lossless-json@4.3.3
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse, stringify } from 'lossless-json';

console.log('lossless-json', JSON.parse(readFileSync(new URL('node_modules/lossless-json/package.json', import.meta.url))).version);
for (const [text, refused] of [
  ['{"amount":2,"amount":3}', true],
  ['{"amount":2,"amount":2.0}', true],
  ['{"amount":2,"amount":2}', false],
  ['{"to":"x","to":"\\u0078"}', false],
  ['{"steps":{"charge":1},"steps":{"charge":1}}', false],
]) {
  let outcome;
  try {
    outcome = stringify(parse(text));
  } catch (error) {
    outcome = `refused: ${error.message}`;
  }
  let asked = 0;
  parse(text, undefined, {
    onDuplicateKey({ oldValue }) {
      asked++;
      return oldValue;
    },
  });
  console.log(`${text} gives ${outcome}; onDuplicateKey called ${asked} times`);
  assert.equal(outcome.startsWith('refused: Duplicate key'), refused);
  assert.equal(asked, refused ? 1 : 0);
}
console.log('seen: doubled names pass when the values are equal');
JS
node "$dir/show.mjs"
