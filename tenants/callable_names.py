"""Names of routes and models that forms offer for keys and budgets: the app that has them registers who knows."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import NamedTuple


class CallableNames(NamedTuple):
    """What a tenant's callers may write as ``model``."""

    routes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


Source = Callable[[uuid.UUID], CallableNames]

_registered: list[Source] = []


def register(source: Source) -> None:
    """Ask this one from now on."""
    _registered[:] = [source]


def callable_names(tenant_id: uuid.UUID) -> CallableNames:
    """The tenant's own and the platform's, by name; none before anybody registered."""
    return _registered[0](tenant_id) if _registered else CallableNames()
