#!/usr/bin/env bash
# npm 11.19.1, `npm sbom --omit dev` of a package that development needs, too.
#
# Guess: the list of all that is installed without development, as `npm ls --omit dev` shows it and `npm install --omit dev`
# installs it: a bill of materials of what is shipped.
# Instead: a dependency is left out, and is none of the root's, as soon as a development dependency needs it as well. The bill is
# valid, names no gap, and exits with 0. And it calls the root by its folder.
# Why it matters: whoever looks such a bill through for a package with a hole in it finds that it is not there. A coordinator's bill
# had 35 of 51 packages; its Redis client and its statecharts were not among them.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir/tool" npm@11.19.1
npm() { node "$dir/tool/node_modules/npm/bin/npm-cli.js" "$@"; }
echo "npm $(npm --version)"
mkdir "$dir/folder"
cd "$dir/folder"
echo '{ "name": "mine", "version": "1.0.0", "dependencies": { "ms": "2.1.3" }, "devDependencies": { "debug": "4.4.3" } }' >package.json
npm install --silent --no-audit --no-fund
npm ls --omit dev --all
npm sbom --sbom-format cyclonedx --omit dev >sbom.json
cat >"$dir/show.mjs" <<'JS'
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const { metadata, components, dependencies } = JSON.parse(readFileSync('sbom.json', 'utf8'));
console.log({ name: metadata.component.name, components: components.map(({ name }) => name), dependencies });
assert.deepEqual(components, []);
assert.deepEqual(dependencies, [{ ref: 'mine@1.0.0', dependsOn: [] }]);
assert.equal(metadata.component.name, 'folder');
JS
node "$dir/show.mjs"
# Without the development dependency in package.json the same dependency is there.
npm uninstall --silent --no-audit --no-fund debug
npm sbom --sbom-format cyclonedx --omit dev | grep -q '"ms@2.1.3"'
echo 'seen: what both need is left out of the bill'
