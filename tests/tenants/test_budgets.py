"""Budgets: what may be stored, what the database itself refuses, and what gateways are told."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from contracts.budgets import BudgetAction, BudgetSpec, BudgetWindow
from gateway.spec_source import read_key, read_tenant
from tenants import invalidation, services
from tenants.audit import AuditEntry
from tenants.budgets import MAX_LIMIT_NANOUSD
from tenants.models import Budget
from tenants.selectors import budgets_of_key
from tests.tenants.factories import make_key, make_team, make_tenant
from tests.tenants.secrets.doubles import environment_secrets

pytestmark = pytest.mark.django_db

NO_SECRETS = environment_secrets({})


def make_budget(tenant=None, **fields) -> Budget:
    return services.set_budget(
        **{"tenant": tenant or make_tenant(), "name": "monthly", "limit_nanousd": 5_000_000_000, **fields}
    )


def stored(**fields) -> Budget:
    """A row that went past the model's own checks."""
    row = Budget(**{"tenant": make_tenant(), "name": "b", "level": "tenant", "limit_nanousd": 1, **fields})
    row.save()
    return row


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"limit_nanousd": 0}, "A budget is more than 0"),
        ({"limit_nanousd": MAX_LIMIT_NANOUSD + 1}, "at most 9,007,199.254740992 US dollars"),
        ({"level": "team"}, "Level 'team' needs a team"),
        ({"window": "year"}, "not a valid choice"),
        ({"thresholds": [80, 50]}, "ascending order"),
        ({"thresholds": [50, 50]}, "each once"),
        ({"thresholds": [0, 50]}, "greater than or equal to 1"),
        ({"thresholds": [1_001]}, "less than or equal to 1000"),
        ({"action": "degrade"}, "needs a route or a longest answer"),
        ({"action": "block", "degrade_route": "cheap"}, "the others take neither"),
        ({"action": "degrade", "degrade_max_output_tokens": 0}, "at least one token"),
        ({"action": "degrade", "degrade_route": "not a route!"}, "Write letters"),
        ({"action": "alert_only", "thresholds": []}, "at least one threshold"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_with_the_reason(fields, complaint):
    with pytest.raises(ValidationError, match=complaint):
        make_budget(**fields)
    assert not Budget.objects.exists()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"limit_nanousd": 0}, "budget_limit_in_range"),
        ({"level": "key"}, "budget_subject_matches_level"),
        ({"level": "nobody"}, "budget_subject_matches_level"),
        ({"window": "year"}, "budget_window_known"),
        ({"action": "ignore"}, "budget_degradation_matches_action"),
        ({"action": "degrade"}, "budget_degradation_matches_action"),
        ({"action": "alert_only", "thresholds": []}, "budget_alert_has_thresholds"),
        ({"thresholds": [80, 50]}, "budget_thresholds_ascend"),
        ({"thresholds": [50, 50]}, "budget_thresholds_ascend"),
        ({"thresholds": [0]}, "budget_thresholds_ascend"),
    ],
)
def test_the_database_itself_refuses_it(fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        stored(**fields)


def test_the_database_keeps_budgets_to_their_own_tenants_teams_and_keys():
    for fields in ({"level": "team", "team": make_team()}, {"level": "key", "key": make_key()}):
        with transaction.atomic():
            stored(**fields)
            with pytest.raises(IntegrityError, match="same_tenant"):
                connection.check_constraints()
            transaction.set_rollback(True)


def test_another_tenants_team_or_key_is_refused_with_the_reason():
    for fields in ({"level": "team", "team": make_team()}, {"level": "key", "key": make_key()}):
        with pytest.raises(ValidationError, match="belongs to another tenant"):
            make_budget(**fields)


def test_a_name_is_taken_once_for_each_subject_and_window():
    tenant = make_tenant()
    make_budget(tenant)
    make_budget(tenant, window="day")
    make_budget(tenant, level="user")
    make_budget(tenant, name="other")
    with pytest.raises(IntegrityError, match="budget_unique"), transaction.atomic():
        stored(tenant=tenant, name="monthly", window="month")


def test_setting_a_budget_again_changes_it():
    tenant = make_tenant()
    first = make_budget(tenant)
    again = make_budget(tenant, limit_nanousd=7, thresholds=[100])
    assert again.pk == first.pk
    assert Budget.objects.get().limit_nanousd == 7


def test_every_change_is_audited_under_the_tenant():
    budget = make_budget()
    services.set_budget(tenant=budget.tenant, name="monthly", limit_nanousd=6)
    services.delete_budget(budget=Budget.objects.get())
    entries = AuditEntry.objects.filter(object_type="budget").order_by("id")
    assert [entry.action for entry in entries] == ["created", "updated", "deleted"]
    assert {entry.tenant_ref for entry in entries} == {str(budget.tenant_id)}
    assert entries[1].after == {"limit_nanousd": 6}


def test_gateways_know_a_tenants_budgets_and_those_of_its_users():
    tenant = make_tenant(time_zone="Asia/Kathmandu")
    whole = make_budget(tenant, action="degrade", degrade_route="cheap", degrade_max_output_tokens=9, thresholds=[10])
    each = make_budget(tenant, level="user", window="day")
    make_budget(tenant, level="team", team=make_team(tenant))
    make_budget(tenant, name="off", enabled=False)
    spec = read_tenant(str(tenant.id), NO_SECRETS)
    assert spec is not None
    assert spec.budgets == (
        BudgetSpec(
            id=str(whole.id),
            name="monthly",
            level="tenant",
            subject=str(tenant.id),
            limit_nanousd=5_000_000_000,
            window=BudgetWindow.MONTH,
            time_zone="Asia/Kathmandu",
            action=BudgetAction.DEGRADE,
            thresholds=(10,),
            degrade_route="cheap",
            degrade_max_output_tokens=9,
        ),
        BudgetSpec(
            id=str(each.id),
            name="monthly",
            level="user",
            subject="",
            limit_nanousd=5_000_000_000,
            window=BudgetWindow.DAY,
            time_zone="Asia/Kathmandu",
        ),
    )


def test_gateways_know_the_budgets_of_a_key_and_of_its_team(django_assert_num_queries):
    tenant = make_tenant(time_zone="Europe/Berlin")
    team = make_team(tenant)
    key = make_key(tenant, team=team)
    mine = make_budget(tenant, level="key", key=key)
    ours = make_budget(tenant, level="team", team=team)
    make_budget(tenant, level="key", key=make_key(tenant))
    make_budget(tenant, level="team", team=make_team(tenant))
    with django_assert_num_queries(4):
        spec = read_key(key.key_hash)
    assert spec is not None
    assert {(budget.id, budget.subject) for budget in spec.budgets} == {
        (str(mine.id), str(key.id)),
        (str(ours.id), str(team.id)),
    }
    assert {budget.time_zone for budget in spec.budgets} == {"Europe/Berlin"}


@pytest.fixture
def published(monkeypatch, django_capture_on_commit_callbacks):
    sent: list[invalidation.Invalidation] = []
    monkeypatch.setattr(invalidation, "publish", sent.extend)

    def during(change) -> set[tuple[str, str]]:
        sent.clear()
        with django_capture_on_commit_callbacks(execute=True):
            change()
        return {(message.scope, message.id) for message in sent}

    return during


def test_a_budget_drops_the_specs_that_carry_it(published):
    tenant = make_tenant()
    team = make_team(tenant)
    key, other = make_key(tenant, team=team), make_key(tenant)
    of_tenant = published(lambda: make_budget(tenant, level="user"))
    of_team = published(lambda: make_budget(tenant, level="team", team=team))
    of_key = published(lambda: make_budget(tenant, level="key", key=other))
    assert of_tenant == {("tenant", str(tenant.id))}
    assert of_team == {("key", str(key.id))}
    assert of_key == {("key", str(other.id))}


def test_a_change_of_the_tenants_time_zone_drops_the_keys_whose_budgets_know_it(published):
    tenant = make_tenant()
    team = make_team(tenant)
    in_team, alone, without = make_key(tenant, team=team), make_key(tenant), make_key(tenant)
    make_budget(tenant, level="team", team=team)
    make_budget(tenant, level="key", key=alone)
    dropped = published(lambda: services.update_tenant(tenant=tenant, time_zone="Asia/Tokyo"))
    assert dropped >= {("tenant", str(tenant.id)), ("key", str(in_team.id)), ("key", str(alone.id))}
    assert ("key", str(without.id)) not in dropped


def test_a_successor_key_has_its_predecessors_budgets_and_waits():
    tenant = make_tenant()
    key = make_key(tenant)
    make_budget(tenant, level="key", key=key, thresholds=[90])
    services.set_rate_limit(
        tenant=tenant, level="key", key=key, metric="concurrency", value=3, window_s=0, max_wait_ms=250
    )
    successor, _clear = services.rotate_key(key=key)
    assert [(budget.name, budget.thresholds) for budget in successor.budgets.all()] == [("monthly", [90])]
    assert [limit.max_wait_ms for limit in successor.rate_limits.all()] == [250]
    assert (key.budgets.count(), key.rate_limits.count()) == (0, 0)
    assert [budget.name for budget in budgets_of_key(key)] == ["monthly"], "They count for both."


def test_only_calls_at_a_time_are_waited_for():
    tenant = make_tenant()
    with pytest.raises(ValidationError, match="Only calls at a time can be waited for"):
        services.set_rate_limit(tenant=tenant, level="tenant", metric="requests", value=1, max_wait_ms=5)
    services.set_rate_limit(tenant=tenant, level="tenant", metric="concurrency", value=1, window_s=0, max_wait_ms=5)
    spec = read_tenant(str(tenant.id), NO_SECRETS)
    assert spec is not None
    assert [limit.max_wait_ms for limit in spec.limits] == [5]
