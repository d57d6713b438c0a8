"""What was spent in vain, what it cost the business, and what would be cheaper."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic import TemplateView, View

from console.charts import Bar, Chart, Series
from console.forms.views import go_to
from gateway.pages.usage_scope import RANGES, UsageScope
from insights.days import last_30_days
from insights.engine.days import KINDS
from insights.figures import CostImpact, Period, Recommendation, WastePart
from insights.impact import TITLES
from insights.models import ImpactRule
from insights.selectors import cost_impact, recommendations
from insights.services import decide, take_back
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

TONES: Final = {"failed": "bad", "blocked": "orange", "regenerated": "brand", "hedged": "teal"}
SNOOZES: Final = {"7": "for a week", "30": "for 30 days", "90": "for 90 days"}
MOST_SHOWN: Final = 8
ICONS: Final = {
    "cheaper_model": "coins",
    "cache_route": "copy",
    "max_tokens": "scale",
    "prompt_caching": "history",
    "unused_key": "key",
}


class InsightsPage(WorkspacePage):
    """For who sees costs."""

    permission = TenantPermission.VIEW_COSTS
    write_permission = TenantPermission.MANAGE_BUDGETS

    @property
    def tenant(self) -> Tenant:
        """The pages are those of tenants."""
        assert self.workspace.tenant is not None
        return self.workspace.tenant


class SavingsPage(InsightsPage, TemplateView):
    """Of a time in the address; 30 days unless it says another."""

    template_name = "console/insights/savings.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Both parts."""
        scope = UsageScope.of(self.request, self.tenant.time_zone, time.time_ns() // 1_000_000)
        asked = self.request.GET.get("range", "") in RANGES
        name = scope.stretch.name if asked else "30d"
        period = period_of(scope) if asked else last_30_days(self.tenant)
        impact = cost_impact(self.tenant, period)
        advice = recommendations(self.tenant, last_30_days(self.tenant), also_decided=True)
        open_ones = [one for one in advice if one.state == "open"]
        return super().get_context_data(
            range_name=name,
            ranges=RANGES.items(),
            impact=impact,
            share=impact.wasted_nanousd / impact.spent_nanousd if impact.spent_nanousd else None,
            chart=_chart(impact, self.tenant),
            by_route=_bars(impact.by_route, "No route reached"),
            by_model=_bars(impact.by_model, "No model reached"),
            rules=ImpactRule.objects.for_tenant(self.tenant),
            advice=[self._shown(one) for one in open_ones],
            aside=[self._shown(one) for one in advice if one.state != "open"],
            saving=sum(one.saving_nanousd or 0 for one in open_ones),
            snoozes=SNOOZES.items(),
            **kwargs,
        )

    def _shown(self, one: Recommendation) -> dict[str, Any]:
        url = self.workspace.url(one.page, **one.page_arguments) if one.page else ""
        return {"row": one, "url": url, "icon": ICONS[one.kind]}


class AdviceDo(InsightsPage, View):
    """A recommendation is put aside, or taken back."""

    permission = TenantPermission.MANAGE_BUDGETS

    def post(self, request: HttpRequest, **_: Any) -> HttpResponse:
        """Done, or said why not."""
        key, wanted = request.POST.get("key", ""), request.POST.get("do", "")
        try:
            messages.success(request, self._done(key, wanted))
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        return go_to(request, self.workspace.url("savings"))

    def _done(self, key: str, wanted: str) -> str:
        if wanted == "open":
            take_back(tenant=self.tenant, key=key)
            return "It is shown again."
        known = recommendations(self.tenant, last_30_days(self.tenant), also_decided=True)
        found = next((one for one in known if one.key == key), None)
        if found is None:
            raise ValidationError("There is no such recommendation any more.")
        if wanted not in SNOOZES and wanted != "dismiss":
            raise ValidationError("There is no such step.")
        until = timezone.now() + timedelta(days=int(wanted)) if wanted in SNOOZES else None
        decide(tenant=self.tenant, key=key, title=found.title, until=until)
        return "It is put aside." if until is None else f"It is put aside {SNOOZES[wanted]}."


def period_of(scope: UsageScope) -> Period:
    """As pages of usage put it."""
    start, end = scope.stretch.start_ms, scope.stretch.end_ms
    return Period(datetime.fromtimestamp(start / 1000, UTC), datetime.fromtimestamp(end / 1000, UTC))


def _chart(impact: CostImpact, tenant: Tenant) -> Chart | None:
    if not impact.wasted_nanousd:
        return None
    zone = ZoneInfo(tenant.time_zone)
    times = [datetime.fromisoformat(one.part).replace(tzinfo=zone) for one in impact.by_day]
    series = [
        Series(TITLES[kind], [one.by_kind.get(kind, 0) for one in impact.by_day], TONES[kind])
        for kind in KINDS
        if any(kind in one.by_kind for one in impact.by_day)
    ]
    return Chart("Spent in vain, by day", times, series, unit="money", kind="bars", zoom=False)


def _bars(parts: list[WastePart], nowhere: str) -> list[Bar]:
    shown = [one for one in parts if one.nanousd][:MOST_SHOWN]
    return [Bar(one.part or nowhere, one.nanousd, detail=f"{one.calls:,} calls") for one in shown]
