"""The two ways past the ledger's being append-only: old rows of one tenant go, and one end user's id is replaced.

Rollups stay in both cases, so that past months' figures do: without the rows they are made of, or under a pseudonym.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.db import connection, transaction

from events.ledger.margins import Margin
from events.ledger.measures import MEASURES

BATCH: Final = 5_000
_SUMS: Final = (
    "events_usage_margin",
    "events_usage_by_user",
    "events_usage_by_tag",
    "events_usage_rollup",
    "events_usage_tag",
    "events_usage_series",
)

_PURGE: Final = """
DELETE FROM events_usage u USING (
    SELECT event_id, occurred_at FROM events_usage WHERE tenant_id = %s AND occurred_at < %s LIMIT %s
) old WHERE u.event_id = old.event_id AND u.occurred_at = old.occurred_at
"""
_RENAME: Final = "UPDATE events_usage SET end_user = %s WHERE tenant_id = %s AND end_user = %s"
_KEY: Final = "tenant_id, grain, start, end_user, series_id"
_MOVE: Final = f"""
WITH old AS (DELETE FROM events_usage_by_user WHERE tenant_id = %s AND end_user = %s RETURNING *)
INSERT INTO events_usage_by_user AS r ({_KEY}, {", ".join(MEASURES)})
SELECT tenant_id, grain, start, %s, series_id, {", ".join(MEASURES)} FROM old ORDER BY grain, start, series_id
ON CONFLICT ({_KEY}) DO UPDATE SET {", ".join(f"{name} = r.{name} + EXCLUDED.{name}" for name in MEASURES)}
"""  # noqa: S608 - constants
_MARGIN_KEY: Final = "tenant_id, kind, grain, start, part"
_MOVE_MARGIN: Final = f"""
WITH old AS (
    DELETE FROM events_usage_margin WHERE tenant_id = %s AND kind = {Margin.USER.value} AND part = %s RETURNING *
)
INSERT INTO events_usage_margin AS r ({_MARGIN_KEY}, {", ".join(MEASURES)})
SELECT tenant_id, kind, grain, start, %s, {", ".join(MEASURES)} FROM old ORDER BY grain, start
ON CONFLICT ({_MARGIN_KEY}) DO UPDATE SET {", ".join(f"{name} = r.{name} + EXCLUDED.{name}" for name in MEASURES)}
"""  # noqa: S608 - constants


def purge(tenant_id: str, before: datetime) -> int:
    """Delete the tenant's ledger rows of calls that ended earlier, in batches of their own transactions; how many."""
    purged = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL breakwater.ledger = 'purge'")
            cursor.execute(_PURGE, [tenant_id, before, BATCH])
            deleted: int = cursor.rowcount
            cursor.execute("SET LOCAL breakwater.ledger = ''")
        purged += deleted
        if deleted < BATCH:
            return purged


def purge_all(tenant_id: str) -> int:
    """Delete the tenant's ledger and every sum over it; returns how many ledger rows went.

    For a tenant that is gone. Collectors wait while the sums go, so that none is added to in between.
    """
    purged = purge(tenant_id, datetime.max.replace(tzinfo=UTC))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE events_usage_by_user IN SHARE ROW EXCLUSIVE MODE")
        for table in _SUMS:
            cursor.execute(f"DELETE FROM {table} WHERE tenant_id = %s", [tenant_id])  # noqa: S608 - constants
    return purged


def erase_user(tenant_id: str, end_user: str, pseudonym: str) -> int:
    """Put the pseudonym for one end user's id in the tenant's ledger and rollups; how many ledger rows changed.

    All or nothing; doing it again takes in what arrived late. Collectors wait meanwhile, so that ledger and rollups
    agree about every call.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE events_usage_by_user IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute("SET LOCAL breakwater.ledger = 'erase'")
        cursor.execute(_RENAME, [pseudonym, tenant_id, end_user])
        changed: int = cursor.rowcount
        cursor.execute("SET LOCAL breakwater.ledger = ''")
        cursor.execute(_MOVE, [tenant_id, end_user, pseudonym])
        cursor.execute(_MOVE_MARGIN, [tenant_id, end_user, pseudonym])
    return changed
