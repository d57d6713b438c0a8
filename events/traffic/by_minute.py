"""SQL that sums calls of the ledger up by the minute, per tenant and over all: what is written, and what is checked."""

from __future__ import annotations

from typing import Final

from events.traffic.grains import GRAINS
from events.traffic.measures import ANSWERED, BUCKET, LATENCIES, MEASURES, OF_LEDGER, PARTS, PLATFORM, Kind

NAMES: Final = ", ".join(MEASURES)
WIDTHS: Final = ", ".join(f"({grain.value}::smallint, interval '{grain.width_s} seconds')" for grain in GRAINS)
"""Rows of a grain's number and width."""


def calls_by_minute(table: str) -> str:
    """Common table expressions up to ``scoped (scope, kind, start, part, *NAMES)``; ``table`` is like the ledger."""
    return f"""fine (scope, kind, start, part, {NAMES}) AS MATERIALIZED (
    SELECT u.tenant_id, m.kind, date_bin('1 minute', u.occurred_at, 'epoch'), m.part, {OF_LEDGER}
    FROM {table} u {PARTS} WHERE m.part IS NOT NULL GROUP BY 1, 2, 3, 4
), scoped AS (
    SELECT * FROM fine
    UNION ALL SELECT '{PLATFORM}', kind, start, part, {NAMES} FROM fine
    UNION ALL SELECT '{PLATFORM}', {Kind.TENANT.value}, start, scope, {NAMES} FROM fine WHERE kind = {Kind.ALL.value}
)"""  # noqa: S608 - constants


def latencies_by_minute(table: str) -> str:
    """The same for ``scoped (scope, start, measured, bucket, calls)``, the histograms of answered calls."""
    return f"""fine (scope, start, measured, bucket, calls) AS MATERIALIZED (
    SELECT u.tenant_id, date_bin('1 minute', u.occurred_at, 'epoch'), l.measured, {BUCKET}, count(*)
    FROM {table} u {LATENCIES} WHERE {ANSWERED} GROUP BY 1, 2, 3, 4
), scoped AS (
    SELECT * FROM fine UNION ALL SELECT '{PLATFORM}', start, measured, bucket, calls FROM fine
)"""  # noqa: S608 - constants
