"""Acting in the past: services see the given instant as now, and their events are kept with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from django.db import transaction
from django.db.models.signals import post_init
from django.utils import timezone

from contracts.events import EventContext, EventPayload
from events.emit import ProcessEmitter
from tenants.actor import Actor, acting
from tenants.audit import AuditEntry
from tenants.emitting import set_emitter

Told = tuple[EventPayload, EventContext, int]
"""An event, whose it is, and when it happened in Unix nanoseconds."""


class Past:
    """Keeps what is emitted instead of sending it; ``told`` is filled when transactions commit."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self._at_ns = 0

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within the block, events of this process's services come here."""
        set_emitter(self)
        try:
            yield
        finally:
            set_emitter(ProcessEmitter())

    @contextmanager
    def at(self, instant: datetime, who: str, ip: str = "") -> Iterator[None]:
        """Within the block it is ``instant``, and ``who`` acts."""

        def backdate(instance: AuditEntry, **_: Any) -> None:
            if instance._state.adding:
                instance.at = instant

        def move_clock() -> None:
            self._at_ns = int(instant.timestamp() * 1_000) * 1_000_000

        # Runs on commit like the events themselves, and so before those of this block and after those before it.
        transaction.on_commit(move_clock)
        post_init.connect(backdate, sender=AuditEntry, weak=False)
        try:
            # The services' only clock; the audit entry's default holds the function itself, hence the signal.
            with patch.object(timezone, "now", lambda: instant), acting(lambda: Actor(who, ip)):
                yield
        finally:
            post_init.disconnect(backdate, sender=AuditEntry)

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        """Keep the event."""
        self.told.append((payload, context, self._at_ns))

    def flush(self) -> None:
        """Nothing is queued."""
