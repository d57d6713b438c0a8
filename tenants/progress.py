"""How far work in the background is, for those who wait for it."""

from __future__ import annotations

from typing import Any, Final

from contracts.events import ConfigChanged, EventContext
from tenants.background_work import BackgroundWork
from tenants.emitting import emit

TOLD_EVERY_S: Final = 0.5
"""The least time between two steps that are written down."""


def moved(row: BackgroundWork, **fields: Any) -> None:
    """Write these fields of the row down, and tell the pages that show it."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=list(fields))
    emit(
        ConfigChanged(
            action="updated",
            object_type=row.work_type,
            object_id=str(row.pk),
            object_name=row.work_name(),
            actor=row.requested_by,
        ),
        EventContext(tenant_id=str(row.tenant_id)),
    )
