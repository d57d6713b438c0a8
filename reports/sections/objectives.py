"""Objectives, and what is left of their error budgets."""

from __future__ import annotations

from typing import Final

from alerting.objectives import SLO
from console import formats
from contracts.tenant_scope import across_tenants
from reports.engine.content import Cell, Column, Section, Table, Todo
from reports.sections.base import Asked, Kind

MOST: Final = 20
LITTLE_LEFT: Final = 0.25


def read(asked: Asked) -> Section | None:
    """None where nothing is promised."""
    from alerting.budget_course import budget_course

    with across_tenants("the owner's own objectives; the platform's have none"):
        slos = list(SLO.objects.filter(tenant=asked.tenant_id, enabled=True).select_related("tenant")[:MOST])
    end_s = int(asked.end.timestamp())
    rows, todos = [], []
    kept = 0
    for slo in slos:
        course = budget_course(slo, slo.scope, end_s)
        left = course.left
        kept += left is None or left > 0
        row: list[Cell] = [slo.name, f"{slo.objective * 100:g}% over {slo.window_days} days", course.share, left]
        rows.append(row)
        if left is not None and left < LITTLE_LEFT:
            todos.append(_todo(slo, left))
    if not rows:
        return None
    return Section(
        key="objectives",
        title="Objectives",
        summary=f"{kept} of {len(rows)} kept.",
        tables=[
            Table(
                title="What is left of error budgets",
                columns=[
                    Column("Objective"), Column("Promised"), Column("Good calls", "percent"), Column("Left", "percent")
                ],
                rows=sorted(rows, key=lambda row: (row[3] is None, row[3])),
                note="Of what may go wrong in the window that ends with this report; below nothing it is broken.",
            )
        ],
        todos=todos,
        page="slos",
    )  # fmt: skip


def _todo(slo: SLO, left: float) -> Todo:
    spent = left <= 0
    return Todo(
        urgency="now" if spent else "soon",
        text=f"Hold back risky changes to what “{slo.name}” promises."
        if spent
        else f"Watch “{slo.name}”: its error budget is nearly spent.",
        why="Nothing of its error budget is left." if spent else f"{formats.percent(left)} of the budget is left.",
        page="slo",
        args={"pk": str(slo.pk)},
    )


KIND = Kind("objectives", "Objectives", "How far promises were kept, and how much may still go wrong.", read)
