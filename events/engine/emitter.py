"""Emitters: the port through which the rest of the product says what happened."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from contracts.events import EventContext, EventPayload
from contracts.ports import Emitter
from events.engine.envelope import EnvelopeEncoder, Outgoing
from events.engine.spool import Spool, SpoolFull

log = logging.getLogger(__name__)

LOW_VALUE = ("llm.attempt.", "router.")
"""Types that are refused first when the spool runs full: the call's own events say what it cost and how it ended."""
RESERVE = 0.1
"""Share of ``max_bytes`` that is kept for all other types."""
PENDING_BYTES = 4 << 20
"""What may wait in memory while the disk refuses writes."""
WRITE_DELAY_S = 0.001
"""How long an event may wait for others that can share its write, or half as long again."""


_Emitted = tuple[EventPayload, EventContext, int]
"""An event, whose it is, and when it happened (Unix nanoseconds)."""


class Observer(Protocol):
    """Sees each event as a struct: metrics."""

    def observe(self, payload: EventPayload, context: EventContext) -> None:
        """Count the event. Must not raise and must not block."""

    def events_dropped(self, reason: str, count: int) -> None:
        """Events that could not be kept: ``spool_full`` | ``low_value`` | ``unencodable``."""


class SpoolEmitter:
    """Writes events to a spool after about ``WRITE_DELAY_S``, or at once where no loop runs. Thread-safe."""

    def __init__(
        self,
        spool: Spool,
        *,
        service_name: str,
        env: str,
        observer: Observer | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._spool = spool
        self._encoder = EnvelopeEncoder(service_name=service_name, env=env)
        self._now_ns = now_ns
        self._observer = observer
        self._lock = threading.Lock()
        self._pending: list[_Emitted] = []
        self._pending_since = 0.0
        """When the oldest of them came (``time.monotonic``)."""
        self._held = b""
        """Lines that the disk refused."""
        self._scheduled_on: asyncio.AbstractEventLoop | None = None
        self._low_value_from = int(spool.max_bytes * (1 - RESERVE))
        self._full = False

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        """Queue one event, to be written and counted by :meth:`flush`: whoever emits goes on at once. Never raises.

        Where no loop runs it is written before this returns.
        """
        with self._lock:
            if not self._pending:
                self._pending_since = time.monotonic()
            self._pending.append((payload, context, self._now_ns()))
        self._schedule()

    def flush(self) -> None:
        """Write what is queued now; what the disk refuses stays queued, within ``PENDING_BYTES``."""
        with self._lock:
            if not self._pending and not self._held:
                return
            emitted, self._pending = self._pending, []
            self._count_soon(emitted)
            pending = self._enveloped(emitted)
            if self._spool.size_bytes > self._low_value_from:
                pending = self._without_low_value(pending)
            lines, unencodable = self._encoder.encode_lines(pending)
            if unencodable:
                self._dropped("unencodable", unencodable)
            try:
                self._spool.append(self._held + lines)
            except (SpoolFull, OSError) as error:
                self._became_full(error)
                self._hold(lines)
                return
            self._held = b""
            self._full = False

    def _schedule(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if self._scheduled_on is not loop:
            self._scheduled_on = loop
            loop.call_later(WRITE_DELAY_S, self._flush_scheduled, loop)

    def _flush_scheduled(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            left_s = self._pending_since + WRITE_DELAY_S - time.monotonic() if self._pending else 0.0
        if left_s > WRITE_DELAY_S / 2:
            # What it was scheduled for was written with the end of a call; these came later, and may wait for theirs.
            loop.call_later(WRITE_DELAY_S, self._flush_scheduled, loop)
            return
        self._scheduled_on = None
        self.flush()

    def _count_soon(self, emitted: list[_Emitted]) -> None:
        if self._observer is None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._count(self._observer, emitted)
        else:
            # Whoever flushes may have a client waiting: it has its answer first.
            loop.call_soon(self._count, self._observer, emitted)

    def _enveloped(self, emitted: list[_Emitted]) -> list[Outgoing]:
        outgoing = []
        for payload, context, at_ns in emitted:
            try:
                outgoing.append(self._encoder.envelope(payload, context, at_ns))
            except Exception:  # boundary: a broken event must not fail the call that it describes
                log.exception("Event %s is no event", type(payload).__name__)
                self._dropped("unencodable", 1)
        return outgoing

    def _count(self, observer: Observer, emitted: list[_Emitted]) -> None:
        for payload, context, _ in emitted:
            try:
                observer.observe(payload, context)
            except Exception:  # boundary: as above, and the other events count
                log.exception("Event %s cannot be counted", type(payload).__name__)

    def _without_low_value(self, pending: list[Outgoing]) -> list[Outgoing]:
        kept = [outgoing for outgoing in pending if not outgoing.event_type.startswith(LOW_VALUE)]
        if len(kept) < len(pending):
            self._dropped("low_value", len(pending) - len(kept))
        return kept

    def _hold(self, lines: bytes) -> None:
        room = PENDING_BYTES - len(self._held)
        # Whole lines only: the first of them that fit.
        fitting = lines if len(lines) <= room else lines[: lines.rfind(b"\n", 0, max(room, 0)) + 1]
        self._held += fitting
        if len(fitting) < len(lines):
            self._dropped("spool_full", lines.count(b"\n", len(fitting)))

    def _became_full(self, error: OSError) -> None:
        if not self._full:
            log.error("The event spool takes no more events: %s. Events beyond a buffer in memory are lost.", error)
        self._full = True

    def _dropped(self, reason: str, count: int) -> None:
        if self._observer is not None:
            self._observer.events_dropped(reason, count)


class MemoryEmitter:
    """Keeps events in a list: for tests, and where nothing is to be shipped."""

    def __init__(self) -> None:
        self.events: list[tuple[EventPayload, EventContext]] = []

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        """Remember the event."""
        self.events.append((payload, context))

    def flush(self) -> None:
        """Nothing is buffered."""

    def of_type(self, event_type: str) -> list[EventPayload]:
        """Payloads of one type, in order."""
        return [payload for payload, _ in self.events if payload.event_type == event_type]


__all__ = ["Emitter", "MemoryEmitter", "Observer", "SpoolEmitter"]
