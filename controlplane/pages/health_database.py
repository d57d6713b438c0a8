"""What PostgreSQL knows of itself, in three short questions."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from django.db import DatabaseError, connection
from django.db.models import Max

from alerting.last_check import LastCheck, last_check
from events.models import QuarantinedEvent, SpoolPosition

MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """``error`` is set where PostgreSQL did not answer."""

    error: str = ""
    answered_ms: float = 0.0
    version: str = ""
    size_bytes: int = 0
    connections: int = 0
    most_connections: int = 0
    oldest_transaction_s: float = 0.0
    waiting_for_locks: int = 0
    tables: list[tuple[str, int]] = field(default_factory=list)
    """The largest, partitions added up, and their bytes with indexes."""
    stored_at: datetime | None = None
    """When a collector last wrote events."""
    rules: LastCheck = field(default_factory=LastCheck)
    """The check of alert rules."""
    quarantined: int = 0
    """At most :data:`MOST_COUNTED` and one."""


_STATE = """
SELECT current_setting('server_version'), pg_database_size(current_database()),
    count(*) FILTER (WHERE a.backend_type = 'client backend'), current_setting('max_connections')::int,
    COALESCE(extract(epoch FROM max(now() - a.xact_start) FILTER (WHERE a.state <> 'idle'
        AND a.pid <> pg_backend_pid()))::float8, 0),
    count(*) FILTER (WHERE a.wait_event_type = 'Lock')
FROM pg_stat_activity a WHERE a.datname = current_database()
"""
# A partition's bytes are its table's: the inheritance leads to the top in at most two steps.
_TABLES = """
SELECT COALESCE(pp.relname, p.relname, c.relname) AS name, sum(c.relpages::bigint * 8192)::bigint AS bytes
FROM pg_class c
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
LEFT JOIN pg_inherits ii ON ii.inhrelid = p.oid LEFT JOIN pg_class pp ON pp.oid = ii.inhparent
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 6
"""


def read_database() -> DatabaseState:
    """All of it, or why not."""
    began = time.perf_counter()
    try:
        with connection.cursor() as cursor:
            cursor.execute(_STATE)
            version, size, connections, most, oldest, waiting = cursor.fetchone() or ("", 0, 0, 0, 0.0, 0)
            answered_ms = (time.perf_counter() - began) * 1000
            cursor.execute(_TABLES)
            tables = [(str(name), int(size)) for name, size in cursor.fetchall()]
        return DatabaseState(
            answered_ms=answered_ms,
            version=version.partition(" ")[0],
            size_bytes=size,
            connections=connections,
            most_connections=most,
            oldest_transaction_s=oldest,
            waiting_for_locks=waiting,
            tables=tables,
            stored_at=SpoolPosition.objects.aggregate(at=Max("updated_at"))["at"],
            rules=last_check(),
            quarantined=QuarantinedEvent.objects.all()[: MOST_COUNTED + 1].count(),
        )
    except DatabaseError as error:
        return DatabaseState(error=str(error).strip().partition("\n")[0] or type(error).__name__)
