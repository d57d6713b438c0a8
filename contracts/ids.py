"""Identifiers: time-ordered event and correlation ids, W3C trace ids."""

from __future__ import annotations

import os

import uuid_utils


def new_event_id() -> str:
    """A UUIDv7 (RFC 9562) in its canonical text form."""
    return str(uuid_utils.uuid7())


def new_correlation_id() -> str:
    """``req_`` and 32 hex digits of a UUIDv7: sortable by time, unique without coordination."""
    return "req_" + uuid_utils.uuid7().hex


def new_trace_id() -> str:
    """A W3C trace id: 32 lower-case hex digits."""
    return os.urandom(16).hex()


def new_span_id() -> str:
    """A W3C span id: 16 lower-case hex digits."""
    return os.urandom(8).hex()
