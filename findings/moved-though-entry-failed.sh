#!/usr/bin/env bash
# github.com/qmuntal/stateless 1.7.2 (Go).
#
# Guess: a trigger whose entry action returns an error has not happened: Fire returns the error, and the machine is where it was, as
# when its exit action fails. Firing again tries again.
# Instead: Fire returns the error, and the machine stands in the new state. Whoever fires again on an error fires from there.
# Why it matters: a step whose call stands in an entry action is repeated by firing its trigger anew. Here the repeat finds the
# step behind it: it is refused as not permitted, or taken for the next step, and the call is never made.
set -euo pipefail
command -v go >/dev/null || { echo 'go is not here: skipped'; exit 0; }
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
export GOPATH="$dir/go" GOFLAGS=-mod=mod
cat >go.mod <<'GO'
module entry

go 1.21

require github.com/qmuntal/stateless v1.7.2
GO
cat >main.go <<'GO'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/qmuntal/stateless"
)

func fails(context.Context, ...any) error { return errors.New("the bank is away") }

func main() {
	entry := stateless.NewStateMachine("ordered")
	entry.Configure("ordered").Permit("pay", "paid")
	entry.Configure("paid").OnEntry(fails)
	err := entry.Fire("pay")
	fmt.Printf("the entry action fails: error %q, state %v\n", err, entry.MustState())

	exit := stateless.NewStateMachine("ordered")
	exit.Configure("ordered").Permit("pay", "paid").OnExit(fails)
	exitErr := exit.Fire("pay")
	fmt.Printf("the exit action fails:  error %q, state %v\n", exitErr, exit.MustState())

	again := entry.Fire("pay")
	fmt.Printf("the first fired again:  error %q\n", again)
	if err == nil || entry.MustState() != "paid" || exitErr == nil || exit.MustState() != "ordered" || again == nil {
		os.Exit(1)
	}
}
GO
go run .
echo 'seen: an error of the entry action is returned, and the machine has moved all the same'
