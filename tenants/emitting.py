"""Where this process's control plane sends its events."""

from __future__ import annotations

import logging

from contracts.events import EventContext, EventPayload
from contracts.ports import Emitter

logger = logging.getLogger(__name__)

_emitter: Emitter | None = None


def set_emitter(emitter: Emitter | None) -> None:
    """Use this emitter from now on in this process; called once by the composition root (and by tests)."""
    global _emitter
    _emitter = emitter


def emit(payload: EventPayload, context: EventContext) -> None:
    """Hand one event to the process's emitter; with none set (a one-off command) the event is only logged."""
    if _emitter is None:
        logger.info("event without an emitter: %s %s", payload.event_type, payload)
        return
    _emitter.emit(payload, context)
