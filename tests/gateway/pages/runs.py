"""Rows of runs and their events, as the collector would have written them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.utils import timezone

from contracts.events import AttemptCompleted, AttemptFailed, DecisionMade, EventPayload, FallbackUsed
from contracts.ids import new_correlation_id, new_event_id, new_trace_id
from events.models import EventRecord, Run, RunState
from tenants.models import Tenant
from tests.events.builders import completed, started

PROMPT = [{"role": "user", "content": "How high is the lighthouse?"}]
ANSWER = {"role": "assistant", "content": "It is 42 metres high."}


@pytest.fixture
def kept_events(db: None) -> Iterator[None]:
    """A partition for events of any day."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE events_event_any PARTITION OF events_event DEFAULT")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS events_event_any")


def make_run(tenant: Tenant, *, ago: timedelta = timedelta(minutes=5), **fields: Any) -> Run:
    began = timezone.now() - ago
    given = {
        "correlation_id": new_correlation_id(),
        "trace_id": new_trace_id(),
        "tenant_id": str(tenant.pk),
        "state": RunState.COMPLETED,
        "started_at": began,
        "ended_at": began + timedelta(milliseconds=800),
        "endpoint": "/v1/chat/completions",
        "operation": "chat",
        "requested_model": "support",
        "route": "support",
        "provider": "openai",
        "model": "gpt-mini",
        "input_tokens": 1_200,
        "output_tokens": 34,
        "cost_nanousd": 4_200_000,
        "duration_ms": 800.0,
        "attempts": 1,
    }
    return Run.objects.create(**{**given, **fields})


def tell(run: Run, payload: EventPayload, after_ms: float) -> EventRecord:
    """One event of the run, unsaved."""
    return EventRecord(
        event_id=uuid.UUID(new_event_id()),
        occurred_at=run.started_at + timedelta(milliseconds=after_ms),
        event_type=payload.event_type,
        schema_version=1,
        layer=payload.layer,
        service_name="breakwater",
        env="test",
        tenant_id=run.tenant_id,
        trace_id=run.trace_id,
        span_id="",
        correlation_id=run.correlation_id,
        payload=msgspec.to_builtins(payload),
    )


def story_events(run: Run, *, prompt: Any = None, answer: Any = None) -> list[EventRecord]:
    """A call whose first target failed and whose second answered."""
    target: dict[str, Any] = {"target_id": "t", "model": "gpt-mini"}
    failure = AttemptFailed(
        **target, attempt=1, provider="anthropic", duration_ms=100, error_code="PROVIDER_UNAVAILABLE",
        error_message="anthropic answered 503.", upstream_status=503, will_retry=True,
    )  # fmt: skip
    success = AttemptCompleted(**target, attempt=2, provider="openai", duration_ms=690, first_token_ms=200)
    order = ["anthropic/gpt-mini", "openai/gpt-mini"]
    decision = DecisionMade(route="support", route_reason="model", strategy="priority", targets=order)
    moved = FallbackUsed(from_target=order[0], to_target=order[1], reason="PROVIDER_UNAVAILABLE")
    ended = completed(duration_ms=800, attempts=2, fallback_used=True, finish_reason="stop", output=answer)
    return [
        tell(run, started(input=prompt), 2),
        tell(run, decision, 3),
        tell(run, failure, 103),
        tell(run, moved, 103),
        tell(run, success, 795),
        tell(run, ended, 800),
    ]


def keep(events: list[EventRecord]) -> None:
    """Write the events; wants ``kept_events``."""
    EventRecord.objects.bulk_create(events)


def at(moment: datetime) -> str:
    """For a URL."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
