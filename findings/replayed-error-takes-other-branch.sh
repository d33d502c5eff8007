#!/usr/bin/env bash
# DBOS Transact 3.4.0 (Python, on SQLite), a step that raises an exception with two arguments of its own.
#
# Guess: the outcome of a step is recorded and comes back on replay as it was; an error that cannot be recorded is refused
# when it happens.
# Instead: it is recorded without complaint. Replayed, it cannot be built again, and the workflow gets the TypeError of that
# instead. `except Declined` catches it the first time and not the second: the same workflow goes down another branch.
# Why it matters: replay after a crash must take the path that was taken. Here a workflow that released the stock after a
# declined card, and then died, treats the same recorded step as an unknown fault when it is recovered. The class
# is an ordinary one; it passes every test in which nothing crashes. The fork below replays the first step from its record.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" dbos==3.4.0
cat >"$dir/show.py" <<'PY'
import sys
from importlib.metadata import version

from dbos import DBOS, SetWorkflowID

DBOS(
    config={
        "name": "findings",
        "system_database_url": f"sqlite:///{sys.argv[1]}/dbos.sqlite",
        "log_level": "CRITICAL",
        "run_admin_server": False,
    }
)
charged = []


class Declined(Exception):
    def __init__(self, code, reason):
        super().__init__(f"{reason} ({code})")
        self.code = code


@DBOS.step()
def charge():
    charged.append("once")
    raise Declined(402, "no funds")


@DBOS.step()
def conclude(what):
    return what


@DBOS.workflow()
def order():
    try:
        charge()
    except Declined as error:
        return conclude(f"declined with {error.code}: compensate")
    except Exception as error:
        return conclude(f"unknown fault {type(error).__name__}: page an operator")


DBOS.launch()
with SetWorkflowID("order-7"):
    first = order()
replayed = DBOS.fork_workflow("order-7", 2).get_result()
DBOS.destroy()
print("dbos", version("dbos"))
print("as it happened:", first)
print("replayed:      ", replayed)
print("the step ran:  ", len(charged), "time")
assert first == "declined with 402: compensate"
assert replayed == "unknown fault TypeError: page an operator"
assert charged == ["once"]
print("seen: the same recorded step leads down another branch")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py" "$dir"
