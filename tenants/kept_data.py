"""What apps above this one keep of a tenant's calls: they register here what retention and erasure have to reach."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Protocol


class KeptData(Protocol):
    """Rows about single calls. Each method may be called again at any time, and returns how many rows it changed."""

    def drop_payloads(self, tenant_id: uuid.UUID, before: datetime) -> int:
        """Take what was said out of rows that are older."""

    def purge(self, tenant_id: uuid.UUID, before: datetime) -> int:
        """Delete rows that are older."""

    def erase_user(self, tenant_id: uuid.UUID, end_user: str, pseudonym: str, until: datetime) -> int:
        """Take one end user out of what happened by then: what was said goes, the id becomes the pseudonym."""

    def end_users_until(self, tenant_id: uuid.UUID, until: datetime) -> set[str]:
        """The end users in rows of what happened by then."""


_registered: list[KeptData] = []


def register_kept_data(data: KeptData) -> None:
    """Have retention and erasure reach it."""
    if data not in _registered:
        _registered.append(data)


def kept_data() -> tuple[KeptData, ...]:
    """All that is registered."""
    return tuple(_registered)
