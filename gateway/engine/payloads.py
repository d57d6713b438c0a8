"""What of a call's prompt and answer goes into its events."""

from __future__ import annotations

import logging
from typing import TypeVar

from contracts.specs import PayloadStorage
from events.engine.redaction import redact_json

log = logging.getLogger(__name__)

T = TypeVar("T")


def kept_payload(storage: PayloadStorage, payload: T) -> T | None:
    """The payload as the tenant wants it kept: not at all, redacted, or as it is. Never raises."""
    if storage is PayloadStorage.NONE:
        return None
    if storage is PayloadStorage.STORED:
        return payload
    try:
        redacted: T = redact_json(payload)
    except Exception:
        # Whatever a caller thought of: the call goes on, and what could not be redacted is not kept.
        log.exception("a payload could not be redacted and is not kept")
        return None
    return redacted
