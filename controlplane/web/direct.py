"""A way past ASGI's messages for requests that are here whole and answers that are written at once.

Nearly all calls are both. ASGI's ``receive`` and ``send`` cost such a call about a tenth of its processor time.
"""

from __future__ import annotations

from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle


class DirectExchange:
    """One request and its answer; ``receive`` and ``send`` may be used instead at any time."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def whole_body(self) -> bytes | None:
        """The request's body; None if it is not all here yet and has to be received."""
        return None if self._cycle.more_body else bytes(self._cycle.body)

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Write a whole answer, whose headers include its length; False, and nothing is written, when the client does
        not read what it was sent before: ``send`` waits for that.

        Raises:
            RuntimeError: a header contains a line break, or an answer has begun.
        """
        cycle = self._cycle
        if cycle.disconnected:
            return True
        if cycle.flow.write_paused:
            return False
        if cycle.response_started:
            raise RuntimeError("An answer has begun already.")
        lines = [STATUS_LINE[status]]
        for name, value in cycle.default_headers:
            lines.append(b"%b: %b\r\n" % (name, value))
        for name, value in headers:
            if name == b"connection" and value == b"close":
                cycle.keep_alive = False
            else:
                lines.append(b"%b: %b\r\n" % (name, value))
        if not cycle.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise RuntimeError("A header contains a line break.")
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"%b\r\n%b" % (head, body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True
