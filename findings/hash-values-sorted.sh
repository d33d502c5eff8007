#!/usr/bin/env bash
# miniredis 2.40.0 (Go), HKEYS beside HVALS.
#
# Guess: the order of a hash is not promised, but the two walk it alike: the n-th value belongs to the n-th field, as in
# every Redis and Valkey while nobody writes in between.
# Instead: both are sorted, each by itself: fields by field, values by value. The n-th value belongs to some other field.
# Why it matters: code that reads HKEYS and HVALS in one transaction and pairs them is right on the server. In its tests
# the order is charged, the payment reserved.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT

cd "$dir"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"reflect"

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
	list := func(words ...string) []string {
		reply, err := client.Do(words...)
		if err != nil {
			panic(err)
		}
		strings, err := proto.ReadStrings(reply)
		if err != nil {
			panic(err)
		}
		return strings
	}
	if _, err := client.Do("HSET", "saga", "order", "shipped", "payment", "charged", "stock", "reserved"); err != nil {
		panic(err)
	}
	fields, values := list("HKEYS", "saga"), list("HVALS", "saga")
	fmt.Println("HGETALL:", list("HGETALL", "saga"))
	fmt.Println("HKEYS:  ", fields)
	fmt.Println("HVALS:  ", values)
	if !reflect.DeepEqual(fields, []string{"order", "payment", "stock"}) ||
		!reflect.DeepEqual(values, []string{"charged", "reserved", "shipped"}) {
		os.Exit(1)
	}
}
GO
go mod init findings >/dev/null 2>&1
go get github.com/alicebob/miniredis/v2@v2.40.0 >/dev/null 2>&1
go list -m github.com/alicebob/miniredis/v2
go run .
echo 'seen: HVALS is sorted by value'
