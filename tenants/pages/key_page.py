"""The page of one API key: what it is, what it is used for, what limits it, and what was changed."""

from __future__ import annotations

import time
from typing import Any

from django.db.models import QuerySet
from django.views.generic import TemplateView

from console.timerange import TimeRange, time_range
from contracts.usage import UsageDimension
from tenants import budget_figures
from tenants.models import ApiKey, Budget, RateLimit
from tenants.pages import limit_figures
from tenants.pages.audit_rows import changes_of
from tenants.pages.key_figures import DAY_MS, recent_runs, totals_of_keys, usage_charts, usage_of
from tenants.pages.keys import OfOneKey
from tenants.roles import TenantPermission

_TABS = (
    ("overview", "Overview", TenantPermission.VIEW_TENANT),
    ("requests", "Requests", TenantPermission.VIEW_RUNS),
    ("limits", "Limits and budgets", TenantPermission.VIEW_TENANT),
    ("history", "History", TenantPermission.VIEW_AUDIT),
)


class KeyPage(OfOneKey, TemplateView):
    """One part at a time: ``?tab=``."""

    template_name = "console/keys/key.html"

    @property
    def tabs(self) -> list[tuple[str, str]]:
        """Those that the user may see."""
        return [(name, label) for name, label, permission in _TABS if self.workspace.may(permission)]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the tab shows."""
        wanted = self.request.GET.get("tab", "")
        tab = wanted if wanted in dict(self.tabs) else "overview"
        key = self.key
        parts = {
            "overview": self._overview,
            "requests": self._requests,
            "limits": self._limits,
            "history": self._history,
        }
        context = {
            "tabs": self.tabs,
            "tab": tab,
            "state": key.state(),
            "successor": getattr(key, "successor", None),
            "may_see_usage": self.workspace.may(TenantPermission.VIEW_USAGE),
            "may_see_costs": self.workspace.may(TenantPermission.VIEW_COSTS),
            **parts[tab](key),
        }
        return super().get_context_data(**context, **kwargs)

    def _overview(self, key: ApiKey) -> dict[str, Any]:
        if not self.workspace.may(TenantPermission.VIEW_USAGE):
            return {}
        shown = time_range(self.request, default="7d")
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        rows = usage_of(str(key.tenant_id), key.tenant.time_zone, shown, UsageDimension.KEY, str(key.pk))
        figures = [row.figures for row in rows]
        requests, errors = sum(one.requests for one in figures), sum(one.errors for one in figures)
        before = _total_before(key, shown)
        return {
            "range": shown,
            "charts": usage_charts(rows, costs=costs),
            "requests": requests,
            "requests_before": before.requests,
            "error_share": errors / requests if requests else None,
            "cost": sum(one.cost_nanousd for one in figures),
            "cost_before": before.cost_nanousd,
            "tokens": sum(one.input_tokens + one.output_tokens for one in figures),
            "points": [one.requests for one in figures],
            "cost_points": [one.cost_nanousd for one in figures],
            "last_day": totals_of_keys([key], _now_ms() - DAY_MS, _now_ms())[0].requests,
        }

    def _requests(self, key: ApiKey) -> dict[str, Any]:
        return {"runs": recent_runs(key)}

    def _limits(self, key: ApiKey) -> dict[str, Any]:
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        return {
            "limits": limit_figures.states_of(list(limits_upon(key))),
            "budgets": budget_figures.states_of(list(budgets_upon(key))) if costs else [],
        }

    def _history(self, key: ApiKey) -> dict[str, Any]:
        line = [str(key.pk), *map(str, key.predecessors)]
        return {"changes": changes_of(key.tenant_id, ["apikey"], line)}


def limits_upon(key: ApiKey) -> QuerySet[RateLimit]:
    """All limits that count the key's calls: its own, its team's, the tenant's and each end user's."""
    rows = RateLimit.objects.of_key(key) | RateLimit.objects.of_whole_tenant(key.tenant_id)
    return rows.select_related("tenant", "team", "key").order_by("level", "metric", "window_s")


def budgets_upon(key: ApiKey) -> QuerySet[Budget]:
    """All budgets that pay for the key's calls, the disabled ones left out."""
    rows = Budget.objects.of_key(key) | Budget.objects.of_whole_tenant(key.tenant_id)
    return rows.filter(enabled=True).select_related("tenant", "team", "key").order_by("level", "name")


def _total_before(key: ApiKey, shown: TimeRange) -> Any:
    before = shown.previous
    return totals_of_keys([key], int(before.start.timestamp() * 1000), int(before.end.timestamp() * 1000))[0]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
