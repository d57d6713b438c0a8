"""No selector that takes a tenant ever returns another tenant's rows."""

import inspect
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from events.models import Run
from routing import selectors as routing_selectors
from routing.models import Model, Provider, Route, Target
from tenants import selectors, services
from tenants.changes import save_row
from tenants.tasks import note_key_use
from tests.tenants.factories import make_key, make_team, make_tenant, make_user

pytestmark = pytest.mark.django_db


def furnish(tenant):
    """One row of every kind that selectors return."""
    team = make_team(tenant)
    key = make_key(tenant, team=team)
    services.set_membership(user=make_user(), tenant=tenant, role="viewer")
    for level, subject in (("tenant", {}), ("user", {}), ("team", {"team": team}), ("key", {"key": key})):
        services.set_rate_limit(tenant=tenant, level=level, metric="requests", value=5, **subject)
        services.set_budget(tenant=tenant, level=level, name="b", limit_nanousd=5, **subject)
    provider = save_row(Provider(tenant=tenant, name="own", kind="sandbox"))
    model = save_row(Model(provider=provider, name="m", capabilities=["chat"]))
    route = save_row(Route(tenant=tenant, name="own-route"))
    save_row(Target(route=route, model=model))


SCOPED = {
    "budgets_of_tenant": selectors.budgets_of_tenant,
    "limits_of_tenant": selectors.limits_of_tenant,
    "keys_of_tenant": selectors.keys_of_tenant,
    "teams_of_tenant": selectors.teams_of_tenant,
    "members_of_tenant": selectors.members_of_tenant,
    "audit_of_tenant": selectors.audit_of_tenant,
    "live_routes": routing_selectors.live_routes,
    "live_models": routing_selectors.live_models,
}


def owner(row):
    if hasattr(row, "tenant_ref"):
        return uuid.UUID(row.tenant_ref)
    return row.audit_tenant_id()


@pytest.mark.parametrize("name", SCOPED)
def test_a_selector_returns_rows_of_its_own_tenant_only(name):
    ours, theirs = make_tenant(), make_tenant()
    furnish(ours)
    furnish(theirs)

    for tenant in (ours, theirs):
        rows = list(SCOPED[name](tenant.id))
        assert rows
        assert {owner(row) for row in rows} == {tenant.id}


@pytest.mark.parametrize("name", SCOPED)
def test_a_selector_returns_nothing_for_a_tenant_that_does_not_exist(name):
    furnish(make_tenant())

    assert not list(SCOPED[name](uuid.uuid4()))


def test_every_selector_that_takes_a_tenant_is_tested_here():
    taking = {
        name
        for module in (selectors, routing_selectors)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and not name.startswith("_")
        and "tenant_id" in inspect.signature(function).parameters
    }

    # The models that a tenant has prices for are the platform's; whose prices they are is tested with the prices.
    # The keys of an account are ids, not rows: the next test.
    assert taking - {"tenant_by_id", "models_priced_for", "keys_of_account"} == set(SCOPED)


def test_the_keys_of_an_account_are_found_for_its_tenant_only():
    ours, theirs = make_tenant(), make_tenant()
    first = make_key(ours)
    second, _ = services.rotate_key(key=first, overlap=timedelta(hours=1))
    account = str(first.pk)

    assert set(selectors.keys_of_account(str(ours.pk), account)) == {str(first.pk), str(second.pk)}
    assert selectors.keys_of_account(str(theirs.pk), account) == [account]


def test_the_limits_of_a_key_are_its_own_and_its_teams():
    tenant = make_tenant()
    team, other_team = make_team(tenant), make_team(tenant)
    key, other_key = make_key(tenant, team=team), make_key(tenant, team=other_team)
    for level, subject, value in (
        ("key", {"key": key}, 1),
        ("team", {"team": team}, 2),
        ("key", {"key": other_key}, 3),
        ("team", {"team": other_team}, 4),
        ("tenant", {}, 5),
    ):
        services.set_rate_limit(tenant=tenant, level=level, metric="requests", value=value, **subject)

    assert [limit.value for limit in selectors.limits_of_key(key)] == [1, 2]


def test_a_key_without_team_has_no_team_limits():
    tenant = make_tenant()
    services.set_rate_limit(tenant=tenant, level="team", team=make_team(tenant), metric="requests", value=9)

    assert not selectors.limits_of_key(make_key(tenant))


def test_the_platforms_version_grows_with_platform_changes_only():
    before = selectors.platform_version()
    make_tenant()
    assert selectors.platform_version() == before

    save_row(Provider(name="shared", kind="sandbox"))

    assert selectors.platform_version() > before


def run_at(key_id: str | None, started_at: datetime) -> None:
    Run.objects.create(
        correlation_id=f"req_{uuid.uuid4().hex}", tenant_id="t", trace_id="", started_at=started_at, key_id=key_id
    )


def test_last_use_of_keys_is_taken_from_the_runs():
    now = timezone.now().astimezone(UTC)
    busy, idle = make_key(), make_key()
    for minutes in (30, 10, 20):
        run_at(str(busy.pk), now - timedelta(minutes=minutes))
    run_at(None, now)

    assert note_key_use() == 1
    assert note_key_use() == 0

    busy.refresh_from_db()
    idle.refresh_from_db()
    assert busy.last_used_at == now - timedelta(minutes=10)
    assert idle.last_used_at is None


def test_runs_that_are_written_late_still_count():
    now = timezone.now()
    first, late = make_key(), make_key()
    run_at(str(first.pk), now)
    note_key_use()
    run_at(str(late.pk), now - timedelta(minutes=5))

    assert note_key_use() == 1
