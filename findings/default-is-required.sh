#!/usr/bin/env bash
# openapi-typescript 7.13.0, a property with a default in the body of a request.
#
# Guess: a default stands in for what is not sent, so the property is optional for who sends it, if it is not in "required".
# Instead: it depends on where the schema stands. Written in the operation, the property is optional. Referred to in
# components, as nearly every schema is, the same property is required.
# Why it matters: giving a new setting a default is how an API grows without breaking anybody. With this every typed client
# stops compiling, until each call spells out what the server would have filled in. --default-non-nullable=false turns it
# off, for answers too.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

npm install --silent --no-audit --no-fund --prefix "$dir" openapi-typescript@7.13.0 typescript@5.9.3
cat >"$dir/api.json" <<'JSON'
{
  "openapi": "3.1.0",
  "info": { "title": "orders", "version": "1" },
  "paths": {
    "/inline": {
      "post": {
        "requestBody": {
          "content": {
            "application/json": {
              "schema": {
                "type": "object",
                "required": ["order"],
                "properties": { "order": { "type": "string" }, "attempts": { "type": "integer", "default": 3 } }
              }
            }
          }
        },
        "responses": { "204": { "description": "done" } }
      }
    },
    "/referred": {
      "post": {
        "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } },
        "responses": { "204": { "description": "done" } }
      }
    }
  },
  "components": {
    "schemas": {
      "Order": {
        "type": "object",
        "required": ["order"],
        "properties": { "order": { "type": "string" }, "attempts": { "type": "integer", "default": 3 } }
      }
    }
  }
}
JSON
cat >"$dir/call.ts" <<'TS'
import type { paths } from './api';

type Body<P extends keyof paths> = NonNullable<paths[P]['post']['requestBody']>['content']['application/json'];
export const inline: Body<'/inline'> = { order: 'order-7' };
export const referred: Body<'/referred'> = { order: 'order-7' };
TS
cd "$dir"
npm ls --depth 0 | grep openapi-typescript
npx openapi-typescript api.json --output api.ts >/dev/null 2>&1
grep -n 'attempts' api.ts
[ "$(grep -c 'attempts?: number;' api.ts)" = 1 ]
[ "$(grep -c 'attempts: number;' api.ts)" = 1 ]
if npx tsc --noEmit --strict --skipLibCheck call.ts >errors; then exit 1; fi
cat errors
[ "$(grep -c 'error TS' errors)" = 1 ]
grep -q "^call.ts(5,.*'attempts' is missing" errors
echo 'seen: the same default is optional inline and required by reference'
