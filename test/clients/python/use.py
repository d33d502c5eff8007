"""Uses every kind of answer through the generated client, and prints what it saw: one line for each."""

import json
import sys

import httpx
from saga_client import Client
from saga_client.api.events import watch_sagas
from saga_client.api.operations import retry_sagas
from saga_client.api.orders import submit_order
from saga_client.api.sagas import get_saga, list_sagas
from saga_client.models import (
    Address,
    Order,
    OrderItem,
    Payment,
    Problem,
    RetryByFilter,
    RetryByName,
    RetryFilter,
    RetryFilterStatus,
    RetryPlan,
    RetryResults,
    SagaChange,
    SagaSeen,
    SagaStatus,
)

client = Client(base_url=sys.argv[1], timeout=httpx.Timeout(60))


def say(*words):
    said = {None: "", True: "true", False: "false"}
    print(*[said[word] if word is None or isinstance(word, bool) else str(word) for word in words], flush=True)


def submit(token):
    address = Address(name="Ada", line1="1 Main St", city="London", postal_code="N1", country="GB")
    order = Order(
        customer_id="cust_1",
        items=[OrderItem(product_id="widget", quantity=1, unit_price=100)],
        currency="EUR",
        payment=Payment(method="card", token=token),
        shipping_address=address,
    )
    return submit_order.sync_detailed(client=client, body=order)


done = submit("tok_visa")
say("order", done.status_code.value, done.parsed.status)

declined = submit("tok_declined")
say("declined", declined.status_code.value, declined.parsed.status, declined.parsed.failed_step)

saga = get_saga.sync(done.parsed.saga_id, client=client)
say("get", saga.status, saga.order_id == done.parsed.order_id, saga.failed_step, saga.parked)
say("log", saga.execution_log[0].event, saga.execution_log[-1].outcome)

first = list_sagas.sync(client=client, limit=1)
second = list_sagas.sync(client=client, limit=1, cursor=first.cursor)
say("list", len(first.sagas), len(second.sagas), first.sagas[0].saga_id != second.sagas[0].saga_id)

refused = get_saga.sync_detailed("none", client=client)
assert isinstance(refused.parsed, Problem)
say("problem", refused.status_code.value, refused.parsed.type_)

parked = RetryFilter(status=RetryFilterStatus.ABORTED)
plan = retry_sagas.sync(client=client, body=RetryByFilter(reason="mended", filter_=parked, dry_run=True))
assert isinstance(plan, RetryPlan)
held = get_saga.sync(plan.sagas[0].saga_id, client=client).parked
say("plan", len(plan.sagas), held.reason, held.held[0].step)
seen = [SagaSeen(saga_id=each.saga_id, etag=each.etag) for each in plan.sagas]
results = retry_sagas.sync(client=client, body=RetryByName(reason="mended", sagas=seen))
assert isinstance(results, RetryResults)
say("retried", results.accepted, results.results[0].result)

# The generated call would wait for the end of the stream, which has none: its request is read as it comes.
with client.get_httpx_client().stream(**watch_sagas._get_kwargs()) as stream:
    event, began = "", False
    for line in stream.iter_lines():
        if not began:
            submit("tok_visa")
            began = True
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        if event == "saga" and line.startswith("data: "):
            change = SagaChange.from_dict(json.loads(line.removeprefix("data: ")))
            # The saga that was retried tells of itself too; it ends as FAILED.
            if change.status == SagaStatus.COMPLETED:
                say("event", event, change.status)
                break
