#!/usr/bin/env bash
# sismic 1.6.14 (Python), a transition from one region of an orthogonal state into another.
#
# Guess: as in SCXML the orthogonal state is left and entered again (the other region at its target, this one at its
# start); as in XState only the target's region changes; or the import refuses the chart.
# Instead: the chart is accepted, the source's region is left and never entered again, and the target is added to the
# other region beside the state that was active there. Two states of one region are active at once, none of the other,
# and both of the two go on handling events.
# Why it matters: a chart drawn for another interpreter that says "when shipping is booked, go on in billing" here runs
# in a configuration that no statechart has. Nothing is raised.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" sismic==1.6.14
cat >"$dir/show.py" <<'PY'
from importlib.metadata import version

from sismic.interpreter import Interpreter
from sismic.io import import_from_yaml

CHART = """
statechart:
  name: order
  root state:
    name: order
    initial: working
    states:
      - name: working
        parallel states:
          - name: shipping
            initial: unbooked
            states:
              - name: unbooked
                transitions:
                  - event: booked
                    target: invoiced
          - name: billing
            initial: open
            states:
              - name: open
                transitions:
                  - event: pay
                    target: paid
              - name: invoiced
              - name: paid
"""

interpreter = Interpreter(import_from_yaml(CHART))
interpreter.execute()
print("sismic", version("sismic"))
print("before:", sorted(interpreter.configuration))
interpreter.queue("booked").execute()
print("after booked:", sorted(interpreter.configuration))
assert sorted(interpreter.configuration) == ["billing", "invoiced", "open", "order", "working"]
interpreter.queue("pay").execute()
print("after pay:", sorted(interpreter.configuration))
assert sorted(interpreter.configuration) == ["billing", "invoiced", "order", "paid", "working"]
print("seen: two states of one region, none of the other")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
