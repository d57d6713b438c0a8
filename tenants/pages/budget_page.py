"""The page of one budget: how it burns down, who spends it, what was told, and how earlier windows ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.views.generic import TemplateView

from console import formats
from console.charts import Bar, Chart, Series
from contracts.budgets import FOR_EVER, BudgetWindow, Period, period_at
from contracts.usage import UsageDimension, UsageQuery
from events.ledger.analytics import usage
from events.ledger.grains import ceil_quarter, floor_quarter
from events.ledger.ranking import ranking
from events.models import EventRecord
from tenants.budget_figures import BudgetState
from tenants.burn import burn_down
from tenants.models import ApiKey, Budget
from tenants.pages.audit_rows import changes_of
from tenants.pages.budgets import OfOneBudget
from tenants.roles import TenantPermission
from tenants.selectors import keys_of_account

MOST_RANKED = 6
EARLIER_WINDOWS = 8
CROSSINGS_BACK = timedelta(days=62)
MOST_CROSSINGS = 20
_TABS = (
    ("overview", "Overview", TenantPermission.VIEW_COSTS),
    ("windows", "Earlier windows", TenantPermission.VIEW_COSTS),
    ("history", "History", TenantPermission.VIEW_AUDIT),
)
_RANKINGS = {
    "tenant": (("Keys", UsageDimension.KEY), ("End users", UsageDimension.USER), ("Models", UsageDimension.MODEL)),
    "team": (("Keys", UsageDimension.KEY), ("End users", UsageDimension.USER), ("Models", UsageDimension.MODEL)),
    "key": (("End users", UsageDimension.USER), ("Models", UsageDimension.MODEL)),
    "user": (("End users", UsageDimension.USER),),
}


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that was reached."""

    at: datetime
    percent: int
    spent: int
    limit: int
    subject: str


@dataclass(frozen=True, slots=True)
class EndedWindow:
    """An earlier window, measured by today's amount."""

    start: datetime
    end: datetime
    spent: int
    share: float

    @property
    def width(self) -> float:
        """Of the bar, in percent."""
        return round(min(self.share, 1) * 100, 2)

    @property
    def tone(self) -> str:
        """Of the bar."""
        return "bad" if self.share >= 1 else "warn" if self.share >= 0.8 else "good"


class BudgetPage(OfOneBudget, TemplateView):
    """One part at a time: ``?tab=``."""

    permission = TenantPermission.VIEW_COSTS
    template_name = "console/budgets/budget.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the tab shows."""
        tabs = [
            (name, label)
            for name, label, permission in _TABS
            if self.workspace.may(permission) and (name != "windows" or self._has_earlier())
        ]
        wanted = self.request.GET.get("tab", "")
        tab = wanted if wanted in dict(tabs) else "overview"
        parts = {"overview": self._overview, "windows": self._windows, "history": self._history}
        amount = formats.money(self.budget.limit_nanousd)
        return super().get_context_data(budget_amount=amount, tabs=tabs, tab=tab, **parts[tab](), **kwargs)

    def _has_earlier(self) -> bool:
        return self.budget.window != Budget.Window.TOTAL and self.budget.level != "user"

    def _overview(self) -> dict[str, Any]:
        state = self.state
        return {
            "chart": _burn_chart(state) if state.budget.level != "user" else None,
            "rankings": self._rankings(),
            "crossings": crossings_of(state.budget),
        }

    def _rankings(self) -> list[tuple[str, list[Bar]]]:
        found = []
        for title, dimension in _RANKINGS[self.budget.level]:
            bars = _ranked(self.state, dimension)
            if dimension is UsageDimension.KEY:
                bars = self._named_keys(bars)
            if bars:
                found.append((title, bars))
        return found

    def _named_keys(self, bars: list[Bar]) -> list[Bar]:
        ids = [bar.label for bar in bars]
        rows = ApiKey.objects.for_tenant(self.budget.tenant_id).filter(pk__in=ids)
        names = {str(key.pk): key.name for key in rows.only("id", "name")}
        return [
            Bar(names.get(bar.label, "A key that is gone"), bar.value, self._key_url(bar.label, names), bar.colour)
            for bar in bars
        ]

    def _key_url(self, key_id: str, names: dict[str, str]) -> str:
        return self.workspace.url("key", pk=key_id) if key_id in names else ""

    def _windows(self) -> dict[str, Any]:
        return {"windows": earlier_windows(self.state)}

    def _history(self) -> dict[str, Any]:
        return {"changes": changes_of(self.budget.tenant_id, ["budget"], [str(self.budget.pk)])}


def crossings_of(budget: Budget) -> list[Crossing]:
    """The thresholds that were reached lately, the newest first."""
    since = datetime.now(UTC) - CROSSINGS_BACK
    events = EventRecord.objects.filter(
        tenant_id=str(budget.tenant_id),
        event_type="budget.threshold.crossed",
        occurred_at__gte=since,
        payload__budget_id=str(budget.pk),
    ).order_by("-occurred_at")[:MOST_CROSSINGS]
    return [
        Crossing(
            event.occurred_at,
            int(event.payload["percent"]),
            int(event.payload["spent_nanousd"]),
            int(event.payload["limit_nanousd"]),
            event.payload["subject"] if budget.level == "user" else "",
        )
        for event in events
    ]


def earlier_windows(state: BudgetState) -> list[EndedWindow]:
    """The windows before the current one, the newest first; those without calls as well."""
    budget, periods, cursor = state.budget, [], state.period.start_ms
    for _ in range(EARLIER_WINDOWS):
        period = period_at(BudgetWindow(budget.window), budget.tenant.time_zone, cursor - 1)
        periods.append(period)
        cursor = period.start_ms
    costs = _costs(budget, Period(cursor, state.period.start_ms), BudgetWindow(budget.window))
    return [
        EndedWindow(
            _moment(period.start_ms),
            _moment(period.end_ms),
            costs.get(period.start_ms, 0),
            costs.get(period.start_ms, 0) / budget.limit_nanousd,
        )
        for period in periods
    ]


def _burn_chart(state: BudgetState) -> Chart | None:
    budget = state.budget
    if state.period == FOR_EVER or budget.window == Budget.Window.TOTAL:
        return None
    step = BudgetWindow.DAY if budget.window == Budget.Window.MONTH else BudgetWindow.HOUR
    costs = _costs(budget, Period(state.period.start_ms, min(state.period.end_ms, state.now_ms)), step)
    zone = budget.tenant.time_zone
    spent_by = [(min(period_at(step, zone, start).end_ms, state.now_ms), cost) for start, cost in sorted(costs.items())]
    lines = burn_down(state.course, state.limit, spent_by, state.spent, state.now_ms)
    series = [
        Series("Left", lines.left, "brand"),
        Series("Even pace", lines.ideal, "slate"),
        Series("Forecast", lines.foretold, "bad" if (state.forecast_share or 0) > 1 else "teal"),
    ]
    return Chart("What is left of the window's money", lines.times, series, "line", "money", 280, zoom=False)


def _costs(budget: Budget, period: Period, window: BudgetWindow) -> dict[int, int]:
    """Start of each bucket → what the budget's calls cost in it."""
    found: dict[int, int] = {}
    for query in _queries(budget, period):
        for row in usage(_with_window(query, window)).rows:
            found[row.start_ms] = found.get(row.start_ms, 0) + row.figures.cost_nanousd
    return found


def _ranked(state: BudgetState, dimension: UsageDimension) -> list[Bar]:
    period = Period(max(0, state.period.start_ms), min(state.period.end_ms, state.now_ms))
    sums: dict[str, int] = {}
    for query in _queries(state.budget, period):
        for one in ranking(query, dimension, MOST_RANKED):
            sums[one.part] = sums.get(one.part, 0) + one.cost_nanousd
    best = sorted(sums.items(), key=lambda item: -item[1])[:MOST_RANKED]
    return [Bar(part or "No end user named", cost) for part, cost in best if cost > 0]


def _queries(budget: Budget, period: Period) -> list[UsageQuery]:
    """One for each key of the line, where the budget is a key's; otherwise one."""
    filters: list[tuple[tuple[UsageDimension, str], ...]] = [()]
    if budget.team_id is not None:
        filters = [((UsageDimension.TEAM, str(budget.team_id)),)]
    elif budget.key is not None:
        line = keys_of_account(str(budget.tenant_id), str(budget.key.account_id))
        filters = [((UsageDimension.KEY, key_id),) for key_id in line]
    return [
        UsageQuery(
            tenant_id=str(budget.tenant_id),
            time_zone=budget.tenant.time_zone,
            start_ms=floor_quarter(period.start_ms),
            end_ms=ceil_quarter(period.end_ms),
            filters=one,
        )
        for one in filters
    ]


def _with_window(query: UsageQuery, window: BudgetWindow) -> UsageQuery:
    return UsageQuery(
        tenant_id=query.tenant_id,
        time_zone=query.time_zone,
        start_ms=query.start_ms,
        end_ms=query.end_ms,
        window=window,
        filters=query.filters,
    )


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
