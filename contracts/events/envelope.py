"""The envelope that every event travels in, and what payloads have in common."""

from __future__ import annotations

from typing import ClassVar

import msgspec

SCHEMA_VERSION = 1

LAYERS = {1: "foundation", 2: "orchestration", 3: "intelligence", 4: "observability", 5: "presentation"}


class EventPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all payloads: ``event_type`` and ``layer`` belong to the class, not to the instance."""

    event_type: ClassVar[str] = ""
    layer: ClassVar[int] = 1


class EventContext(msgspec.Struct, frozen=True):
    """Whose event this is and which call it belongs to; empty strings where there is none."""

    tenant_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    correlation_id: str = ""


class SameEvent(EventContext, frozen=True, kw_only=True):
    """The context of an event that may be told more than once and is one event all the same: it is stored once."""

    event_id: str
    at_ns: int
    """When it happened, in Unix nanoseconds."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What travels on the bus. ``payload`` is an undecoded JSON object of the type's struct."""

    event_id: str
    event_type: str
    schema_version: int
    timestamp: str
    """RFC 3339, UTC, microseconds, ``Z``."""
    layer: int
    service_name: str
    env: str
    tenant_id: str
    trace_id: str
    span_id: str
    correlation_id: str
    payload: msgspec.Raw
