"""One event as one line of JSON: the form in which it travels from the emitter to PostgreSQL."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.events import SCHEMA_VERSION, EventContext, EventPayload, SameEvent
from contracts.ids import new_event_id

log = logging.getLogger(__name__)


class Outgoing(msgspec.Struct):
    """:class:`contracts.events.Envelope` with the payload still a struct, so that one encoder pass writes both."""

    event_id: str
    event_type: str
    schema_version: int
    timestamp: str
    layer: int
    service_name: str
    env: str
    tenant_id: str
    trace_id: str
    span_id: str
    correlation_id: str
    payload: Any


class Rfc3339:
    """Formats instants as RFC 3339 in UTC with microseconds; keeps the second's text, which is most of the work."""

    __slots__ = ("_prefix", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._prefix = ""

    def format(self, unix_ns: int) -> str:
        """Text of an instant given in Unix nanoseconds, such as ``2026-11-21T07:28:35.000042Z``."""
        second, rest = divmod(unix_ns, 1_000_000_000)
        if second != self._second:
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
            self._second = second
        return f"{self._prefix}{rest // 1000:06d}Z"


class EnvelopeEncoder:
    """Encodes events of one process; not thread-safe."""

    def __init__(self, *, service_name: str, env: str) -> None:
        self._service_name = service_name
        self._env = env
        self._clock_text = Rfc3339()
        self._json = msgspec.json.Encoder()

    def envelope(self, payload: EventPayload, context: EventContext, at_ns: int) -> Outgoing:
        """The event that happened at ``at_ns`` (Unix nanoseconds), unless its context says when that was."""
        if isinstance(context, SameEvent):
            event_id, at_ns = context.event_id, context.at_ns
        else:
            event_id = new_event_id()
        return Outgoing(
            event_id,
            payload.event_type,
            SCHEMA_VERSION,
            self._clock_text.format(at_ns),
            payload.layer,
            self._service_name,
            self._env,
            context.tenant_id,
            context.trace_id,
            context.span_id,
            context.correlation_id,
            payload,
        )

    def encode_lines(self, outgoing: Sequence[Outgoing]) -> tuple[bytes, int]:
        """The events as newline-terminated JSON, and how many of them could not be made JSON and are left out."""
        try:
            return self._json.encode_lines(outgoing), 0
        except (TypeError, ValueError, OverflowError):
            lines = [self._encode_anyhow(one) for one in outgoing]
        found = [line for line in lines if line is not None]
        return b"".join(line + b"\n" for line in found), len(lines) - len(found)

    def _encode_anyhow(self, outgoing: Outgoing) -> bytes | None:
        try:
            return self._json.encode(outgoing)
        except (TypeError, ValueError, OverflowError):
            # Lone surrogates and integers beyond 64 bits reach us inside stored prompts; the event must not be lost.
            outgoing.payload = encodable(msgspec.to_builtins(outgoing.payload, enc_hook=str))
        try:
            return self._json.encode(outgoing)
        except (TypeError, ValueError, OverflowError):
            log.exception("An event of type %s could not be encoded", outgoing.event_type)
            return None


def encodable(value: Any) -> Any:
    """``value`` with what neither JSON nor PostgreSQL can hold replaced: lone surrogates, NUL, huge integers."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {encodable(str(key)): encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value
