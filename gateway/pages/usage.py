"""Usage and cost: what was called and what it cost, over time and by whatever calls are told apart by."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic import TemplateView, View

from console import formats
from contracts.errors import InvalidRequest
from contracts.usage import UsageFigures, UsageQuery
from events.ledger.analytics import usage
from events.ledger.buckets import Bucket
from events.ledger.of_tenants import usage_of_tenants
from events.ledger.reading import one_snapshot
from events.ledger.tags import tag_names
from events.traffic.measures import PLATFORM
from gateway.formats.analytics import FILTERS
from gateway.formats.analytics_answers import page_as_csv, page_as_json
from gateway.pages.usage_files import asks_for_costs, file_of, form_of
from gateway.pages.usage_groups import MEASURES, Group, breakdown, over_time, ranked, stacked
from gateway.pages.usage_kept import kept_answers
from gateway.pages.usage_names import names
from gateway.pages.usage_scope import DEFAULT_RANGE, RANGES, TAG, Stretch, UsageScope
from gateway.pages.usage_tiles import PACE_DAYS, forecast, summed, tiles, tokens_by_kind
from tenants.models import Tenant
from tenants.permissions import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

PAGE_SIZE: Final = 25
MOST_TENANTS: Final = 2_000
LABELS: Final = {
    "model": "Model",
    "provider": "Provider",
    "route": "Route",
    "team": "Team",
    "key": "Key",
    "user": "End user",
}
SORTS: Final = {
    "name": lambda group: group.label.casefold(),
    "cost": lambda group: group.figures.cost_nanousd,
    "requests": lambda group: group.figures.requests,
    "errors": lambda group: group.error_share or 0,
    "input": lambda group: group.figures.input_tokens,
    "output": lambda group: group.figures.output_tokens,
    "tokens": lambda group: group.tokens,
    "percall": lambda group: group.cost_per_call or 0,
    "unpriced": lambda group: group.figures.price_unknown,
}
"""Column → what its rows are sorted by."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Of the table: its link sorts."""

    label: str
    url: str
    direction: str
    numeric: bool = True


class UsagePage(WorkspacePage, TemplateView):
    """Totals, a chart and a table of one tenant; of all tenants side by side on the platform."""

    permission = TenantPermission.VIEW_USAGE
    template_name = "console/usage/page.html"

    @cached_property
    def sees_costs(self) -> bool:
        """Whether money is shown."""
        return self.workspace.may(TenantPermission.VIEW_COSTS)

    @cached_property
    def scope(self) -> UsageScope:
        """What is asked, in the tenant's time zone; on the platform in the viewer's."""
        tenant = self.workspace.tenant
        zone = timezone.get_current_timezone_name() if tenant is None else tenant.time_zone
        return UsageScope.of(self.request, zone, time.time_ns() // 1_000_000)

    @cached_property
    def measure(self) -> str:
        """What the chart shows."""
        asked = self.request.GET.get("measure", "")
        known = [key for key in MEASURES if key != "cost" or self.sees_costs]
        return asked if asked in known else known[0]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """All figures are as of one instant."""
        refused = ""
        try:
            with one_snapshot():
                figures = self._of_all_tenants() if self.workspace.is_platform else self._of_tenant()
        except InvalidRequest as error:
            refused, figures = str(error), {}
        return super().get_context_data(
            scope=self.scope,
            measure=self.measure,
            measures=[
                (key, label, self.scope.link({"measure": key}, without=("sort",)))
                for key, (label, _, _) in MEASURES.items()
                if key != "cost" or self.sees_costs
            ],
            ranges=[(key, label, self._range_url(key)) for key, label in RANGES.items()],
            sees_costs=self.sees_costs,
            refused=refused,
            clear_url=self.scope.link({}, without=(*FILTERS, "tag", "by", "sort")),
            **figures,
            **kwargs,
        )

    def _range_url(self, key: str) -> str:
        without = ("from", "to", "range")
        return self.scope.link({} if key == DEFAULT_RANGE else {"range": key}, without=without)

    # --- one tenant ----------------------------------------------------------------------------------

    def _of_tenant(self) -> dict[str, Any]:
        scope, tenant_id = self.scope, str(self.workspace.tenant.pk)  # type: ignore[union-attr]
        query = scope.query(tenant_id)
        found = breakdown(query, scope)
        before = usage(scope.query(tenant_id, scope.previous)).total
        label = names(self.workspace, scope.by, found.groups)
        groups = ranked(found.groups, found.total, self.measure, label, scope.into)
        series, totals = over_time(query, scope, groups)
        by_name = self.group_name
        title = f"{MEASURES[self.measure][0]} by {by_name.lower()}"
        return {
            **self._tiles(found.total, before, tenant_id),
            **self._forecast(query, found.total),
            **self._totals(found.total),
            "chart": stacked(title, scope, groups, self.measure, series, totals),
            "chart_title": title,
            "groupings": self._groupings(tenant_id),
            "chips": self._chips(),
            "incomplete": not found.complete,
            **self._table(groups, by_name),
        }

    def _tiles(self, total: UsageFigures, before: UsageFigures, whose: str) -> dict[str, Any]:
        shown = tiles(total, before, self.scope.previous_words, costs=self.sees_costs)
        kept = kept_answers(self.scope, whose, costs=self.sees_costs)
        return {"tiles": shown if kept is None else [*shown, kept.tile(costs=self.sees_costs)], "kept": kept}

    def _forecast(self, query: UsageQuery, total: UsageFigures) -> dict[str, Any]:
        found = forecast(query, self.scope, total.cost_nanousd) if self.sees_costs else None
        if found is None:
            return {}
        left = round(found.days_left, 1)
        pace = formats.money(found.pace_nanousd)
        hint = f"at {pace} a day, the last {PACE_DAYS} days' pace, for {left:g} more {'day' if left == 1 else 'days'}"
        return {"forecast": found, "forecast_hint": hint}

    @property
    def group_name(self) -> str:
        """What the rows are."""
        by = self.scope.by
        return by[len(TAG) :] if by.startswith(TAG) else LABELS[by]

    def _groupings(self, tenant_id: str) -> list[tuple[str, str, str, bool]]:
        """Key, label, address, and whether it is the present one."""
        found = [*LABELS.items(), *((f"{TAG}{name}", f"Tag: {name}") for name in tag_names(tenant_id))]
        by = self.scope.by
        return [(key, label, self.scope.link({"by": key}, without=("sort",)), key == by) for key, label in found]

    def _chips(self) -> list[tuple[str, str, str]]:
        """Label, value, and the page without the filter."""
        parameter = {dimension: name for name, dimension in FILTERS.items()}
        found = [
            (
                LABELS[dimension.value],
                names(self.workspace, dimension.value, [value])(value),
                self.scope.link({}, without=(parameter[dimension],)),
            )
            for dimension, value in self.scope.filters
        ]
        tag = self.scope.tag
        return found + ([(tag.name, tag.value or "any", self.scope.link({}, without=("tag",)))] if tag else [])

    # --- all tenants ---------------------------------------------------------------------------------

    def _of_all_tenants(self) -> dict[str, Any]:
        scope = self.scope
        tenants = {str(row.pk): row for row in Tenant.objects.only("pk", "name", "slug")[:MOST_TENANTS]}
        over_time: dict[str | None, dict[int, UsageFigures]] = {}
        for tenant_id, start_ms, figures in usage_of_tenants(list(tenants), scope.cut):
            over_time.setdefault(tenant_id, {})[start_ms] = figures
        sums = {tenant_id: summed(list(parts.values())) for tenant_id, parts in over_time.items()}
        total = summed(list(sums.values()))
        starts = {start for parts in over_time.values() for start in parts}
        totals = {at: summed([parts[at] for parts in over_time.values() if at in parts]) for at in starts}
        label = lambda value: tenants[value].name if value else ""  # noqa: E731
        groups = ranked(sums, total, self.measure, label, lambda value: self._tenant_url(tenants[value]))
        title = f"{MEASURES[self.measure][0]} by tenant"
        return {
            **self._tiles(total, self._before(list(tenants)), PLATFORM),
            **self._totals(total),
            "chart": stacked(title, scope, groups, self.measure, over_time, totals),
            "chart_title": title,
            **self._table(groups, "Tenant"),
        }

    def _before(self, tenant_ids: list[str]) -> UsageFigures:
        before: Stretch = self.scope.previous
        if before.start_ms >= before.end_ms:
            return UsageFigures()
        rows = usage_of_tenants(tenant_ids, [Bucket(before.start_ms, before.end_ms)])
        return summed([figures for _, _, figures in rows])

    def _tenant_url(self, tenant: Tenant) -> str:
        kept = {name: self.request.GET[name] for name in ("range", "from", "to", "measure") if name in self.request.GET}
        query = self.scope.link({}, without=tuple(name for name in self.request.GET if name not in kept))
        return f"{Workspace(self.workspace.user, tenant).url('usage')}{query if kept else ''}"

    def _totals(self, total: UsageFigures) -> dict[str, Any]:
        unpriced = total.price_unknown
        return {
            "total": total,
            "total_tokens": total.input_tokens + total.output_tokens,
            "tokens": tokens_by_kind(total),
            "unpriced_title": f"{unpriced:,} {'call has' if unpriced == 1 else 'calls have'} no known price",
            "unpriced_url": self.scope.link({"by": "model", "sort": "-unpriced"}),
        }

    # --- the table -----------------------------------------------------------------------------------

    def _table(self, groups: list[Group], by_name: str) -> dict[str, Any]:
        sort = self.request.GET.get("sort", "")
        if sort.removeprefix("-") in SORTS:
            groups = sorted(groups, key=SORTS[sort.removeprefix("-")], reverse=sort.startswith("-"))
        pages = max(1, -(-len(groups) // PAGE_SIZE))
        asked = self.request.GET.get("page", "1")
        page = min(pages, max(1, int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1))
        unpriced = any(group.figures.price_unknown for group in groups)
        return {
            "groups": groups[(page - 1) * PAGE_SIZE : page * PAGE_SIZE],
            "count": len(groups),
            "headings": self._headings(by_name, sort or f"-{self.measure}", unpriced=unpriced),
            "by_name": by_name,
            "unpriced": unpriced,
            "page_number": page,
            "pages": pages,
            "page_urls": (
                self.scope.link({"page": str(page - 1)}) if page > 1 else "",
                self.scope.link({"page": str(page + 1)}) if page < pages else "",
            ),
        }

    def _headings(self, by_name: str, sort: str, *, unpriced: bool) -> list[Heading]:
        columns = [("name", by_name), ("requests", "Requests"), ("errors", "Errors")]
        columns += [("input", "Input tokens"), ("output", "Output tokens")]
        columns += [("percall", "Cost per call"), ("cost", "Cost")] if self.sees_costs else [("tokens", "Tokens")]
        columns += [("unpriced", "Without a price")] if unpriced and self.sees_costs else []
        return [self._heading(name, label, sort) for name, label in columns]

    def _heading(self, name: str, label: str, sort: str) -> Heading:
        current = sort.removeprefix("-") == name
        down = current and sort.startswith("-")
        following = name if down or (name == "name" and not current) else f"-{name}"
        direction = ("descending" if down else "ascending") if current else ""
        return Heading(label, self.scope.link({"sort": following}), direction, numeric=name != "name")


class UsageExport(WorkspacePage, View):
    """The chart's rows as a file: what ``/v1/analytics`` answers to the same question."""

    permission = TenantPermission.VIEW_USAGE

    def get(self, request: HttpRequest, kind: str) -> HttpResponse:
        """``kind`` is ``usage`` or ``costs``; ``format`` is ``json`` or ``csv``; ``page`` is its cursor.

        Raises:
            Http404: there is no such kind.
            PermissionDenied: costs are not shown to this person.
        """
        costs = asks_for_costs(self.workspace, kind)
        tenant = self.workspace.tenant
        assert tenant is not None
        scope = UsageScope.of(request, tenant.time_zone, time.time_ns() // 1_000_000)
        query = msgspec.structs.replace(scope.query(str(tenant.pk)), window=scope.window, **scope.grouping)
        try:
            page = usage(msgspec.structs.replace(query, after=request.GET.get("cursor") or None))
        except InvalidRequest as error:
            return HttpResponse(str(error), status=400, content_type="text/plain; charset=utf-8")
        form = form_of(request)
        answer = file_of(
            f"{tenant.slug}-{kind}-{scope.first_day}-{scope.last_day}.{form}",
            form,
            as_json=lambda: page_as_json(query, page, costs=costs),
            as_csv=lambda: page_as_csv(query, page, costs=costs),
        )
        if page.next_cursor is not None:
            answer["X-Next-Cursor"] = page.next_cursor
        return answer
