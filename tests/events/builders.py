"""Events as the gateway emits them, with what a test cares about set."""

from datetime import UTC, datetime
from typing import Any

from contracts.events import (
    AttemptCompleted,
    AttemptFailed,
    CacheHit,
    CacheMissed,
    EventContext,
    EventPayload,
    GuardrailMatched,
    RequestCompleted,
    RequestFailed,
    RequestRejected,
    RequestStarted,
)
from contracts.ids import new_correlation_id, new_span_id, new_trace_id
from events.collector.incoming import EventDecoder, Incoming
from events.engine.bus import Batch
from events.engine.envelope import EnvelopeEncoder
from events.engine.spool import START, Position

TENANT = "0193a000-0000-7000-8000-000000000001"


def context(correlation_id: str = "", tenant_id: str = TENANT) -> EventContext:
    return EventContext(tenant_id, new_trace_id(), new_span_id(), correlation_id or new_correlation_id())


def started(**fields: Any) -> RequestStarted:
    return RequestStarted(**{"endpoint": "/v1/chat/completions", "operation": "chat", "key_id": "key-1", **fields})


def completed(**fields: Any) -> RequestCompleted:
    given = {"endpoint": "/v1/chat/completions", "operation": "chat", "key_id": "key-1", "route": "default"}
    figures = {"provider": "openai", "model": "gpt", "duration_ms": 12.5, "overhead_ms": 0.5}
    return RequestCompleted(**{**given, **figures, **fields})


def failed(**fields: Any) -> RequestFailed:
    given = {"endpoint": "/v1/chat/completions", "operation": "chat", "key_id": "key-1", "duration_ms": 3.0}
    error = {"error_code": "PROVIDER_TIMEOUT", "error_message": "Too slow.", "http_status": 504}
    return RequestFailed(**{**given, **error, **fields})


def rejected(**fields: Any) -> RequestRejected:
    given = {"endpoint": "/v1/chat/completions", "error_code": "RATE_LIMITED", "error_message": "Slow down."}
    return RequestRejected(**{**given, "http_status": 429, **fields})


def attempt_completed(**fields: Any) -> AttemptCompleted:
    return AttemptCompleted(
        **{"attempt": 1, "target_id": "t1", "provider": "openai", "model": "gpt", "duration_ms": 12.0, **fields}
    )


def attempt_failed(**fields: Any) -> AttemptFailed:
    target = {"attempt": 1, "target_id": "t1", "provider": "openai", "model": "gpt", "duration_ms": 5.0}
    return AttemptFailed(**{**target, "error_code": "PROVIDER_UNAVAILABLE", "error_message": "Refused.", **fields})


def line(payload: EventPayload, of: EventContext, now: datetime | None = None) -> bytes:
    now_ns = int((now or datetime.now(UTC)).timestamp() * 1_000_000) * 1000
    encoder = EnvelopeEncoder(service_name="breakwater", env="test")
    lines, _ = encoder.encode_lines([encoder.envelope(payload, of, now_ns)])
    return lines.removesuffix(b"\n")


def incoming(payload: EventPayload, of: EventContext, now: datetime | None = None) -> Incoming:
    from datetime import timedelta

    now = now or datetime.now(UTC)
    events, refused = EventDecoder(retention=timedelta(days=30)).decode(line(payload, of, now), now)
    assert not refused
    return events[0]


def batch(
    data: bytes,
    *,
    spool_id: str = "spool-1",
    after: Position = START,
    end: Position | None = None,
    acked: Position = START,
) -> Batch:
    return Batch(spool_id, after=after, end=end or Position(1, len(data)), acked=acked, data=data)


def matched(**fields: Any) -> GuardrailMatched:
    rule = {"policy_id": "p-1", "policy": "standard", "version": 1, "rule_id": "r-1", "rule": "Rivals", "kind": "words"}
    found = {"stage": "input", "action": "block", "entities": {"RIVAL": 1}, "route": "default", "key_id": "key-1"}
    return GuardrailMatched(**{**rule, **found, **fields})


def cache_hit(**fields: Any) -> CacheHit:
    given = {"route": "default", "provider": "openai", "model": "gpt", "key_id": "key-1", "source": "redis"}
    return CacheHit(**{**given, "age_s": 3.0, "saved_nanousd": 1_000, **fields})


def cache_missed(**fields: Any) -> CacheMissed:
    return CacheMissed(**{"route": "default", "key_id": "key-1", "reason": "absent", **fields})
