"""The line of alerting in ``GET /health/detailed``, and its gauge in ``GET /metrics``."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db import DatabaseError, close_old_connections, connection

from alerting.last_check import last_check
from contracts.chat import JsonObject
from contracts.probes import MetricGauge


async def probe_alerting() -> JsonObject:
    """``degraded`` where rules were not checked lately: nobody would be told of anything."""
    return await sync_to_async(_read, thread_sensitive=False)()


def _read() -> JsonObject:
    close_old_connections()
    try:
        found = last_check()
    except DatabaseError as error:
        return {"status": "degraded", "error": type(error).__name__}
    finally:
        # Probes are far apart: the thread keeps no connection in between.
        connection.close()
    return {
        "status": "degraded" if found.is_late else "ok",
        "checked_ago_s": None if found.age_s is None else round(found.age_s, 1),
        "data_until": None if found.checked_until is None else found.checked_until.isoformat(),
        "rules": found.rules,
        "failed": found.failed,
    }


def _checked_at() -> float | None:
    """Nothing where the database cannot be asked: other metrics tell of that."""
    close_old_connections()
    try:
        finished_at = last_check().finished_at
    except DatabaseError:
        return None
    finally:
        connection.close()
    return None if finished_at is None else finished_at.timestamp()


CHECKED = MetricGauge(
    "alerting_checked_timestamp_seconds", "Unix time at which all alert rules were last checked", _checked_at
)
