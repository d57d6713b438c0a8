"""Incidents: how many, how long, and which still go on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet

from alerting.incident_rows import Incident
from console import formats
from contracts.tenant_scope import across_tenants
from reports.engine.content import DOWN, Column, Figure, Section, Table, Todo
from reports.sections.base import Asked, Kind

MOST: Final = 10
RANKS: Final = {"critical": 0, "warning": 1, "info": 2}


def read(asked: Asked) -> Section | None:
    """None where nothing was wrong, in this stretch or the one before."""
    with across_tenants("the owner's own incidents; the platform's have none"):
        here = list(_within(asked.tenant_id, asked.start, asked.end))
        before = list(_within(asked.tenant_id, asked.before, asked.start))
    if not here and not before:
        return None
    going = [one for one in here if one.resolved_at is None or one.resolved_at > asked.end]
    here.sort(key=lambda one: (RANKS[one.severity], one.began_at))
    return Section(
        key="incidents",
        title="Incidents",
        summary=f"{formats.number(len(here))} in this time, {len(going)} of them went on at its end."
        if going
        else f"{formats.number(len(here))} in this time; none went on at its end.",
        figures=[
            Figure(label="Incidents", value=len(here), before=len(before), good=DOWN),
            Figure(
                label="Time with an incident",
                value=_lasted(here, asked.start, asked.end),
                before=_lasted(before, asked.before, asked.start),
                unit="ms",
                good=DOWN,
            ),
        ],
        tables=[_table(asked, here)] if here else [],
        todos=[_todo(one) for one in going[:MOST]],
        page="incidents",
    )


def _within(tenant_id: Any, start: datetime, end: datetime) -> QuerySet[Incident]:
    return Incident.objects.filter(
        Q(resolved_at=None) | Q(resolved_at__gt=start), tenant=tenant_id, began_at__lt=end
    ).select_related("owner")


def _lasted(incidents: list[Incident], start: datetime, end: datetime) -> float:
    """Milliseconds of the stretch in which at least one went on."""
    spans = sorted((max(one.began_at, start), min(one.resolved_at or end, end)) for one in incidents)
    total, reached = 0.0, start
    for first, last in spans:
        total += max(0.0, (last - max(first, reached)).total_seconds())
        reached = max(reached, last)
    return total * 1000


def _table(asked: Asked, incidents: list[Incident]) -> Table:
    rows = []
    for one in incidents[:MOST]:
        over = one.resolved_at
        lasted = None if over is None or over > asked.end else (over - one.began_at).total_seconds() * 1000
        began = f"{one.began_at.astimezone(asked.zone):%-d %b %H:%M}"
        rows.append(
            [one.title, one.get_severity_display(), began, "goes on" if lasted is None else formats.duration(lasted)]
        )
    more = f"{len(incidents) - MOST} more are on the page." if len(incidents) > MOST else ""
    return Table(
        title="What went wrong",
        columns=[Column("Incident"), Column("Severity"), Column("Began"), Column("Lasted")],
        rows=rows,  # type: ignore[arg-type]
        note=more,
    )


def _todo(incident: Incident) -> Todo:
    nobody = incident.acknowledged_at is None
    return Todo(
        urgency="now" if incident.severity == "critical" or nobody else "soon",
        text=f"{'Acknowledge' if nobody else 'Resolve'} “{incident.title}”.",
        why="It goes on, and nobody looks after it." if nobody else "It goes on.",
        page="incident",
        args={"pk": str(incident.pk)},
    )


KIND = Kind("incidents", "Incidents", "What went wrong, and how long.", read)
