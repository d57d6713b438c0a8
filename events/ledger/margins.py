"""Sums over everything but one thing that calls are told apart by: what most questions are about, in few rows. Pure."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from contracts.usage import UsageDimension


class Margin(IntEnum):
    """What the rows of a margin tell apart. The numbers are those of the table's ``kind`` column."""

    ALL = 0
    """Nothing: all calls of a tenant."""
    TEAM = 1
    KEY = 2
    ROUTE = 3
    PROVIDER = 4
    MODEL = 5
    USER = 6
    TAG = 7
    """One row per tag that a call carries; ``part`` is the tag's id."""


OF_DIMENSION: Final = {dimension: Margin[dimension.name] for dimension in UsageDimension}

_CALL_PARTS: Final = ", ".join(
    [
        f"({Margin.ALL.value}::smallint, '' COLLATE \"C\")",
        f"({Margin.TEAM.value}, COALESCE(u.team_id, ''))",
        f"({Margin.KEY.value}, u.key_id)",
        f"({Margin.ROUTE.value}, COALESCE(u.route, ''))",
        f"({Margin.PROVIDER.value}, COALESCE(u.provider, ''))",
        f"({Margin.MODEL.value}, COALESCE(u.model, ''))",
    ]
)
CALL_MARGINS: Final = f"CROSS JOIN LATERAL (VALUES {_CALL_PARTS}) m (kind, part)"
"""SQL: ``kind`` and ``part`` of each ledger row ``u``, but for users and tags."""
USER_MARGIN: Final = (
    f"CROSS JOIN LATERAL (VALUES ({Margin.USER.value}::smallint, COALESCE(u.end_user, ''))) m (kind, part)"
)
TAG_MARGIN: Final = (
    "CROSS JOIN LATERAL jsonb_each_text(u.tags) t JOIN events_usage_tag k"
    ' ON (k.tenant_id, k.name, k.value) = (u.tenant_id, t.key COLLATE "C", t.value COLLATE "C")'
    f' CROSS JOIN LATERAL (VALUES ({Margin.TAG.value}::smallint, k.id::text COLLATE "C")) m (kind, part)'
)
