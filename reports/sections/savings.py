"""What went wrong in money, and what would save some."""

from __future__ import annotations

from typing import Final

from console import formats
from insights.selectors import CostImpact, Period, Recommendation, cost_impact, recommendations
from reports.engine.content import DOWN, Cell, Column, Figure, Section, Table, Todo
from reports.sections.base import Asked, Kind
from tenants.roles import TenantPermission

MOST: Final = 6
MOST_TODOS: Final = 3


def read(asked: Asked) -> Section | None:
    """Of a tenant; None for the platform, and where nothing was wasted and nothing can be saved."""
    if asked.tenant is None:
        return None
    impact = cost_impact(asked.tenant, Period(asked.start, asked.end), at_once=None)
    before = cost_impact(asked.tenant, Period(asked.before, asked.start), at_once=None)
    advice = [
        one
        for one in recommendations(asked.tenant, Period(asked.start, asked.end), at_once=None)
        if one.state == "open" and one.saving_nanousd
    ]
    if not impact.wasted_nanousd and not before.wasted_nanousd and not impact.business_nanousd and not advice:
        return None
    return Section(
        key="savings",
        title="Waste and savings",
        summary=_summary(impact, advice),
        figures=[
            Figure(
                label="Wasted",
                value=impact.wasted_nanousd,
                before=before.wasted_nanousd,
                unit="money",
                good=DOWN,
                note="On failed, blocked, repeated and hedged calls, estimates included.",
            ),
            *_business(impact, before),
        ],
        tables=[*_wastes(impact), *_advice(advice)],
        todos=[_todo(one) for one in advice[:MOST_TODOS]],
        page="savings",
        permission=TenantPermission.VIEW_COSTS.value,
    )


def _summary(impact: CostImpact, advice: list[Recommendation]) -> str:
    share = impact.wasted_nanousd / impact.spent_nanousd if impact.spent_nanousd else None
    of_all = f", {formats.percent(share)} of what was spent" if share is not None and impact.wasted_nanousd else ""
    saving = sum(one.saving_nanousd or 0 for one in advice)
    could = f" {formats.money(saving)} in 30 days could be saved." if saving else ""
    return f"{formats.money(impact.wasted_nanousd)} was wasted{of_all}.{could}"


def _business(impact: CostImpact, before: CostImpact) -> list[Figure]:
    if not impact.business:
        return []
    figure = Figure(
        label="Business cost, by your rules",
        value=impact.business_nanousd,
        before=before.business_nanousd,
        unit="money",
        good=DOWN,
    )
    return [figure]


def _wastes(impact: CostImpact) -> list[Table]:
    rows: list[list[Cell]] = [[one.title, one.calls, one.nanousd, one.how] for one in impact.wastes if one.calls]
    if not rows:
        return []
    columns = [Column("Wasted on"), Column("Calls", "number"), Column("Cost", "money"), Column("How it was computed")]
    return [Table(title="Where money went that helped nobody", columns=columns, rows=rows)]


def _advice(advice: list[Recommendation]) -> list[Table]:
    if not advice:
        return []
    rows: list[list[Cell]] = [
        [one.title, one.saving_nanousd, one.confidence, f"{one.how} {one.caveat}".strip()] for one in advice[:MOST]
    ]
    columns = [
        Column("Recommendation"),
        Column("In 30 days", "money"),
        Column("Confidence"),
        Column("How it was computed"),
    ]
    return [Table(title="What would save money", columns=columns, rows=rows)]


def _todo(one: Recommendation) -> Todo:
    return Todo(
        urgency="consider",
        text=one.title if one.title.endswith(".") else f"{one.title}.",
        why=f"About {formats.money(one.saving_nanousd)} in 30 days, {one.confidence} confidence.",
        page=one.page,
        args=dict(one.page_arguments),
    )


KIND = Kind(
    "savings",
    "Waste and savings",
    "Money spent on calls that helped nobody, and what would save some.",
    read,
    TenantPermission.VIEW_COSTS.value,
)
