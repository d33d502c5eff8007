#!/usr/bin/env bash
# transitions 0.9.3 (Python), HierarchicalMachine, a parallel state of which the last region is done and the first is not.
#
# Guess: the parallel state is done when all its regions are. Until then the machine's on_final is not called, and an event of
# the region that still works moves that region.
# Instead: the last region decides. When it ends, on_final of the machine is called while the first still works; on_final of
# the parallel state is rightly not. The next event of the first region moves it and then raises AttributeError:
# "'scoped_enter' does not exist". With the regions the other way round neither happens.
# Why it matters: on_final of the machine is where an order is closed and its lock given back. Here that happens with the
# payment still open, and whether a test sees it depends on the order of two lines.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$dir/lib" transitions==0.9.3
cat >"$dir/show.py" <<'PY'
from importlib.metadata import version

from transitions.extensions import HierarchicalMachine


class Order:
    pass


def seen(regions):
    told = []
    order = Order()
    states = {
        "payment": dict(name="payment", initial="asked", children=["asked", "checked", dict(name="paid", final=True)]),
        "stock": dict(name="stock", initial="asked", children=["asked", dict(name="reserved", final=True)]),
    }
    HierarchicalMachine(
        order,
        on_final=lambda: told.append("the machine is done"),
        states=[
            dict(name="open", on_final=lambda: told.append("open is done"), parallel=[states[name] for name in regions])
        ],
        transitions=[
            ["reserve", "open_stock_asked", "open_stock_reserved"],
            ["check", "open_payment_asked", "open_payment_checked"],
        ],
        initial="open",
    )
    order.reserve()
    print(f"{regions}, stock reserved: {order.state}, told {told}")
    raised = None
    try:
        order.check()
    except AttributeError as error:
        raised = str(error).split(" on ")[0]
    print(f"  payment checked: {order.state}, raised {raised}")
    assert "open_payment_checked" in order.state
    return told, raised


print("transitions", version("transitions"))
assert seen(["stock", "payment"]) == ([], None)
assert seen(["payment", "stock"]) == (["the machine is done"], "'scoped_enter' does not exist")
print("seen: the last region alone decides that the machine is done")
PY
PYTHONPATH="$dir/lib" python3 "$dir/show.py"
