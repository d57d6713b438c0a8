"""Identifiers: time-ordered event and correlation ids, W3C trace ids."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable
from random import Random

import uuid_utils

_CORRELATION_ID = re.compile(r"req_[0-9a-f]{32}")
_random = Random()
"""Trace and span ids must be unique, not secret; asking the kernel for each would cost a system call."""
os.register_at_fork(after_in_child=_random.seed)


def new_event_id() -> str:
    """A UUIDv7 (RFC 9562) in its canonical text form."""
    return str(uuid_utils.uuid7())


def new_correlation_id() -> str:
    """``req_`` and 32 hex digits of a UUIDv7: sortable by time, unique without coordination."""
    return "req_" + uuid_utils.uuid7().hex


def is_correlation_id(text: str) -> bool:
    """Whether it has the shape of one."""
    return _CORRELATION_ID.fullmatch(text) is not None


def new_trace_id() -> str:
    """A W3C trace id: 32 lower-case hex digits."""
    return f"{_random.getrandbits(128):032x}"


def new_span_id() -> str:
    """A W3C span id: 16 lower-case hex digits."""
    return f"{_random.getrandbits(64):016x}"


def uuids_in(texts: Iterable[str | None]) -> list[uuid.UUID]:
    """Those of the texts that are UUIDs, in their order: ids as events and addresses hold them, among other things."""
    found = []
    for text in texts:
        try:
            found.append(uuid.UUID(text or ""))
        except ValueError:
            continue
    return found
