"""Whose traffic an overview shows and of when, and the addresses of pages that show more of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode

from django.urls import NoReverseMatch
from django.utils import timezone

from console.timerange import TimeRange
from events.traffic.grains import snapped
from events.traffic.kept_answers import CacheFigures, cache_course
from events.traffic.measures import PLATFORM, Kind, Measured
from events.traffic.reading import Axis, Stretch, Sums, axis, course, latency_course
from events.traffic.rules import event_course
from tenants.permissions import TenantPermission
from tenants.workspaces import Workspace

_POINTS = 200
"""At most about as many on a chart."""


class OverviewScope:
    """The workspace's scope and the page's range, cut where the sums are."""

    def __init__(self, workspace: Workspace, shown: TimeRange, now: datetime) -> None:
        self.workspace = workspace
        self.range = shown
        self._now = now
        self.sees_costs = workspace.may(TenantPermission.VIEW_COSTS)

    @property
    def scope(self) -> str:
        """In the tables of traffic."""
        return PLATFORM if self.workspace.tenant is None else str(self.workspace.tenant.pk)

    @cached_property
    def stretch(self) -> Stretch:
        """The range; the minute that is under way belongs to it."""
        end = self.range.end
        if end > self._now - timedelta(minutes=1):
            end = max(end, self._now + timedelta(minutes=1))
        return Stretch(snapped(self.range.start, self._now), snapped(end, self._now))

    @cached_property
    def before(self) -> Stretch:
        """The range of the same length just before."""
        start = snapped(self.range.previous.start, self._now)
        return Stretch(start, max(start, self.stretch.start_s))

    @cached_property
    def axis(self) -> Axis:
        """Of the charts; days and their parts are the viewer's."""
        offset = timezone.localtime(self.range.start).utcoffset() or timedelta()
        return axis(self.stretch, self.range.step_s(_POINTS), int(offset.total_seconds()))

    @cached_property
    def times(self) -> list[datetime]:
        """When each step begins."""
        return [datetime.fromtimestamp(second, UTC) for second in self.axis.points]

    @cached_property
    def codes(self) -> dict[Kind, dict[str, list[Sums]]]:
        """All calls, and failures and refusals by code, in every step."""
        return course(self.scope, (Kind.ALL, Kind.FAILURE, Kind.REFUSAL), self.axis)

    @property
    def calls(self) -> list[Sums]:
        """All calls in every step."""
        return self.codes[Kind.ALL].get("", [Sums()] * len(self.times))

    @property
    def refused(self) -> list[int]:
        """Requests that were refused in every step."""
        of_codes = self.codes[Kind.REFUSAL].values()
        return [sum(steps[number].requests for steps in of_codes) for number in range(len(self.times))]

    @cached_property
    def latencies(self) -> list[dict[Measured, dict[int, int]]]:
        """The histograms of every step."""
        return latency_course(self.scope, self.axis)

    @cached_property
    def cached(self) -> list[CacheFigures]:
        """Lookups of kept answers in every step."""
        return cache_course(self.scope, self.axis)

    @cached_property
    def guarded(self) -> dict[str, list[int]]:
        """Events of guardrails by type in every step."""
        return event_course(self.scope, self.axis)

    @property
    def compared_to(self) -> str:
        """What changes are measured against, in words."""
        return f"to the {self.range.label.removeprefix('Last ')} before" if self.range.name else "to the time before"

    def link(self, name: str, /, **kwargs: str) -> str:
        """The address of a page here; empty where the workspace has none of this name."""
        try:
            return self.workspace.url(name, **kwargs)
        except NoReverseMatch:
            return ""

    def requests(self, **filters: str) -> str:
        """The explorer of single calls, filtered, over the same range; empty for who may not see calls."""
        address = self.link("requests") if self.workspace.may(TenantPermission.VIEW_RUNS) else ""
        return (
            f"{address}?{'&'.join(part for part in (urlencode(filters), self.range.query) if part)}" if address else ""
        )
