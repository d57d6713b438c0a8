"""Drift that monitors found, and whether it goes on."""

from __future__ import annotations

from typing import Final, TypeVar

from django.db.models import Model, QuerySet

from console.formats import counted, number
from contracts.tenant_scope import across_tenants
from evaluation.drift.words import effect_in_words, moved_in_words, segment_in_words
from evaluation.models import DriftCheck, DriftFinding, DriftState
from reports.engine.content import Cell, Column, Figure, Section, Table, Todo
from reports.sections.base import Asked, Kind

MOST: Final = 8
Row = TypeVar("Row", bound=Model)


def read(asked: Asked) -> Section | None:
    """None where nothing was looked at."""
    with across_tenants("drift of all tenants, in the platform's report"):
        looks = _mine(asked, DriftCheck.objects.filter(window_end__gt=asked.start, window_end__lte=asked.end))
        looked, found = looks.count(), looks.filter(drifted__gt=0).count()
        before = _mine(asked, DriftCheck.objects.filter(window_end__gt=asked.before, window_end__lte=asked.start))
        was = before.filter(drifted__gt=0).count()
        going = list(_mine(asked, DriftState.objects.filter(drifted_at__lt=asked.end)).select_related("monitor")[:MOST])
        findings = _newest(asked)
    if not looked:
        return None
    return Section(
        key="drift",
        title="Drift",
        summary=f"{number(found)} of {counted(looked, 'look')} found drift; it goes on for "
        f"{counted(len(going), 'monitor')}."
        if found
        else f"{counted(looked, 'look')} found no drift.",
        figures=[Figure(label="Looks that found drift", value=found, before=was, good="down")],
        tables=[_table(findings)] if findings else [],
        todos=[_todo(one) for one in going],
        page="drift-monitors",
    )


def _mine(asked: Asked, rows: QuerySet[Row]) -> QuerySet[Row]:
    return rows if asked.tenant is None else rows.filter(tenant=asked.tenant)


def _newest(asked: Asked) -> list[DriftFinding]:
    """The last finding of each signal and segment, the largest effects first."""
    rows = DriftFinding.objects.filter(
        drifted=True, check_row__window_end__gt=asked.start, check_row__window_end__lte=asked.end
    )
    ordered = _mine(asked, rows).select_related("check_row__monitor").order_by("-check_row__window_end", "-effect")
    last: dict[tuple[object, str, str], DriftFinding] = {}
    for one in ordered[:200]:
        last.setdefault((one.check_row.monitor_id, one.signal, one.segment), one)
    return sorted(last.values(), key=lambda one: -(one.effect or 0))[:MOST]


def _table(findings: list[DriftFinding]) -> Table:
    rows: list[list[Cell]] = [
        [
            one.check_row.monitor.name,
            moved_in_words(one),
            segment_in_words(one.check_row.monitor, one.segment),
            effect_in_words(one),
            one.lasting,
        ]
        for one in findings
    ]
    columns = [
        Column("Monitor"),
        Column("What moved"),
        Column("Of"),
        Column("Effect"),
        Column("Looks in a row", "number"),
    ]
    note = "More than chance after correction for all tests of a look, and more than the monitor's least effect."
    return Table(title="What drifted", columns=columns, rows=rows, note=note)


def _todo(state: DriftState) -> Todo:
    return Todo(
        urgency="soon",
        text=f"See what moved in “{state.monitor.name}”.",
        why="Its calls are not like those of the reference, and that goes on.",
        page="drift-monitor",
        args={"pk": str(state.monitor_id)},
    )


KIND = Kind("drift", "Drift", "What monitors found to have moved, and what still has.", read)
