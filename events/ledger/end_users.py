"""Which end users a tenant's calls name."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from django.db import connection

from events.ledger.grains import Grain
from events.retention import PSEUDONYM_PREFIX


class EndUser(NamedTuple):
    """One end user of one tenant with what the ledger has of them."""

    name: str
    requests: int
    first_day: datetime
    """The UTC days of the first and the last call that ended."""
    last_day: datetime


def end_users_beginning_with(tenant_id: str, text: str, *, most: int = 20) -> list[EndUser]:
    """By name, those whose name begins with the text, to the letter; nobody who was erased."""
    with connection.cursor() as cursor:
        cursor.execute(_FOUND, [tenant_id, text, f"{text}\U0010ffff", f"{PSEUDONYM_PREFIX}%", most])
        return [EndUser(*row) for row in cursor.fetchall()]


_FOUND: Final = f"""
SELECT end_user, sum(requests)::bigint, min(start), max(start) FROM events_usage_by_user
WHERE tenant_id = %s AND end_user >= %s AND end_user < %s AND grain = {Grain.DAY.value}
  AND end_user <> '' AND end_user NOT LIKE %s
GROUP BY end_user ORDER BY end_user LIMIT %s
"""  # noqa: S608 - constants
