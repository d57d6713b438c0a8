"""The tags that a tenant's calls carry."""

from __future__ import annotations

from typing import Final

from django.db import connection

_NAMES: Final = "SELECT DISTINCT name FROM events_usage_tag WHERE tenant_id = %s ORDER BY name LIMIT %s"


def tag_names(tenant_id: str, limit: int = 20) -> list[str]:
    """In their order; at most ``limit``."""
    with connection.cursor() as cursor:
        cursor.execute(_NAMES, [tenant_id, limit])
        return [name for (name,) in cursor.fetchall()]
