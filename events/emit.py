"""The emitter for Django code, whichever process it runs in.

A gateway worker has an outlet already. Anywhere else (Celery, commands) the first event makes one: a spool, and a
thread that ships it. What a short-lived command leaves in its spool is shipped by a collector or
gateway worker of the same machine.
"""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

from django.conf import settings

from contracts.events import EventContext, EventPayload
from contracts.ports import Emitter
from events.engine import EventOutlet, build, started_outlet

_lock = threading.Lock()
_emitter: Emitter | None = None
_owner_pid = 0


def set_emitter(emitter: Emitter | None) -> None:
    """Use this emitter in this process from now on, as tests do; None: the process's own again."""
    global _emitter, _owner_pid
    with _lock:
        _emitter = emitter
        _owner_pid = os.getpid()


def emit(payload: EventPayload, context: EventContext) -> None:
    """Emit from anywhere in Django code; on disk when it returns, unless a running loop batches its writes.

    Call it in ``transaction.on_commit`` when the event tells of a change in the database.
    """
    process_emitter().emit(payload, context)


def process_emitter() -> Emitter:
    """The emitter of this process, made on first use. A forked child makes its own: a spool has one writer."""
    global _emitter, _owner_pid
    if _emitter is not None and _owner_pid == os.getpid():
        return _emitter
    outlet = started_outlet()
    if outlet is not None:
        return outlet.emitter
    with _lock:
        if _emitter is None or _owner_pid != os.getpid():
            outlet = build_outlet()
            threading.Thread(target=_ship, args=(outlet,), name="event shipper", daemon=True).start()
            _emitter = outlet.emitter
            _owner_pid = os.getpid()
        return _emitter


def build_outlet() -> EventOutlet:
    """An outlet as the settings describe it; see :func:`events.engine.build`, also for what it raises."""
    return build(
        spool_dir=Path(settings.SPOOL_DIR),
        redis_url=settings.REDIS_URL,
        service_name=settings.SERVICE_NAME,
        env=settings.BREAKWATER_ENV,
        spool_max_bytes=settings.SPOOL_MAX_BYTES,
        metrics_dir=Path(settings.PROMETHEUS_MULTIPROC_DIR),
        tenant_limit=settings.METRICS_TENANT_LIMIT,
    )


class ProcessEmitter:
    """An :class:`contracts.ports.Emitter` that always means the current process's, also after a fork."""

    def emit(self, payload: EventPayload, context: EventContext) -> None:
        """Emit."""
        process_emitter().emit(payload, context)

    def flush(self) -> None:
        """Write what is queued."""
        process_emitter().flush()


def _ship(outlet: EventOutlet) -> None:
    async def forever() -> None:
        await outlet.start()
        await asyncio.Event().wait()

    asyncio.run(forever())
