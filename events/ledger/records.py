"""Ledger rows, made of the events that end calls. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from contracts.events import EndedCall, EventPayload, RequestCompleted, RequestFailed
from events.collector.incoming import Incoming
from events.ledger.measures import TOKEN_KINDS

COLUMNS: Final = (
    "event_id",
    "occurred_at",
    "correlation_id",
    "tenant_id",
    "team_id",
    "key_id",
    "end_user",
    "route",
    "provider",
    "model",
    "tags",
    "operation",
    "endpoint",
    "status",
    "error_code",
    *TOKEN_KINDS,
    "usage_estimated",
    "cost_nanousd",
    "price_unknown",
    "cached_answer",
    "duration_us",
    "first_token_us",
    "retries",
    "fallback_used",
)
_OCCURRED_AT: Final = COLUMNS.index("occurred_at")
_TAGS: Final = COLUMNS.index("tags")
CORRELATION_ID: Final = COLUMNS.index("correlation_id")
TENANT_ID: Final = COLUMNS.index("tenant_id")

Row = tuple[Any, ...]


class UsageBatch(msgspec.Struct, frozen=True):
    """Rows parallel to :data:`COLUMNS`, oldest first, at most one per call; and what they have in them."""

    rows: list[Row]
    first: datetime
    last: datetime
    has_tags: bool


def usage_rows(events: Iterable[Incoming]) -> UsageBatch | None:
    """What is to be billed of these events; None when no call ended.

    Of two events that end one call, which should not be, the earlier one counts.
    """
    ended = [event for event in events if isinstance(event.payload, EndedCall)]
    if not ended:
        return None
    ended.sort(key=lambda event: (event.occurred_at, event.envelope.event_id))
    rows: list[Row] = []
    seen: set[tuple[str, str]] = set()
    for event in ended:
        call = (event.envelope.tenant_id, event.envelope.correlation_id)
        if call in seen:
            continue
        if call[1]:
            seen.add(call)
        rows.append(_row(event))
    return UsageBatch(rows, rows[0][_OCCURRED_AT], rows[-1][_OCCURRED_AT], any(row[_TAGS] is not None for row in rows))


def _row(event: Incoming) -> Row:
    payload = event.payload
    assert isinstance(payload, EndedCall)
    envelope = event.envelope
    failed = isinstance(payload, RequestFailed)
    return (
        envelope.event_id,
        event.occurred_at,
        envelope.correlation_id,
        envelope.tenant_id,
        payload.team_id or None,
        payload.key_id,
        payload.user or None,
        *_target(payload),
        msgspec.json.encode(payload.tags).decode() if payload.tags else None,
        payload.operation,
        payload.endpoint,
        "failed" if failed else "completed",
        payload.error_code if isinstance(payload, RequestFailed) else None,
        *(max(0, getattr(payload, kind, 0)) for kind in TOKEN_KINDS),
        payload.usage_estimated,
        payload.cost_nanousd,
        payload.cost_nanousd is None,
        bool(getattr(payload, "cached", False)),
        round(payload.duration_ms * 1000),
        None if payload.first_token_ms is None else round(payload.first_token_ms * 1000),
        max(0, payload.attempts - 1),
        payload.fallback_used,
    )


def _target(payload: EventPayload) -> tuple[str | None, str | None, str | None]:
    assert isinstance(payload, RequestCompleted | RequestFailed)
    return payload.route or None, payload.provider or None, payload.model or None
