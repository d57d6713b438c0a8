"""What reads events and runs, always of one tenant."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet

from events.models import EventRecord, Run, RunState

MAX_RUN_DURATION = timedelta(hours=2)
"""Events of a run lie within this after its start: bounds the daily partitions that are looked at."""
MAX_RUN_EVENTS = 500

_ATTEMPTS = {
    "llm.attempt.completed": "completed",
    "llm.attempt.failed": "failed",
    "llm.attempt.cancelled": "cancelled",
}


def runs_of_tenant(tenant_id: str) -> QuerySet[Run]:
    """The tenant's runs, newest first."""
    return Run.objects.filter(tenant_id=tenant_id).order_by("-started_at")


def events_of_tenant(tenant_id: str) -> QuerySet[EventRecord]:
    """The tenant's events, newest first; filter by ``occurred_at`` to stay within few partitions."""
    return EventRecord.objects.filter(tenant_id=tenant_id).order_by("-event_id")


def run_of(tenant_id: str, correlation_id: str) -> dict[str, Any] | None:
    """Everything about one call as JSON-able values; None when the tenant has no such run.

    Durations are ms, ``cost.nanousd`` is None where the price is unknown; ``input`` and ``output`` are there only
    where the tenant stores payloads.
    """
    run = runs_of_tenant(tenant_id).filter(pk=correlation_id).first()
    if run is None:
        return None
    events = _events(run)
    return {
        "id": run.correlation_id,
        "object": "run",
        "correlation_id": run.correlation_id,
        "trace_id": run.trace_id,
        "tenant_id": run.tenant_id,
        "state": RunState(run.state).label,
        **_request(run),
        "error": _error(run),
        "usage": _usage(run),
        "cost": _cost(run),
        "timings": _timings(run, events),
        "attempts": _attempts(events),
        "input": _stored(events, "input"),
        "output": _stored(events, "output"),
        "grounding": _grounding(events),
        "events": [_event(event) for event in events],
    }


def events_of_run(tenant_id: str, correlation_id: str) -> list[EventRecord]:
    """The run's events in the order in which they were emitted; none when the tenant has no such run."""
    run = runs_of_tenant(tenant_id).filter(pk=correlation_id).first()
    return _events(run) if run is not None else []


def _events(run: Run) -> list[EventRecord]:
    near = EventRecord.objects.filter(
        tenant_id=run.tenant_id,
        correlation_id=run.correlation_id,
        occurred_at__gte=run.started_at - timedelta(minutes=5),
        occurred_at__lte=run.started_at + MAX_RUN_DURATION,
    )
    return list(near.order_by("event_id")[:MAX_RUN_EVENTS])


def _grounding(events: list[EventRecord]) -> dict[str, Any] | None:
    """On which passages the answer rests, and how far, as it was judged last; None where it rests on none."""
    judged = [one.payload for one in events if one.event_type == "rag.answer.assessed"]
    if not judged:
        return None
    return {name: value for name, value in judged[-1].items() if name not in ("route", "model")}


def _request(run: Run) -> dict[str, Any]:
    return {
        "endpoint": run.endpoint,
        "operation": run.operation,
        "mode": run.mode,
        "stream": run.stream,
        "key_id": run.key_id,
        "team_id": run.team_id,
        "user": run.end_user,
        "tags": run.tags or {},
        "requested_model": run.requested_model,
        "route": run.route,
        "provider": run.provider,
        "model": run.model,
        "finish_reason": run.finish_reason,
        "fallback_used": bool(run.fallback_used),
        "degraded": bool(run.degraded),
    }


def _error(run: Run) -> dict[str, Any] | None:
    if run.error_code is None:
        return None
    return {"code": run.error_code, "message": run.error_message, "http_status": run.http_status}


def _usage(run: Run) -> dict[str, Any]:
    return {
        "input_tokens": run.input_tokens or 0,
        "output_tokens": run.output_tokens or 0,
        "total_tokens": (run.input_tokens or 0) + (run.output_tokens or 0),
        "cached_input_tokens": run.cached_input_tokens or 0,
        "cache_write_tokens": run.cache_write_tokens or 0,
        "reasoning_tokens": run.reasoning_tokens or 0,
        "estimated": bool(run.usage_estimated),
    }


def _cost(run: Run) -> dict[str, Any]:
    nanousd = run.cost_nanousd
    return {"nanousd": nanousd, "usd": nanousd / 1_000_000_000 if nanousd is not None else None, "currency": "USD"}


def _timings(run: Run, events: list[EventRecord]) -> dict[str, Any]:
    queued = [event.payload.get("queue_ms", 0.0) for event in events if event.event_type in _ATTEMPTS]
    return {
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "duration_ms": run.duration_ms,
        "overhead_ms": run.overhead_ms,
        "first_token_ms": run.first_token_ms,
        "queue_ms": sum(queued),
    }


def _attempts(events: list[EventRecord]) -> list[dict[str, Any]]:
    found = [
        {"result": _ATTEMPTS[event.event_type], **event.payload, "ended_at": event.occurred_at.isoformat()}
        for event in events
        if event.event_type in _ATTEMPTS
    ]
    return sorted(found, key=lambda attempt: attempt["attempt"])


def _stored(events: list[EventRecord], field: str) -> Any:
    for event in events:
        if event.event_type.startswith("llm.request.") and event.payload.get(field) is not None:
            return event.payload[field]
    return None


def _event(event: EventRecord) -> dict[str, Any]:
    payload = {key: value for key, value in event.payload.items() if key not in ("input", "output", "text")}
    return {
        "event_id": str(event.event_id),
        "event_type": event.event_type,
        "schema_version": event.schema_version,
        "timestamp": event.occurred_at.isoformat(),
        "layer": event.layer,
        "service_name": event.service_name,
        "span_id": event.span_id,
        "payload": payload,
    }
