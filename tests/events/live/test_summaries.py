import msgspec

from events.live.subscriptions import Head, head_of
from events.live.summaries import ANY, MOST_KINDS, Summary
from tests.events.builders import completed, context, line, started


def _head(tenant_id: str = "t1", route: str = "default") -> Head:
    return head_of(line(completed(route=route), context(tenant_id=tenant_id)))


def test_events_are_counted_by_type_tenant_and_route_until_they_are_taken():
    summary = Summary()
    for head in (_head(), _head(), _head(route="other"), head_of(line(started(), context(tenant_id="t1")))):
        summary.add(head)

    told = msgspec.json.decode(summary.take() or "")
    assert told["type"] == "summary"
    rows = {(row["event_type"], row["tenant_id"], row["route"]): row["count"] for row in told["events"]}
    assert rows == {
        ("llm.request.completed", "t1", "default"): 2,
        ("llm.request.completed", "t1", "other"): 1,
        ("llm.request.started", "t1", ""): 1,
    }
    assert summary.take() is None


def test_a_platform_of_many_tenants_fits_one_message():
    summary = Summary()
    for number in range(MOST_KINDS + 50):
        summary.add(_head(f"t{number}"))

    rows = msgspec.json.decode(summary.take() or "")["events"]
    assert len(rows) == MOST_KINDS + 1
    assert rows[-1] == {"event_type": "llm.request.completed", "tenant_id": ANY, "route": ANY, "count": 50}
