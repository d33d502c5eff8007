#!/usr/bin/env bash
# miniredis 2.40.0 (Go), cjson in scripts.
#
# Guess: cjson is a stand-in for the one in the server. It may take an empty table for the wrong one of {} and [], which Lua
# cannot tell apart, but an object with fields, decoded and encoded again, has the same fields.
# Instead: a field that is null is not there after decoding, and cjson.null is nil. What is left without fields is encoded
# as [], so {"owner":null} becomes an empty array by being read and written.
# Why it matters: scripts that load a saga's JSON, change one field and store it are the usual way to be atomic. Tests on
# this stand-in see fields vanish, and see arrays kept empty that the real server turns into objects.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT

cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/proto"
)

func main() {
	server := miniredis.NewMiniRedis()
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		panic(err)
	}
	defer server.Close()
	client, err := proto.Dial(server.Addr())
	if err != nil {
		panic(err)
	}
	failed := false
	for _, c := range [][2]string{
		{`return cjson.encode(cjson.decode('{"owner":null}'))`, `[]`},
		{`return cjson.encode(cjson.decode('{"id":7,"owner":null}'))`, `{"id":7}`},
		{`return cjson.encode(cjson.decode('{"steps":{}}'))`, `{"steps":[]}`},
		{`return tostring(cjson.null)`, `nil`},
	} {
		reply, err := client.Do("EVAL", c[0], "0")
		if err != nil {
			panic(err)
		}
		got, err := proto.ReadString(reply)
		fmt.Printf("%-60s %s\n", c[0], got)
		failed = failed || err != nil || got != c[1]
	}
	if failed {
		os.Exit(1)
	}
}
GO
go mod init findings >/dev/null 2>&1
go get github.com/alicebob/miniredis/v2@v2.40.0 >/dev/null 2>&1
go list -m github.com/alicebob/miniredis/v2
go run .
echo 'seen: null fields are lost, empty objects become arrays'
