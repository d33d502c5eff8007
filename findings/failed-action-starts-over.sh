#!/usr/bin/env bash
# sismic 1.6.14 (Python), a transition whose action raises.
#
# Guess: execute() raises and the machine stands where it was, or where the transition leads.
# Instead: execute() raises, and the machine is in neither: its source has been left, the compound state around it has no
# active child. The next event, even one that nobody handles, has it enter the initial child.
# Why it matters: actions call services. An order whose third step failed is not in the third step, nor anywhere; the next
# message of whatever kind puts it back to the first, and what was done is done again.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" sismic==1.6.14
cat >"$dir/show.py" <<'PY'
from importlib.metadata import version

from sismic.exceptions import CodeEvaluationError
from sismic.interpreter import Interpreter
from sismic.io import import_from_yaml

CHART = """
statechart:
  name: order
  preamble: entered = []
  root state:
    name: order
    initial: reserving
    states:
      - name: reserving
        on entry: entered.append('reserving')
        transitions: [{event: reserved, target: charging}]
      - name: charging
        on entry: entered.append('charging')
        transitions: [{event: charged, target: shipping, action: "{}['receipt']"}]
      - name: shipping
        on entry: entered.append('shipping')
"""

interpreter = Interpreter(import_from_yaml(CHART))
interpreter.execute()
print("sismic", version("sismic"))
seen = []
for event in ["reserved", "charged", "hello"]:
    interpreter.queue(event)
    raised = False
    try:
        interpreter.execute()
    except CodeEvaluationError as error:
        raised = True
        print("raised:", error)
    seen.append((event, raised, sorted(interpreter.configuration)))
    print(f"after {event}: {seen[-1][2]}")
print("entered:", interpreter.context["entered"])
assert seen == [
    ("reserved", False, ["charging", "order"]),
    ("charged", True, ["order"]),
    ("hello", False, ["order", "reserving"]),
], seen
assert interpreter.context["entered"] == ["reserving", "charging", "reserving"]
print("seen: a failed action leads out of every state, any event back to the first")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
