"""Reading across tenants on purpose: the marker without which a query that names no tenant fails the test suite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_reason: ContextVar[str] = ContextVar("across_tenants", default="")


@contextmanager
def across_tenants(reason: str) -> Iterator[None]:
    """Within the block (or the decorated function), queries may read or change rows of any tenant.

    ``reason`` says why that is right. A queryset has to be evaluated inside: returning it unevaluated takes it out.

    Raises:
        ValueError: no reason is given.
    """
    if not reason.strip():
        raise ValueError("Say why this may read across tenants.")
    token = _reason.set(reason)
    try:
        yield
    finally:
        _reason.reset(token)


def reason_to_cross() -> str:
    """Why the current context may read across tenants; empty when it may not."""
    return _reason.get()
