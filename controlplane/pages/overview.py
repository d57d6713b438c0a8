"""The first page of each workspace: what happens now and happened in a time range, live."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.utils import timezone
from django.views.generic import TemplateView

from console.timerange import time_range
from contracts.incidents import incident_source
from controlplane.pages.overview_charts import charts
from controlplane.pages.overview_lists import RANKINGS, top_lists
from controlplane.pages.overview_scope import OverviewScope
from controlplane.pages.overview_tiles import tiles
from controlplane.pages.overview_trouble import trouble
from events.ledger.reading import one_snapshot
from tenants.permissions import TenantPermission
from tenants.workspaces import WorkspacePage

MOST_INCIDENTS = 5
SPLITS = (("status", "Status"), ("route", "Route"), ("model", "Model"))
"""What the chart of requests can be stacked by."""


class Overview(WorkspacePage, TemplateView):
    """Tiles, charts, rankings, and what went wrong last; the part below the head renders itself anew at events."""

    permission = TenantPermission.VIEW_USAGE
    template_name = "console/overview/page.html"

    def get_template_names(self) -> list[str]:
        """The live part alone where htmx swaps it."""
        if self.request.htmx and self.request.htmx.target == "overview":  # type: ignore[attr-defined]
            return ["console/overview/_live.html"]
        return [self.template_name]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """All figures from one snapshot of the sums."""
        shown = self.shown
        by, split = self._chosen("by", dict(self.rankings), "requests"), self._chosen("split", dict(SPLITS), "status")
        sees_calls = self.workspace.may(TenantPermission.VIEW_RUNS)
        with one_snapshot():
            figures = tiles(shown)
            return super().get_context_data(
                range=shown.range,
                by=by,
                split=split,
                rankings=self.rankings,
                splits=SPLITS,
                tiles=figures.shown,
                quiet=figures.quiet,
                charts=charts(shown, split),
                lists=top_lists(shown, by),
                trouble=trouble(shown) if sees_calls else None,
                all_trouble=shown.requests(status="bad"),
                incidents=self._incidents(),
                **kwargs,
            )

    @cached_property
    def shown(self) -> OverviewScope:
        """Whose figures, and of when."""
        return OverviewScope(self.workspace, time_range(self.request), timezone.now())

    @property
    def rankings(self) -> list[tuple[str, str]]:
        """What lists can be ordered by; not by cost where costs are not shown."""
        return [(key, label) for key, label in RANKINGS if key != "cost" or self.shown.sees_costs]

    def _chosen(self, parameter: str, known: dict[str, str], default: str) -> str:
        asked = self.request.GET.get(parameter, "")
        return asked if asked in known else default

    def _incidents(self) -> list[tuple[Any, str]]:
        """Each with the address of its page."""
        source = incident_source()
        if source is None:
            return []
        tenant = self.workspace.tenant
        found = source.open_incidents(None if tenant is None else str(tenant.pk), MOST_INCIDENTS)
        return [(one, self.shown.link(one.page, **one.page_arguments) if one.page else "") for one in found]
