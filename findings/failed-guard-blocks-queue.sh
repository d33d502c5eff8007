#!/usr/bin/env bash
# sismic 1.6.14 (Python), an event whose guard raises.
#
# Guess: execute() raises. The event is used up, or the interpreter is done for and says so.
# Instead: execute() raises, and the event stays at the head of the queue. Every later execute() meets it again and
# raises again; no event behind it is ever handled.
# Why it matters: guards read facts that are not there yet. Who catches the error, logs it and goes on with the next
# message has an order that stands still for ever, with the same old error for every new message.
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
  preamble: prices = {}
  root state:
    name: order
    initial: open
    states:
      - name: open
        transitions:
          - event: check
            guard: prices['total'] > 100
            target: held
          - event: cancel
            target: cancelled
      - name: held
      - name: cancelled
"""

interpreter = Interpreter(import_from_yaml(CHART))
interpreter.execute()
print("sismic", version("sismic"))
raised = []
for event in ["check", "cancel", "cancel"]:
    interpreter.queue(event)
    try:
        interpreter.execute()
    except CodeEvaluationError as error:
        raised.append(str(error))
        print(f"queued {event}, raised: {error}")
print("configuration:", sorted(interpreter.configuration))
assert len(raised) == 3 and len(set(raised)) == 1, raised
assert sorted(interpreter.configuration) == ["open", "order"]
print("seen: the event that failed is met again each time, cancel never")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
