"""Server-sent events from bytes that arrive in any pieces (WHATWG HTML, section 9.2.6).

``data`` stays bytes: everything that reads it hands it to a JSON decoder, which checks the UTF-8 itself, and a
character split over two pieces is whole again by the time its event is.
"""

from __future__ import annotations

import msgspec

from contracts.errors import ProviderBadResponse

MAX_EVENT_BYTES = 16 * 1024 * 1024
"""Far above any text delta; room for an image that a provider sends as one event."""

_BOM = b"\xef\xbb\xbf"


class SseEvent(msgspec.Struct, frozen=True):
    """One dispatched event. ``event`` is ``message`` when the server named none."""

    event: str
    data: bytes


class SseParser:
    """Cuts one response into events; ``id`` and ``retry`` are ignored because nothing reconnects."""

    __slots__ = ("_after_cr", "_at_start", "_max_event_bytes", "_tail")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._tail = bytearray()
        self._after_cr = False
        self._at_start = True
        self._max_event_bytes = max_event_bytes

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that ``data`` completes.

        Raises:
            ProviderBadResponse: an event is longer than ``max_event_bytes``.
        """
        if self._after_cr or b"\r" in data:
            data = self._with_line_feeds(data)
        if self._tail:
            search_from = len(self._tail) - 1
            self._tail += data
            if self._tail.find(b"\n\n", search_from) < 0:
                self._refuse_if_too_long(len(self._tail))
                return []
            data = bytes(self._tail)
            self._tail.clear()
        *blocks, rest = data.split(b"\n\n")
        if rest:
            self._refuse_if_too_long(len(rest))
            self._tail += rest
        events = []
        for block in blocks:
            event = self._event(block)
            if event is not None:
                events.append(event)
        return events

    def close(self) -> list[SseEvent]:
        """The last event when only its blank line is missing.

        The standard would discard it; some servers end the response right after the last line, and what is lost
        then is the usage. A line that was cut in the middle is discarded.
        """
        block, self._tail = bytes(self._tail), bytearray()
        if not block.endswith(b"\n"):
            return []
        event = self._event(block[:-1])
        return [] if event is None else [event]

    def _with_line_feeds(self, data: bytes) -> bytes:
        """``data`` with CR and CRLF as LF, also where a CRLF is split over two pieces."""
        if not data:
            return data
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _refuse_if_too_long(self, size: int) -> None:
        if size > self._max_event_bytes:
            raise ProviderBadResponse(f"The provider sent a stream event of more than {self._max_event_bytes} bytes.")

    def _event(self, block: bytes) -> SseEvent | None:
        self._refuse_if_too_long(len(block))
        if self._at_start:
            self._at_start = False
            block = block.removeprefix(_BOM)
        if block.startswith(b"data: ") and b"\n" not in block:
            return SseEvent("message", block[6:])
        return _event_of_lines(block.split(b"\n"))


def _event_of_lines(lines: list[bytes]) -> SseEvent | None:
    """The event that these lines make up; None when they hold no ``data`` field."""
    name = b""
    data: list[bytes] = []
    for line in lines:
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    if not data:
        return None
    return SseEvent(name.decode("utf-8", "replace") or "message", b"\n".join(data))
