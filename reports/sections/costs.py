"""What calls cost, and which routes and models moved it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from console import formats
from events.traffic.measures import Kind as Part
from events.traffic.reading import Sums, Totals, sums_by_part, totals
from reports.engine.comparing import compared
from reports.engine.content import DOWN, Chart, Column, Figure, Line, Section, Table, Todo
from reports.sections.base import Asked, Kind
from reports.sections.traffic import figure
from tenants.roles import TenantPermission

MOST_MOVERS: Final = 6
GREW_WORTH_IT: Final = 0.2
DOLLARS_WORTH_IT: Final = 1_000_000_000
"""Nano-dollars: less is not worth anybody's time."""


def read(asked: Asked) -> Section | None:
    """None where there were no calls in either stretch."""
    now, before = asked.stretches
    calls, was = (one.calls for one in totals(asked.scope, [now, before]))
    if not calls.requests and not was.requests:
        return None
    steps = [totals(asked.scope, some) for some in asked.steps]
    each = compared(steps[1], steps[0], _per_call, counts=lambda one: bool(one.calls.requests))
    figures = [
        Figure(label="Cost", value=calls.cost_nanousd, before=was.cost_nanousd, unit="money", good=DOWN),
        figure("Cost a call", each, "money", DOWN),
        Figure(label="Input tokens", value=calls.input_tokens, before=was.input_tokens, unit="tokens"),
        Figure(label="Output tokens", value=calls.output_tokens, before=was.output_tokens, unit="tokens"),
    ]
    movers = {
        title: sums_by_part(asked.scope, part, [now, before])
        for title, part in (("Routes", Part.ROUTE), ("Models", Part.MODEL))
    }
    return Section(
        key="costs",
        title="Cost",
        summary=_summary(figures[0], calls),
        figures=figures,
        charts=[_chart(asked, steps[0], steps[1])],
        tables=[_movers(f"{title} that moved most", *some) for title, some in movers.items() if some[0] or some[1]],
        todos=_todos(figures[0], movers["Models"]),
        page="usage",
        permission=TenantPermission.VIEW_COSTS.value,
    )


def _per_call(steps: Sequence[Totals]) -> float | None:
    priced = sum(one.calls.requests - one.calls.price_unknown for one in steps)
    return sum(one.calls.cost_nanousd for one in steps) / priced if priced else None


def _summary(cost: Figure, calls: Sums) -> str:
    grown = ""
    if cost.growth is not None:
        grown = f", {abs(cost.growth):.0%} {'more' if cost.growth >= 0 else 'less'} than before"
    unknown = f" Of {calls.price_unknown:,} calls nobody knows the price." if calls.price_unknown else ""
    return f"{formats.money(cost.value)}{grown}.{unknown}"


def _chart(asked: Asked, now: Sequence[Totals], before: Sequence[Totals]) -> Chart:
    costs = [[float(one.calls.cost_nanousd) for one in some] for some in (now, before)]
    lines = [Line("This time", list(costs[0]))]
    if any(costs[1]):
        lines.append(Line("Before", list(costs[1]), pale=True))
    highest = formats.money(max(costs[0], default=0))
    return Chart(
        title=f"Cost a {asked.step_word}",
        times=[step.start_s for step in asked.steps[0]],
        lines=lines,
        unit="money",
        kind="bars",
        says=f"At most {highest} in one {asked.step_word}.",
    )


def _movers(title: str, now: Mapping[str, Sums], before: Mapping[str, Sums]) -> Table:
    nothing = Sums()
    moves = [(name, now.get(name, nothing), before.get(name, nothing)) for name in {*now, *before}]
    moves.sort(key=lambda one: (-abs(one[1].cost_nanousd - one[2].cost_nanousd), -one[1].requests, one[0]))
    return Table(
        title=title,
        columns=[
            Column(title.removesuffix("s that moved most") or "Name"),
            Column("Cost", "money"),
            Column("Before", "money"),
            Column("Calls", "number"),
            Column("Failed", "percent"),
        ],
        rows=[
            [name or "none", sums.cost_nanousd, was.cost_nanousd, sums.requests, sums.error_rate]
            for name, sums, was in moves[:MOST_MOVERS]
        ],
    )


def _todos(cost: Figure, models: Sequence[Mapping[str, Sums]]) -> list[Todo]:
    more = (cost.value or 0) - (cost.before or 0)
    if not cost.before or (cost.growth or 0) < GREW_WORTH_IT or more < DOLLARS_WORTH_IT:
        return []
    now, before = models
    nothing = Sums()
    grew = {name: sums.cost_nanousd - before.get(name, nothing).cost_nanousd for name, sums in now.items()}
    name = max(grew, key=lambda one: grew[one], default="")
    whose = f", {formats.money(grew[name])} of it by {name}" if name and grew[name] > 0 else ""
    return [
        Todo(
            urgency="consider",
            text="Look at what became dearer, and set a budget where there is none.",
            why=f"The cost grew by {formats.money(more)}{whose}.",
            page="usage",
        )
    ]


KIND = Kind(
    "costs",
    "Cost",
    "What was spent, and the routes and models that moved it most.",
    read,
    TenantPermission.VIEW_COSTS.value,
)
