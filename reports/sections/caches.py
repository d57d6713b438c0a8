"""What kept answers saved."""

from __future__ import annotations

from typing import Final

from console import formats
from events.traffic.kept_answers import CacheFigures, cache_by_route, cache_figures
from reports.engine.content import UP, Column, Figure, Section, Table
from reports.sections.base import Asked, Kind
from tenants.roles import TenantPermission

MOST: Final = 6


def read(asked: Asked) -> Section | None:
    """None where no route keeps answers."""
    now, before = cache_figures(asked.scope, asked.stretches)
    if not now.lookups and not before.lookups:
        return None
    return Section(
        key="caches",
        title="Kept answers",
        summary=f"{formats.number(now.hits)} of {formats.number(now.lookups)} lookups were served from kept answers, "
        f"which saved {formats.money(now.saved_nanousd)}.",
        figures=[
            Figure(label="Saved", value=now.saved_nanousd, before=before.saved_nanousd, unit="money", good=UP),
            Figure(label="Hit ratio", value=now.hit_ratio, before=before.hit_ratio, unit="percent", good=UP),
        ],
        tables=_tables(asked),
        page="usage",
        permission=TenantPermission.VIEW_COSTS.value,
    )


def _tables(asked: Asked) -> list[Table]:
    [routes] = cache_by_route(asked.scope, asked.stretches[:1])
    rows = sorted(routes.items(), key=lambda one: -one[1].saved_nanousd)[:MOST]
    columns = [Column("Route"), Column("Hits", "number"), Column("Hit ratio", "percent"), Column("Saved", "money")]
    plain = [[route or "none", one.hits, one.hit_ratio, one.saved_nanousd] for route, one in rows if _looked_up(one)]
    return [Table(title="By route", columns=columns, rows=plain)] if plain else []


def _looked_up(figures: CacheFigures) -> bool:
    return figures.lookups > 0


KIND = Kind("caches", "Kept answers", "Hits, and what they saved.", read, TenantPermission.VIEW_COSTS.value)
