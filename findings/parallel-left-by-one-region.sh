#!/usr/bin/env bash
# transitions 0.9.3 (Python), HierarchicalMachine with a parallel state.
#
# Guess: two regions handle one event, the first with a target outside the parallel state. Either the exit wins or the
# step within does (SCXML lets the first in document order win, XState likewise); the result is one legal configuration.
# Instead: both are taken, one after the other. The machine leaves the parallel state, is outside, and is then carried back
# into one region of it. It ends in a parallel state of which only that region is active, and never hears of the other again.
# Why it matters: "give up" in one region and "go on" in the other, on one event, is how sagas with concurrent branches
# are drawn. Here an order that was given up goes on with half of its branches.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" transitions==0.9.3
cat >"$dir/show.py" <<'PY'
from transitions import __version__
from transitions.extensions import HierarchicalMachine

trail = []
machine = HierarchicalMachine(
    states=[
        "givenUp",
        {
            "name": "working",
            "parallel": [
                {"name": "stock", "initial": "asked", "children": ["asked", "held"]},
                {"name": "money", "initial": "asked", "children": ["asked", "held"]},
            ],
        },
    ],
    initial="working",
    auto_transitions=False,
    after_state_change=lambda: trail.append(machine.state),
)
machine.add_transition("answer", "working_stock_asked", "givenUp")
machine.add_transition("answer", "working_money_asked", "working_money_held")

print("transitions", __version__)
print("before:", machine.state)
machine.answer()
print("on the way:", trail)
print("after:", machine.state)
assert trail == ["givenUp", "working_money_held"], trail
assert machine.state == "working_money_held", machine.state
print("seen: outside, then back in one region alone")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
