"""What a tenant spends and calls, and how far a new one has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.urls import NoReverseMatch
from django.utils import timezone

from console.charts import Chart, Series
from contracts.budgets import BudgetWindow, period_at
from contracts.usage import UsageFigures, UsageQuery
from events.ledger.analytics import usage
from events.ledger.grains import ceil_quarter
from events.models import Run
from tenants.invitation_rows import Invitation
from tenants.models import ApiKey, Budget, Membership, Tenant
from tenants.workspaces import Workspace

CHART_DAYS = 30


@dataclass(frozen=True, slots=True)
class Figures:
    """The month so far, the same stretch of the month before, and the last days."""

    month: UsageFigures
    before: UsageFigures
    chart: Chart

    @property
    def hint(self) -> str:
        """What figures are compared with."""
        return "to last month by now" if self.before.requests else "no calls last month"

    @property
    def error_share(self) -> float | None:
        """Of this month's calls; None without any."""
        return self.month.errors / self.month.requests if self.month.requests else None

    @property
    def error_share_before(self) -> float | None:
        """Of the stretch before."""
        return self.before.errors / self.before.requests if self.before.requests else None

    @property
    def tokens(self) -> int:
        """Read and written, this month."""
        return self.month.input_tokens + self.month.output_tokens

    @property
    def tokens_before(self) -> int:
        """Read and written, in the stretch before."""
        return self.before.input_tokens + self.before.output_tokens


def figures_of(tenant: Tenant, now: datetime) -> Figures:
    """From the ledger's rollups, in the tenant's time zone."""
    now_ms = ceil_quarter(int(now.timestamp() * 1000))
    month = period_at(BudgetWindow.MONTH, tenant.time_zone, now_ms - 1)
    before = period_at(BudgetWindow.MONTH, tenant.time_zone, month.start_ms - 1)
    until = min(before.start_ms + (now_ms - month.start_ms), month.start_ms)
    return Figures(
        month=_sum(tenant, month.start_ms, now_ms),
        before=_sum(tenant, before.start_ms, until),
        chart=_daily(tenant, now, now_ms),
    )


def _sum(tenant: Tenant, start_ms: int, end_ms: int) -> UsageFigures:
    query = UsageQuery(tenant_id=str(tenant.pk), time_zone=tenant.time_zone, start_ms=start_ms, end_ms=end_ms)
    return usage(query).total


def _daily(tenant: Tenant, now: datetime, now_ms: int) -> Chart:
    zone = ZoneInfo(tenant.time_zone)
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    days = [(today - timedelta(days=back)).replace(tzinfo=zone) for back in reversed(range(CHART_DAYS))]
    start_ms = ceil_quarter(int(days[0].timestamp() * 1000))
    query = UsageQuery(
        tenant_id=str(tenant.pk),
        time_zone=tenant.time_zone,
        start_ms=start_ms,
        end_ms=now_ms,
        window=BudgetWindow.DAY,
    )
    costs = {
        datetime.fromtimestamp(row.start_ms / 1000, UTC).astimezone(zone).date(): row.figures.cost_nanousd
        for row in usage(query).rows
    }
    return Chart(
        f"Cost by day, {tenant.time_zone}",
        days,
        [Series("Cost", [costs.get(day.date(), 0) for day in days])],
        kind="bars",
        unit="money",
        zoom=False,
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a new tenant needs."""

    label: str
    text: str
    done: bool
    action: str
    url: str
    """Empty where there is no page for it."""


def first_steps(portal: Workspace) -> list[Step]:
    """What a new tenant needs before it can be left alone, in order."""
    tenant = portal.tenant
    assert tenant is not None
    now = timezone.now()
    owner = Membership.objects.for_tenant(tenant).filter(role=Membership.Role.OWNER).exists()
    invited = not owner and Invitation.open_ones(tenant=tenant, role=Membership.Role.OWNER, expires_at__gt=now).exists()
    return [
        Step(
            "Somebody owns it",
            "The invitation is on its way; it is done once they have joined."
            if invited
            else "Owners manage everything in it.",
            owner,
            "See invitations" if invited else "Invite an owner",
            _url(portal, "member-invitations" if invited else "member-invite"),
        ),
        Step(
            "Money is bounded",
            "A monthly budget says what happens when too much is spent.",
            Budget.objects.for_tenant(tenant).enabled().exists(),
            "Set a budget",
            _url(portal, "budgets"),
        ),
        Step(
            "An API key exists",
            "Applications call with it. Its owner can create it as well.",
            ApiKey.objects.for_tenant(tenant).usable(now).exists(),
            "Create a key",
            _url(portal, "keys"),
        ),
        Step(
            "A first call came",
            "Getting started has a snippet to paste.",
            Run.objects.filter(tenant_id=str(tenant.pk)).exists(),
            "Open getting started",
            _url(portal, "start") or _url(portal, "home"),
        ),
    ]


def _url(workspace: Workspace, name: str) -> str:
    try:
        return workspace.url(name)
    except NoReverseMatch:
        return ""
