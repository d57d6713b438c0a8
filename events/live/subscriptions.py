"""What a connection asked for, and the messages of its protocol. Pure."""

from __future__ import annotations

from enum import IntFlag
from typing import Annotated, Any, Final, Literal

import msgspec

from contracts.errors import InvalidRequest

MAX_SUBSCRIPTIONS: Final = 100
MAX_MESSAGE_BYTES: Final = 16_384


class ClientMessage(msgspec.Struct, kw_only=True):
    """What clients send. ``all`` and the two selections may be combined; each adds to (or takes from) the rest."""

    type: Literal["subscribe", "unsubscribe", "configure", "ping"]
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    """Makes a subscription one of its own, with filters; the same id again replaces it."""
    tenants: list[str] | None = None
    """With ``id``: of these tenants (ids) only."""
    routes: list[str] | None = None
    """With ``id``: of these routes only; events that name no route are left out."""
    detail: Literal["events", "summary"] = "events"
    """With ``id``: the envelopes, or counts only."""
    frame_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] | None = None
    """``configure``: gather messages for so long and send them as one ``frame``; 0: each by itself."""
    max_events_per_s: Annotated[int, msgspec.Meta(ge=1, le=1000)] | None = None
    """``configure``: drop, and count, events beyond so many."""
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
    _require_selection(message)
    return message


def _require_selection(message: ClientMessage) -> None:
    if message.type in ("ping", "configure") or (message.type == "unsubscribe" and message.id):
        return
    if not (message.correlation_id or message.event_types or message.all):
        raise InvalidRequest("Name a 'correlation_id' or 'event_types', or say \"all\": true.")
    if message.id and message.correlation_id:
        raise InvalidRequest("A subscription with an 'id' is by 'event_types' or to \"all\".")
    if not message.id and (message.tenants is not None or message.routes is not None or message.detail != "events"):
        raise InvalidRequest("'tenants', 'routes' and 'detail' need an 'id'.")
    if max(len(message.event_types or ()), len(message.tenants or ()), len(message.routes or ())) > MAX_SUBSCRIPTIONS:
        raise InvalidRequest(f"A subscription may list at most {MAX_SUBSCRIPTIONS} of each.")


class Head(msgspec.Struct):
    """The part of an envelope that decides who sees it."""

    event_id: str
    event_type: str
    timestamp: str
    tenant_id: str
    trace_id: str
    correlation_id: str
    payload: msgspec.Raw

    def route(self) -> str:
        """The route that the event names; empty when it names none."""
        return _route_decoder.decode(self.payload).route or ""


class _Routed(msgspec.Struct):
    route: str | None = None


_route_decoder = msgspec.json.Decoder(_Routed)
_head_decoder = msgspec.json.Decoder(Head)


def head_of(line: bytes) -> Head:
    """The head of an encoded envelope."""
    return _head_decoder.decode(line)


class Wanted(IntFlag):
    """What a connection wants of an event."""

    NOTHING = 0
    SUMMARY = 1
    EVENT = 2
    MEANING = 4
    """Also the messages that :func:`further_message` makes of it."""


class Selection:
    """One subscription with an id: by type, tenant and route."""

    def __init__(self, message: ClientMessage) -> None:
        names = ["*"] if message.all else (message.event_types or [])
        self._types = frozenset(name for name in names if not name.endswith("*"))
        self._prefixes = tuple(name.rstrip("*") for name in names if name.endswith("*"))
        self._tenants = None if message.tenants is None else frozenset(message.tenants)
        self._routes = None if message.routes is None else frozenset(message.routes)
        self.wanted = Wanted.SUMMARY if message.detail == "summary" else Wanted.EVENT

    def matches(self, head: Head) -> bool:
        """Whether the event is one of those."""
        if head.event_type not in self._types and not head.event_type.startswith(self._prefixes):
            return False
        if self._tenants is not None and head.tenant_id not in self._tenants:
            return False
        return self._routes is None or head.route() in self._routes


class Subscriptions:
    """The events that one connection wants. Nothing, until it subscribes."""

    def __init__(self) -> None:
        self.selections: dict[str, Selection] = {}
        self.all = False
        self.correlation_ids: set[str] = set()
        self.event_types: set[str] = set()
        self.prefixes: set[str] = set()

    def add(self, message: ClientMessage) -> None:
        """Subscribe.

        Raises:
            InvalidRequest: too many subscriptions.
        """
        if message.id:
            if message.id not in self.selections and self.count() >= MAX_SUBSCRIPTIONS:
                raise InvalidRequest(f"A connection may have at most {MAX_SUBSCRIPTIONS} subscriptions.")
            self.selections[message.id] = Selection(message)
            return
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
        if message.id:
            self.selections.pop(message.id, None)
            return
        if message.all:
            self.all = False
            self.selections.clear()
            for chosen in (self.correlation_ids, self.event_types, self.prefixes):
                chosen.clear()
            return
        self.correlation_ids.discard(message.correlation_id or "")
        for name in message.event_types or ():
            (self.prefixes if name.endswith("*") else self.event_types).discard(name.rstrip("*"))

    def count(self) -> int:
        """How many there are."""
        return self.all + len(self.correlation_ids) + len(self.event_types) + len(self.prefixes) + len(self.selections)

    def wanted(self, head: Head) -> Wanted:
        """What the connection asked for of such an event."""
        found = Wanted.NOTHING
        if self.want(head.event_type, head.correlation_id):
            found = Wanted.EVENT | Wanted.MEANING
        for selection in self.selections.values():
            if not selection.wanted & found and selection.matches(head):
                found |= selection.wanted
        return found

    def want(self, event_type: str, correlation_id: str) -> bool:
        """Whether the connection asked for such an event by a subscription without id."""
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
