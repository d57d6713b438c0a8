"""Runs, merged from ``llm.request.*`` events in whatever order and however often they arrive. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from contracts.events import EventPayload, RequestCompleted, RequestFailed, RequestRejected, RequestStarted
from events.collector.incoming import Incoming

RUNNING, REJECTED, COMPLETED, FAILED = 0, 2, 3, 4
"""Values of :class:`events.models.RunState`; a test holds the two together."""

_STATES: Final = {
    RequestStarted: RUNNING,
    RequestRejected: REJECTED,
    RequestCompleted: COMPLETED,
    RequestFailed: FAILED,
}

FACTS: Final = (
    "endpoint",
    "operation",
    "mode",
    "key_id",
    "team_id",
    "end_user",
    "tags",
    "requested_model",
    "route",
    "provider",
    "model",
    "stream",
    "finish_reason",
    "error_code",
    "error_message",
    "http_status",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "usage_estimated",
    "cost_nanousd",
    "duration_ms",
    "overhead_ms",
    "first_token_ms",
    "attempts",
    "fallback_used",
    "degraded",
)
"""Columns that an event may tell; None where it does not."""

_FIELD_OF: Final = {fact: "user" if fact == "end_user" else fact for fact in FACTS}
_FIELDS: Final = {
    struct: tuple(_FIELD_OF[fact] if _FIELD_OF[fact] in struct.__struct_fields__ else None for fact in FACTS)
    for struct in _STATES
}


class RunFacts(msgspec.Struct):
    """What is known of one run. ``facts`` runs parallel to :data:`FACTS`."""

    correlation_id: str
    tenant_id: str
    trace_id: str
    state: int
    started_at: datetime
    ended_at: datetime | None
    facts: list[Any]

    def merge(self, other: RunFacts) -> RunFacts:
        """Both together: the later state's word counts, the other fills the gaps. Commutative for one call's events."""
        first, second = (self, other) if self.state >= other.state else (other, self)
        return RunFacts(
            first.correlation_id,
            first.tenant_id,
            first.trace_id,
            first.state,
            min(first.started_at, second.started_at),
            first.ended_at or second.ended_at,
            [second_one if one is None else one for one, second_one in zip(first.facts, second.facts, strict=True)],
        )


def run_facts(event: Incoming) -> RunFacts | None:
    """What the event tells of its run; None when it is not about a call as a whole."""
    payload = event.payload
    kind = type(payload)
    state = _STATES.get(kind)
    if state is None or not event.envelope.correlation_id:
        return None
    ended = state != RUNNING
    duration_ms = getattr(payload, "duration_ms", 0.0)
    return RunFacts(
        event.envelope.correlation_id,
        event.envelope.tenant_id,
        event.envelope.trace_id,
        state,
        event.occurred_at - timedelta(milliseconds=duration_ms),
        event.occurred_at if ended else None,
        [_told(payload, field) for field in _FIELDS[kind]],
    )


def merged_runs(events: Iterable[Incoming]) -> list[RunFacts]:
    """One entry per run, ordered by correlation id (the order in which rows are locked)."""
    runs: dict[str, RunFacts] = {}
    for event in events:
        facts = run_facts(event)
        if facts is None:
            continue
        known = runs.get(facts.correlation_id)
        runs[facts.correlation_id] = facts if known is None else known.merge(facts)
    return [runs[correlation_id] for correlation_id in sorted(runs)]


def _told(payload: EventPayload, field: str | None) -> Any:
    """The field's value; None where the struct has no such field or says nothing in it (no tags)."""
    value = getattr(payload, field) if field is not None else None
    return None if value == {} else value
