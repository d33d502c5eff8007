#!/usr/bin/env bash
# fakeredis 2.41.0 (Python), PEXPIRE 0 within a script or a transaction.
#
# Guess: a time to live of nothing deletes the key there and then, as on the server: EXISTS in the next line is 0.
# Instead: outside it does. Within a script, and within MULTI, the key stays until the end of it: EXISTS is 1, GET gives
# the old value, SET NX is refused. Afterwards it is gone.
# Why it matters: "let the old lease lapse, take the new one with NX" in one script works on the server. On this stand-in
# nobody gets the lease, and after the script no trace says why.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" \
  fakeredis==2.41.0 lupa==2.8 redis==8.1.0
cat >"$dir/show.py" <<'PY'
from importlib.metadata import version

from fakeredis import FakeRedis

print("fakeredis", version("fakeredis"))
redis = FakeRedis()
redis.set("lease", "old")
redis.pexpire("lease", 0)
outside = redis.exists("lease")
print("outside, EXISTS:", outside)

script = """
redis.call('SET', 'lease', 'old')
redis.call('PEXPIRE', 'lease', 0)
local there = redis.call('EXISTS', 'lease')
local taken = redis.call('SET', 'lease', 'new', 'NX')
return {there, taken and 'taken' or 'refused'}
"""
there, taken = redis.eval(script, 0)
print("in a script, EXISTS:", there, "then SET NX:", taken.decode())

pipe = redis.pipeline(transaction=True)
pipe.set("lease", "old").pexpire("lease", 0).get("lease")
held = pipe.execute()[-1]
print("in MULTI, GET:", held)
after = redis.get("lease")
print("afterwards:", after)
assert (outside, there, taken, held, after) == (0, 1, b"refused", b"old", None)
print("seen: within a script a key outlives its time")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
