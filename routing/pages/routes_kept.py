"""How often a route's kept answers served in place of a provider, and what that saved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from console.charts import Chart, Series
from events.traffic.grains import snapped
from events.traffic.kept_answers import CacheFigures, cache_by_route, cache_course
from events.traffic.measures import PLATFORM
from events.traffic.reading import Stretch, axis
from routing.models import Route
from tenants.workspaces import Workspace

PERIODS: Final = {"24h": ("24 hours", 24, 1_800), "7d": ("7 days", 168, 21_600), "30d": ("30 days", 720, 86_400)}
"""Label, hours, and seconds between the points of the chart."""


def kept_answers_of(workspace: Workspace, route: Route, asked: str, *, costs: bool) -> dict[str, Any]:
    """Sums and their course, for the page's template.

    On the platform, of all tenants: calls over a tenant's own route of a shared one's name are among them.
    """
    period = asked if asked in PERIODS else "24h"
    label, hours, step_s = PERIODS[period]
    now = timezone.now()
    stretch = Stretch(snapped(now - timedelta(hours=hours), now), int(now.timestamp()) // 60 * 60 + 60)
    whose = workspace.tenant.pk if workspace.tenant is not None else route.tenant_id
    scope = str(whose) if whose is not None else PLATFORM
    figures = cache_by_route(scope, [stretch])[0].get(route.name, CacheFigures())
    offset = timezone.localtime(now).utcoffset() or timedelta()
    over = axis(stretch, step_s, int(offset.total_seconds()))
    steps = cache_course(scope, over, route.name) if figures.lookups else []
    times = [datetime.fromtimestamp(second, UTC) for second in over.points]
    return {
        "figures": figures,
        "period": period,
        "label": label,
        "periods": [(key, words) for key, (words, _, _) in PERIODS.items()],
        "lookups": _lookups(times, steps),
        "saved": Chart("Saved", times, [Series("Saved", [one.saved_nanousd for one in steps], "teal")], "bars", "money")
        if costs
        else None,
    }


def _lookups(times: list[datetime], steps: list[CacheFigures]) -> Chart:
    every = [
        Series("Equal question", [one.exact for one in steps], "teal"),
        Series("Same in other words", [one.semantic for one in steps], "blue"),
        Series("Not found", [one.missed for one in steps], "slate"),
    ]
    return Chart("Lookups", times, [one for one in every if any(one.values)], "bars")
