from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connections

from contracts.errors import ServiceUnavailable
from events import runs as runs_module
from events.collector.database import conninfo
from events.collector.store import EventStore
from events.runs import DjangoRunReader
from tests.events.builders import TENANT, attempt_completed, attempt_failed, batch, completed, context, line, started

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def stored_run() -> AsyncIterator[str]:
    of = context("req_1")
    events = [
        started(requested_model="fast", input=[{"role": "user", "content": "Hi"}]),
        attempt_failed(attempt=1, queue_ms=2.0),
        attempt_completed(attempt=2),
        completed(input_tokens=4, output_tokens=6, cost_nanousd=2_000_000_000, output={"content": "Ho"}, attempts=2),
    ]
    store = EventStore(await sync_to_async(conninfo)(), retention=timedelta(days=30))
    await store.write([batch(b"".join(line(event, of) + b"\n" for event in events))])
    await store.aclose()
    yield "req_1"
    await sync_to_async(connections.close_all)()


async def test_a_run_tells_its_request_attempts_figures_and_events(stored_run: str):
    reader = DjangoRunReader()
    run = await reader.read(TENANT, stored_run)
    assert run is not None
    msgspec.json.encode(run)
    assert (run["state"], run["requested_model"], run["route"]) == ("completed", "fast", "default")
    assert run["usage"]["total_tokens"] == 10
    assert run["cost"] == {"nanousd": 2_000_000_000, "usd": 2.0, "currency": "USD"}
    assert [(attempt["attempt"], attempt["result"]) for attempt in run["attempts"]] == [(1, "failed"), (2, "completed")]
    assert run["timings"]["queue_ms"] == 2.0
    assert run["input"] == [{"role": "user", "content": "Hi"}]
    assert run["output"] == {"content": "Ho"}
    assert [event["event_type"] for event in run["events"]] == [
        "llm.request.started",
        "llm.attempt.failed",
        "llm.attempt.completed",
        "llm.request.completed",
    ]
    reader.close()


async def test_another_tenant_does_not_see_it(stored_run: str):
    reader = DjangoRunReader()
    assert await reader.read("other", stored_run) is None
    assert await reader.read(TENANT, "req_unknown") is None
    assert await reader.read(TENANT, "nul\x00") is None
    reader.close()


async def test_a_database_that_is_away_is_a_service_that_is_unavailable(monkeypatch: pytest.MonkeyPatch):
    def away(tenant_id: str, correlation_id: str) -> None:
        raise OperationalError("the connection was refused")

    monkeypatch.setattr(runs_module, "run_of", away)
    reader = DjangoRunReader()
    with pytest.raises(ServiceUnavailable):
        await reader.read(TENANT, "req_1")
    reader.close()
