#!/usr/bin/env bash
# openapi-generator-cli 7.22.0, the Go client, a string enum with a format that has no Go type of its own.
#
# Guess: a format that is not known is a note for people, as OpenAPI says: the type stays string.
# Instead: the word of the format is written as the type: "type Problem uri-reference". That is not Go; the client does not
# compile. The generator ends with 0 and no warning. The same format on a string that is no enum becomes string.
# Why it matters: problem+json names its types by URI references, and an API that lists them all has just this enum. The
# document is valid, other clients are fine, and the Go one breaks where somebody else generates it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

mvn --quiet --batch-mode org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
  -Dartifact=org.openapitools:openapi-generator-cli:7.22.0 -DoutputDirectory="$dir" -Dmdep.useBaseVersion=true >"$dir/log" 2>&1 ||
  { cat "$dir/log"; exit 1; }
cat >"$dir/api.yaml" <<'YAML'
openapi: 3.0.3
info: { title: orders, version: '1' }
paths:
  /order:
    get:
      operationId: getOrder
      responses:
        default:
          description: what went wrong
          content: { application/problem+json: { schema: { $ref: '#/components/schemas/Failure' } } }
components:
  schemas:
    Failure:
      type: object
      properties:
        type: { $ref: '#/components/schemas/Problem' }
        instance: { type: string, format: uri-reference }
    Problem: { type: string, format: uri-reference, enum: [/problems/unknown, /problems/busy] }
YAML
java -jar "$dir/openapi-generator-cli-7.22.0.jar" version
java -jar "$dir/openapi-generator-cli-7.22.0.jar" generate --generator-name go --input-spec "$dir/api.yaml" \
  --output "$dir/client" >"$dir/log" 2>&1
echo "generated, exit status 0; warnings about the format: $(grep -c uri-reference "$dir/log" || true)"
cd "$dir/client"
grep -h -E '^type Problem |Instance +\*' model_problem.go model_failure.go
grep -q '^type Problem uri-reference$' model_problem.go
grep -q 'Instance \*string' model_failure.go
if gofmt -e model_problem.go >/dev/null 2>"$dir/refused"; then exit 1; fi
sed "s|$dir/client/||;1q" "$dir/refused"
gofmt -e model_failure.go >/dev/null
echo 'seen: the format is written as the name of the type'
