"""What went over routes in the last minutes, from the runs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Avg, Count, FloatField, Q, QuerySet, Sum
from django.db.models.functions import TruncMinute
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from events.models import Run, RunState
from routing.models import Route

_ENDED = (RunState.COMPLETED, RunState.FAILED)


class _Percentile(Aggregate):
    """``percentile_cont`` of a column."""

    function = "percentile_cont"
    output_field = FloatField()

    def __init__(self, expression: str, quantile: float, **extra: Any) -> None:
        template = f"%(function)s({float(quantile)}) WITHIN GROUP (ORDER BY %(expressions)s)"
        super().__init__(expression, template=template, **extra)


@dataclass(slots=True)
class Traffic:
    """Ended calls of one route, or of one target of it. Durations in ms, costs in nano-dollars."""

    calls: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    cost: int | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None

    @property
    def error_rate(self) -> float | None:
        """A share of 1; None without calls."""
        return self.failed / self.calls if self.calls else None


def runs_over(route: Route, runs: QuerySet[Run], since: datetime) -> QuerySet[Run]:
    """Those of ``runs`` that this route served.

    Runs name their route; a tenant's own hides the platform's of the same name.
    """
    found = runs.filter(started_at__gte=since, route=route.name, state__in=_ENDED)
    if route.tenant_id is not None:
        return found.filter(tenant_id=str(route.tenant_id))
    hiding = {tenant for tenant, _name in _hiding({route.name})}
    return found.exclude(tenant_id__in=hiding) if hiding else found


@across_tenants("which tenants have a route of their own in place of a shared one")
def _hiding(names: set[str]) -> set[tuple[str, str]]:
    """Tenants and names."""
    rows = Route.objects.filter(name__in=names, enabled=True).exclude(tenant=None)
    return {(str(tenant_id), name) for tenant_id, name in rows.values_list("tenant_id", "name")}


def latest(runs: QuerySet[Run], most: int = 2_000) -> QuerySet[Run]:
    """The last of these runs: enough to say what a typical one is, however many there are."""
    return runs.filter(pk__in=runs.order_by("-started_at").values("pk")[:most])


def by_target(runs: QuerySet[Run]) -> dict[str, Traffic]:
    """Traffic by ``provider/model``; calls that no provider was asked for are under the empty text."""
    rows = (
        runs.order_by()
        .values("provider", "model")
        .annotate(
            calls=Count("pk"),
            failed=Count("pk", filter=Q(state=RunState.FAILED)),
            p50=_Percentile("duration_ms", 0.5),
            p95=_Percentile("duration_ms", 0.95),
            cost=Sum("cost_nanousd"),
            ins=Avg("input_tokens"),
            outs=Avg("output_tokens"),
        )
    )
    return {
        f"{row['provider']}/{row['model']}" if row["provider"] else "": Traffic(
            row["calls"], row["failed"], row["p50"], row["p95"], row["cost"], row["ins"], row["outs"]
        )
        for row in rows
    }


def by_minute(runs: QuerySet[Run], since: datetime, until: datetime) -> tuple[list[datetime], dict[str, list[int]]]:
    """Calls of each target in each minute: the minutes, and the counts by ``provider/model``."""
    first = since.replace(second=0, microsecond=0)
    minutes = [first + timedelta(minutes=n) for n in range(int((until - first).total_seconds() // 60) + 1)]
    places = {minute: place for place, minute in enumerate(minutes)}
    counts: dict[str, list[int]] = {}
    rows = (
        runs.order_by()
        .annotate(minute=TruncMinute("started_at"))
        .values("minute", "provider", "model")
        .annotate(n=Count("pk"))
    )
    for row in rows:
        label = f"{row['provider']}/{row['model']}" if row["provider"] else ""
        if (place := places.get(row["minute"])) is not None:
            counts.setdefault(label, [0] * len(minutes))[place] += row["n"]
    return minutes, counts


def of_routes(routes: Iterable[Route], runs: QuerySet[Run], minutes: int) -> dict[uuid.UUID, Traffic]:
    """What these routes served in the last minutes, in two queries."""
    wanted = list(routes)
    since = timezone.now() - timedelta(minutes=minutes)
    rows = (
        runs.filter(started_at__gte=since, route__in={route.name for route in wanted}, state__in=_ENDED)
        .order_by()
        .values("route", "tenant_id")
        .annotate(calls=Count("pk"), failed=Count("pk", filter=Q(state=RunState.FAILED)))
    )
    own = {(str(route.tenant_id), route.name): route for route in wanted if route.tenant_id}
    hidden = _hiding({route.name for route in wanted})
    shared = {route.name: route for route in wanted if route.tenant_id is None}
    found: dict[uuid.UUID, Traffic] = {route.pk: Traffic() for route in wanted}
    for row in rows:
        place = (row["tenant_id"], str(row["route"]))
        route = own.get(place) or (None if place in hidden else shared.get(place[1]))
        if route is not None:
            found[route.pk].calls += row["calls"]
            found[route.pk].failed += row["failed"]
    return found
