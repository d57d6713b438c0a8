from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from contracts.budgets import FOR_EVER, BudgetWindow, period_at
from contracts.ports import SpendQuery
from contracts.usage import UsageQuery
from controlplane.demo.money import SMALLEST_NANOUSD
from controlplane.demo.story import DemoRefused, Size, Story, tell
from events.ledger.analytics import usage
from events.ledger.checking import differences
from events.ledger.grains import ceil_quarter, floor_quarter
from events.ledger.spending import spend
from events.models import EventRecord, Run, RunState, UsageRecord
from tenants.audit import AuditEntry
from tenants.audit_log import verify
from tenants.models import ApiKey, Budget, Membership, Tenant


def _milliseconds(story: Story) -> tuple[int, int]:
    now_ms = int(timezone.now().timestamp() * 1000)
    return floor_quarter(now_ms - 3 * 86_400_000), ceil_quarter(now_ms)


def test_the_ledger_runs_and_rollups_say_the_same(demo_small: Story):
    assert differences() == []
    ended = Run.objects.filter(state__in=[RunState.COMPLETED, RunState.FAILED])
    assert 200 < ended.count() == UsageRecord.objects.count() <= 320
    assert not Run.objects.filter(state=RunState.RUNNING).exists()
    start_ms, end_ms = _milliseconds(demo_small)
    for tenant in demo_small.made.tenants:
        query = UsageQuery(tenant_id=str(tenant.row.pk), start_ms=start_ms, end_ms=end_ms, window=BudgetWindow.TOTAL)
        costs = UsageRecord.objects.filter(tenant_id=str(tenant.row.pk)).values_list("cost_nanousd", flat=True)
        assert usage(query).total.cost_nanousd == sum(cost or 0 for cost in costs) > 0


def test_every_event_is_one_that_the_collector_takes_and_the_incidents_are_among_them(demo_small: Story):
    kinds = set(EventRecord.objects.values_list("event_type", flat=True))
    assert {
        "llm.request.completed",
        "llm.request.failed",
        "llm.request.rejected",
        "llm.attempt.failed",
        "router.fallback.used",
        "breaker.state.changed",
        "budget.threshold.crossed",
    } <= kinds
    assert {"BUDGET_EXCEEDED", "RATE_LIMITED"} & set(
        Run.objects.filter(state=RunState.REJECTED).values_list("error_code", flat=True)
    )


def test_each_role_has_a_member_and_keys_are_in_every_state(demo_small: Story):
    for tenant in demo_small.made.tenants:
        roles = Membership.objects.for_tenant(tenant.row).values_list("role", flat=True)
        assert set(roles) == {"owner", "admin", "developer", "viewer", "billing"}
    states = {key.state() for tenant in demo_small.made.tenants for key in ApiKey.objects.for_tenant(tenant.row)}
    assert states == {"active", "expired", "revoked"}


def test_budgets_are_as_far_used_as_their_plan_says(demo_small: Story):
    begun_ms = int((timezone.now() - timedelta(days=2)).timestamp() * 1000)
    for tenant in demo_small.made.tenants:
        plans = {plan.name: plan for plan in tenant.plan.budgets}
        for budget in Budget.objects.for_tenant(tenant.row):
            window = BudgetWindow(budget.window)
            now_ms = int(timezone.now().timestamp() * 1000)
            period = FOR_EVER if window is BudgetWindow.TOTAL else period_at(window, tenant.plan.time_zone, now_ms)
            subject = str(budget.team_id or tenant.row.pk)
            query = SpendQuery(
                tenant_id=str(tenant.row.pk), level=budget.level, subject=subject, period=period, call_ids=()
            )
            used = spend(query).nanousd / budget.limit_nanousd
            planned = plans[budget.name].used
            # One that is used up stops short of the call that it does not pay for.
            assert used <= (1.05 if planned == 1 else planned + 0.15), (budget.name, used)
            # Where all calls are of this period, it is old enough to be as far as planned.
            if planned < 1 and period.start_ms <= begun_ms and budget.limit_nanousd > SMALLEST_NANOUSD:
                assert used == pytest.approx(planned, abs=0.15), (budget.name, used)


def test_the_audit_log_tells_who_did_what_and_its_chain_holds(demo_small: Story):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # seals the entries, as the end of the transaction would
    assert verify().problems == []
    tenant = demo_small.made.tenants[0]
    actors = set(AuditEntry.objects.filter(tenant_ref=str(tenant.row.pk)).values_list("actor", flat=True))
    assert {"robin.keller", "amelia.hart", "tom.ridley", "priya.nair", "grace.obi"} <= actors
    oldest = AuditEntry.objects.filter(tenant_ref=str(tenant.row.pk)).earliest("at")
    assert timezone.now() - oldest.at > timedelta(days=30)


def test_payloads_are_kept_as_the_tenant_wants_them(demo_small: Story):
    bank, shop = (str(tenant.row.pk) for tenant in demo_small.made.tenants)
    prompts = {
        tenant: str(list(started.values_list("payload__input", flat=True)))
        for tenant in (bank, shop)
        if (started := EventRecord.objects.filter(tenant_id=tenant, event_type="llm.request.started"))
    }
    assert "jo.baker@example.com" in prompts[shop]
    assert "helen.mills@example.com" not in prompts[bank]
    assert "Customer Helen Mills" in prompts[bank]


def test_a_second_demo_is_refused_before_anything_changes(demo_small: Story):
    tenants = Tenant.objects.count()
    with pytest.raises(DemoRefused, match="northwind-bank"):
        tell(Size(until=timezone.now(), calls=10))
    assert Tenant.objects.count() == tenants
