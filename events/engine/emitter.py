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


class Observer(Protocol):
    """Sees each event as a struct: metrics."""

    def observe(self, payload: EventPayload, context: EventContext) -> None:
        """Count the event. Must not raise and must not block."""

    def events_dropped(self, reason: str, count: int) -> None:
        """Events that could not be kept: ``spool_full`` | ``low_value`` | ``unencodable``."""


class SpoolEmitter:
    """Writes events to a spool: one write per event-loop turn, or at once where no loop runs. Thread-safe."""

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
        self._encoder = EnvelopeEncoder(service_name=service_name, env=env, now_ns=now_ns)
        self._observer = observer
        self._lock = threading.Lock()
        self._pending: list[Outgoing] = []
        self._held = b""
        """Lines that the disk refused."""
        self._scheduled_on: asyncio.AbstractEventLoop | None = None
        self._low_value_from = int(spool.max_bytes * (1 - RESERVE))
        self._full = False

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        """Queue one event; never blocks on anything but a local write, never raises."""
        try:
            outgoing = self._encoder.envelope(payload, context)
            if self._observer is not None:
                self._observer.observe(payload, context)
        except Exception:  # boundary: a broken event must not fail the call that it describes
            log.exception("Event %s is no event", type(payload).__name__)
            self._dropped("unencodable", 1)
            return
        with self._lock:
            self._pending.append(outgoing)
        self._schedule()

    def flush(self) -> None:
        """Write what is queued now; what the disk refuses stays queued, within ``PENDING_BYTES``."""
        with self._lock:
            self._scheduled_on = None
            if not self._pending and not self._held:
                return
            pending, self._pending = self._pending, []
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
            loop.call_soon(self.flush)

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
