#!/usr/bin/env bash
# python-statemachine 3.2.2, StateChart, an internal transition of a state to itself.
#
# Guess: internal means that nothing is left or entered: the action runs, the children stay where they are. So in UML, in
# SCXML with a target inside, in XState without reenter.
# Instead: with StateChart, the class that new charts are told to use, a compound state is left with its children and entered
# at its start; a simple state is entered again without being left. With StateMachine, the older class, the compound state
# is left and its first child is active without it: the exit action has run, the configuration has no parent any more.
# Why it matters: "note this and stay" is the commonest event of a long process. Here it throws an order back to its first
# step, and what was done since is done again.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" python-statemachine==3.2.2
cat >"$dir/show.py" <<'PY'
from statemachine import State, StateChart, StateMachine, __version__


def order_of(base):
    class Order(base):
        class working(State.Compound):
            reserving = State(initial=True)
            charging = State()
            reserved = reserving.to(charging)
            refused = charging.to(reserving)

        done = State(final=True)
        end = working.to(done)
        note = working.to.itself(internal=True, on="write_down")

        def __init__(self):
            self.trail = []
            super().__init__()

        def write_down(self):
            self.trail.append("note")

        def on_enter_working(self):
            self.trail.append("enter working")

        def on_exit_working(self):
            self.trail.append("exit working")

    order = Order()
    order.send("reserved")
    order.trail.clear()
    order.send("note")
    print(f"{base.__name__}: {order.trail}, then in {list(order.configuration_values)}")
    return order.trail, list(order.configuration_values)


def simple():
    class Order(StateChart):
        waiting = State(initial=True)
        done = State(final=True)
        end = waiting.to(done)
        note = waiting.to.itself(internal=True, on="write_down")

        def __init__(self):
            self.trail = []
            super().__init__()

        def write_down(self):
            self.trail.append("note")

        def on_enter_waiting(self):
            self.trail.append("enter waiting")

        def on_exit_waiting(self):
            self.trail.append("exit waiting")

    order = Order()
    order.trail.clear()
    order.send("note")
    print(f"StateChart, a simple state: {order.trail}")
    return order.trail


print("python-statemachine", __version__)
assert order_of(StateChart) == (["exit working", "note", "enter working"], ["working", "reserving"])
assert order_of(StateMachine) == (["exit working", "note"], ["reserving"])
assert simple() == ["note", "enter waiting"]
print("seen: an internal transition starts the state over")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
