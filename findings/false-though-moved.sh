#!/usr/bin/env bash
# transitions 0.9.3 (Python), what a trigger returns in a parallel state.
#
# Guess: the trigger returns True when any transition was taken. That is what its return value is for.
# Instead: it returns what the last region said. Stock moves, the guard of money says no: False. The other way round,
# with the guard in the region that is asked first: True. The state has changed in both.
# Why it matters: callers save the machine or acknowledge the message when the trigger returns True. Here a state that has
# moved is not saved, and which region moved decides.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" transitions==0.9.3
cat >"$dir/show.py" <<'PY'
from transitions import __version__
from transitions.extensions import HierarchicalMachine


def answered(refusing):
    regions = ["stock", "money"]
    machine = HierarchicalMachine(
        states=[
            {
                "name": "working",
                "parallel": [{"name": r, "initial": "asked", "children": ["asked", "held"]} for r in regions],
            }
        ],
        initial="working",
        auto_transitions=False,
    )
    for region in regions:
        guard = (lambda: False) if region == refusing else None
        machine.add_transition("answer", f"working_{region}_asked", f"working_{region}_held", conditions=guard)
    returned = machine.answer()
    print(f"guard of {refusing} says no: returned {returned}, state {machine.state}")
    return returned, machine.state


print("transitions", __version__)
assert answered("money") == (False, ["working_stock_held", "working_money_asked"])
assert answered("stock") == (True, ["working_stock_asked", "working_money_held"])
print("seen: the last region alone decides what is returned")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
