"""Lines from the bus become events or, with the reason, quarantined lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from contracts.events import SCHEMA_VERSION, Envelope, EventPayload, payload_types
from events.engine.envelope import encodable

CLOCK_SKEW: Final = timedelta(days=1)
"""How far in the future an event of another machine may lie."""
_NUL: Final = b"\\u0000"


class Incoming(NamedTuple):
    """A valid event: its line as it came, its envelope and its typed payload."""

    line: bytes
    envelope: Envelope
    occurred_at: datetime
    payload: EventPayload
    payload_json: str
    """What PostgreSQL stores: JSON without NUL characters, which jsonb refuses."""

    @property
    def day(self) -> date:
        """The UTC day, by which the table is partitioned."""
        return self.occurred_at.date()


class Refused(NamedTuple):
    """A line that is kept aside."""

    line: bytes
    reason: str
    """``not_an_event`` | ``unknown_type`` | ``unknown_version`` | ``invalid_payload`` | ``bad_timestamp`` |
    ``out_of_range`` | ``refused_by_database``."""
    detail: str


class EventDecoder:
    """Decodes and checks lines. ``retention`` bounds how old an event may be and still get a partition."""

    def __init__(self, *, retention: timedelta) -> None:
        self._retention = retention
        self._envelope = msgspec.json.Decoder(Envelope)
        self._payloads = {name: msgspec.json.Decoder(struct) for name, struct in payload_types().items()}

    def decode(self, data: bytes, now: datetime) -> tuple[list[Incoming], list[Refused]]:
        """Events and refused lines of a batch, each in order. Empty lines are nothing."""
        events: list[Incoming] = []
        refused: list[Refused] = []
        for line in data.split(b"\n"):
            if not line:
                continue
            outcome = self._decode_line(line, now)
            if isinstance(outcome, Incoming):
                events.append(outcome)
            else:
                refused.append(outcome)
        return events, refused

    def _decode_line(self, line: bytes, now: datetime) -> Incoming | Refused:
        try:
            envelope = self._envelope.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Refused(line, "not_an_event", str(error))
        if envelope.schema_version != SCHEMA_VERSION:
            return Refused(line, "unknown_version", str(envelope.schema_version))
        decoder = self._payloads.get(envelope.event_type)
        if decoder is None:
            return Refused(line, "unknown_type", envelope.event_type)
        try:
            payload_json = _storable(bytes(envelope.payload))
            payload = decoder.decode(payload_json)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return Refused(line, "invalid_payload", str(error))
        try:
            occurred_at = datetime.fromisoformat(envelope.timestamp).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            return Refused(line, "bad_timestamp", str(error))
        if not now - self._retention <= occurred_at <= now + CLOCK_SKEW:
            return Refused(line, "out_of_range", envelope.timestamp)
        return Incoming(line, envelope, occurred_at, payload, payload_json)


def days_of(events: Iterable[Incoming]) -> set[date]:
    """The UTC days for which partitions are needed."""
    return {event.day for event in events}


def _storable(payload: bytes) -> str:
    if _NUL in payload:
        payload = msgspec.json.encode(encodable(msgspec.json.decode(payload)))
    return payload.decode()
