"""Open incidents, as pages show them: whoever finds them registers a source, whoever shows them asks it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class OpenIncident(msgspec.Struct, frozen=True):
    """One that nobody has closed yet."""

    title: str
    severity: str
    """``info`` | ``warning`` | ``critical``."""
    since: datetime
    detail: str = ""
    """What is affected, in one sentence."""
    tenant_id: str = ""
    page: str = ""
    """Name of its page in either workspace; empty: it has none."""
    page_arguments: dict[str, str] = {}


class IncidentSource(Protocol):
    """Knows which incidents are open."""

    def open_incidents(self, tenant_id: str | None, limit: int) -> Sequence[OpenIncident]:
        """The tenant's, or all tenants' for None, the worst first."""


_registered: list[IncidentSource] = []


def register_incident_source(source: IncidentSource) -> None:
    """Have pages show what this source knows, instead of what an earlier one did."""
    _registered[:] = [source]


def incident_source() -> IncidentSource | None:
    """The one that was registered; None where nothing looks for incidents."""
    return _registered[0] if _registered else None
