"""What a connection asked for, and the messages of its protocol. Pure."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from contracts.errors import InvalidRequest

MAX_SUBSCRIPTIONS: Final = 100
MAX_MESSAGE_BYTES: Final = 16_384


class ClientMessage(msgspec.Struct, kw_only=True):
    """What clients send. ``all`` and the two selections may be combined; each adds to (or takes from) the rest."""

    type: Literal["subscribe", "unsubscribe", "ping"]
    correlation_id: str | None = None
    event_types: list[str] | None = None
    """Exact types, or ``llm.*``: everything below ``llm.``."""
    all: bool = False
    replay: bool = True
    """With ``correlation_id``: first send what the run has had so far."""


_decoder = msgspec.json.Decoder(ClientMessage)


def parse_message(text: str | None) -> ClientMessage:
    """A client's message.

    Raises:
        InvalidRequest: it is not one; the text says why.
    """
    if text is None:
        raise InvalidRequest("Send text frames that hold a JSON object.")
    if len(text) > MAX_MESSAGE_BYTES:
        raise InvalidRequest(f"A message may have at most {MAX_MESSAGE_BYTES} characters.")
    try:
        message = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidRequest(f"Not a message of this protocol: {error}") from error
    if message.type != "ping" and not (message.correlation_id or message.event_types or message.all):
        raise InvalidRequest("Name a 'correlation_id' or 'event_types', or say \"all\": true.")
    return message


class Head(msgspec.Struct):
    """The part of an envelope that decides who sees it."""

    event_id: str
    event_type: str
    timestamp: str
    trace_id: str
    correlation_id: str
    payload: msgspec.Raw


_head_decoder = msgspec.json.Decoder(Head)


def head_of(line: bytes) -> Head:
    """The head of an encoded envelope."""
    return _head_decoder.decode(line)


class Subscriptions:
    """The events that one connection wants. Nothing, until it subscribes."""

    def __init__(self) -> None:
        self.all = False
        self.correlation_ids: set[str] = set()
        self.event_types: set[str] = set()
        self.prefixes: set[str] = set()

    def add(self, message: ClientMessage) -> None:
        """Subscribe.

        Raises:
            InvalidRequest: too many subscriptions.
        """
        wanted = len(message.event_types or ()) + (message.correlation_id is not None)
        if self.count() + wanted > MAX_SUBSCRIPTIONS:
            raise InvalidRequest(f"A connection may have at most {MAX_SUBSCRIPTIONS} subscriptions.")
        self.all = self.all or message.all
        if message.correlation_id:
            self.correlation_ids.add(message.correlation_id)
        for name in message.event_types or ():
            (self.prefixes if name.endswith("*") else self.event_types).add(name.rstrip("*"))

    def remove(self, message: ClientMessage) -> None:
        """Unsubscribe from what the message names; from everything when it says ``all``."""
        if message.all:
            self.all = False
            for chosen in (self.correlation_ids, self.event_types, self.prefixes):
                chosen.clear()
            return
        self.correlation_ids.discard(message.correlation_id or "")
        for name in message.event_types or ():
            (self.prefixes if name.endswith("*") else self.event_types).discard(name.rstrip("*"))

    def count(self) -> int:
        """How many there are."""
        return self.all + len(self.correlation_ids) + len(self.event_types) + len(self.prefixes)

    def want(self, event_type: str, correlation_id: str) -> bool:
        """Whether the connection asked for such an event."""
        return (
            self.all
            or correlation_id in self.correlation_ids
            or event_type in self.event_types
            or any(event_type.startswith(prefix) for prefix in self.prefixes)
        )


# --- what the server sends ---------------------------------------------------------------------------

STATES: Final = {
    "llm.request.started": "running",
    "llm.request.completed": "completed",
    "llm.request.failed": "failed",
    "llm.request.rejected": "rejected",
}
_STATE_FIELDS: Final = (
    "route",
    "provider",
    "model",
    "duration_ms",
    "first_token_ms",
    "input_tokens",
    "output_tokens",
    "cost_nanousd",
    "error_code",
    "http_status",
)


def event_message(line: bytes) -> str:
    """``run.event``: the envelope as it was emitted."""
    return f'{{"type":"run.event","event":{line.decode()}}}'


def further_message(head: Head, line: bytes) -> str | None:
    """What an event means beyond itself: ``run.state`` when it changes its run's, ``alert.triggered`` for an alert."""
    state = STATES.get(head.event_type)
    if state is not None:
        payload = msgspec.json.decode(head.payload)
        return encode(
            {
                "type": "run.state",
                "correlation_id": head.correlation_id,
                "trace_id": head.trace_id,
                "state": state,
                "timestamp": head.timestamp,
                **{field: payload[field] for field in _STATE_FIELDS if field in payload},
            }
        )
    if head.event_type.startswith("alert.") and head.event_type.endswith(".triggered"):
        return f'{{"type":"alert.triggered","alert":{line.decode()}}}'
    return None


def encode(message: dict[str, Any]) -> str:
    """A message as text."""
    return msgspec.json.encode(message).decode()
