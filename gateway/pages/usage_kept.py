"""What kept answers saved in the time of a usage page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone

from console.charts import Chart, Series
from contracts.usage import UsageDimension
from events.traffic import reading
from events.traffic.grains import snapped
from events.traffic.kept_answers import CacheFigures, cache_by_route
from gateway.pages.usage_scope import UsageScope
from gateway.pages.usage_tiles import Tile

MOST_ROUTES = 8


@dataclass(frozen=True, slots=True)
class KeptAnswers:
    """Sums of the time, of the time before, by route, and over time."""

    total: CacheFigures
    before: CacheFigures
    routes: list[tuple[str, CacheFigures]]
    """Those that saved most."""
    chart: Chart

    def tile(self, *, costs: bool) -> Tile:
        """Money for who sees costs, the share of hits for all others."""
        hits = f"{self.total.hits:,} of {self.total.lookups:,} lookups found"
        if costs:
            saved, was = self.total.saved_nanousd, self.before.saved_nanousd
            return Tile("Saved by the cache", saved, "money", was, "up", hint=hits)
        return Tile("Cache hits", self.total.hit_ratio, "percent", self.before.hit_ratio, "up", hint=hits)


def kept_answers(scope: UsageScope, whose: str, *, costs: bool) -> KeptAnswers | None:
    """Of a tenant or of all; None where no call was looked up, or where filters ask for calls that are not told apart.

    Lookups are told apart by route alone.
    """
    routes = [value for dimension, value in scope.filters if dimension is UsageDimension.ROUTE]
    if scope.tag is not None or len(routes) != len(scope.filters):
        return None
    now = timezone.now()
    ends = [(each.start_ms, each.end_ms) for each in (scope.stretch, scope.previous)]
    ends += [(bucket.start_ms, bucket.end_ms) for bucket in scope.cut]
    sums, before, *steps = (
        {route: one for route, one in each.items() if not routes or route in routes}
        for each in cache_by_route(whose, [_stretch(start, end, now) for start, end in ends])
    )
    total = CacheFigures.added(sums.values())
    if not total.lookups:
        return None
    ranked = sorted(sums.items(), key=lambda one: (-one[1].saved_nanousd, -one[1].hits, one[0]))
    chart = _chart(scope, [CacheFigures.added(step.values()) for step in steps], costs=costs)
    return KeptAnswers(total, CacheFigures.added(before.values()), ranked[:MOST_ROUTES], chart)


def _stretch(start_ms: int, end_ms: int, now: datetime) -> reading.Stretch:
    start = snapped(datetime.fromtimestamp(start_ms / 1000, UTC), now)
    return reading.Stretch(start, max(start, snapped(datetime.fromtimestamp(end_ms / 1000, UTC), now)))


def _chart(scope: UsageScope, steps: Sequence[CacheFigures], *, costs: bool) -> Chart:
    times = [datetime.fromtimestamp(bucket.start_ms / 1000, UTC) for bucket in scope.cut]
    if costs:
        saved = Series("Saved", [step.saved_nanousd for step in steps], "teal")
        return Chart("Saved by the cache", times, [saved], "bars", "money", zoom=False)
    found = [
        Series("Found", [step.hits for step in steps], "teal"),
        Series("Not found", [step.missed for step in steps], "slate"),
    ]
    return Chart("Lookups", times, found, "bars", zoom=False)
