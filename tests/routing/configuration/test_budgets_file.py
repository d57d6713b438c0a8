from pathlib import Path

import pytest

from routing.configuration.directory import apply, compare, export
from tenants.models import Budget, RateLimit
from tenants.services import create_key, create_team, create_tenant, revoke_key, set_budget, set_rate_limit
from tests.routing.configuration.directories import applied, refused, write

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme():
    return create_tenant(slug="acme", name="Acme")


def entry(budget: str = "", limit: str = "") -> str:
    lines = ["tenants:", "  acme:"]
    lines += ["    budgets:", f"      - {{{budget}}}"] if budget else []
    lines += ["    rate_limits:", f"      - {{{limit}}}"] if limit else []
    return "\n".join(lines) + "\n"


def furnish(tenant) -> None:
    """Rows that use every field."""
    team = create_team(tenant=tenant, name="Search")
    key, _clear = create_key(tenant=tenant, name="checkout")
    twin, _clear = create_key(tenant=tenant, name="twin")
    create_key(tenant=tenant, name="twin")
    set_budget(tenant=tenant, name="monthly", limit_nanousd=9_007_199_254_740_991, action="alert_only")
    set_budget(tenant=tenant, name="monthly", window="total", limit_nanousd=1, thresholds=[])
    set_budget(tenant=tenant, name="each", level="user", window="hour", limit_nanousd=2_500_000_000, enabled=False)
    set_budget(
        tenant=tenant,
        name="ours",
        level="team",
        team=team,
        window="week",
        limit_nanousd=10**12,
        action="degrade",
        degrade_route="cheap",
        degrade_max_output_tokens=64,
        thresholds=[1, 1000],
    )
    for row in (key, twin):
        set_budget(tenant=tenant, name="mine", level="key", key=row, window="day", limit_nanousd=7)
        set_rate_limit(tenant=tenant, level="key", key=row, metric="requests", value=5, window_s=1)
    set_rate_limit(tenant=tenant, level="tenant", metric="concurrency", value=9, window_s=0, max_wait_ms=250)
    set_rate_limit(tenant=tenant, level="team", team=team, metric="tokens", value=10**10, window_s=86_400)


def test_budgets_and_limits_are_created_with_their_defaults(tmp_path: Path, acme):
    applied(tmp_path, budgets=entry("name: m, limit_usd: 0.000000001", "metric: concurrency, value: 3"))
    budget, limit = Budget.objects.get(), RateLimit.objects.get()
    assert (budget.tenant, budget.level, budget.window, budget.action) == (acme, "tenant", "month", "block")
    assert (budget.limit_nanousd, budget.thresholds, budget.enabled) == (1, [50, 80, 100], True)
    assert (limit.level, limit.value, limit.window_s, limit.max_wait_ms) == ("tenant", 3, 0, 0)


def test_a_tenant_has_exactly_what_the_file_lists(tmp_path: Path, acme):
    applied(tmp_path, budgets=entry("name: m, limit_usd: 5", "metric: requests, value: 3"))
    budget_id = Budget.objects.get().pk
    outcome = applied(tmp_path, budgets=entry("name: m, limit_usd: 6"))
    assert Budget.objects.get().pk == budget_id
    assert [change.rpartition(": ")[2] for change in outcome.changes] == ["limit_nanousd"]
    assert RateLimit.objects.count() == 1, "a list that is absent is left alone"
    applied(tmp_path, budgets="tenants:\n  acme: {budgets: [], rate_limits: []}\n")
    assert not Budget.objects.exists()
    assert not RateLimit.objects.exists()


def test_tenants_that_are_not_named_are_left_unless_pruned(tmp_path: Path, acme):
    set_budget(tenant=acme, name="m", limit_nanousd=5)
    outcome = applied(tmp_path, budgets="tenants: {}")
    assert len(outcome.kept) == 1
    assert applied(tmp_path, prune=True, budgets="tenants: {}").changes == [
        "deleted budget m: $0.000000005, Month (Tenant)"
    ]


def test_what_is_exported_applies_without_a_difference(tmp_path: Path, acme):
    furnish(acme)
    export(tmp_path)
    outcome = compare(tmp_path, prune=True)
    assert outcome.problems == []
    assert (outcome.changes, outcome.difference) == ([], "")


def test_what_is_exported_rebuilds_what_was_deleted(tmp_path: Path, acme):
    furnish(acme)
    export(tmp_path / "first")
    first = (tmp_path / "first" / "budgets.yaml").read_text()
    Budget.objects.all().delete()
    RateLimit.objects.all().delete()
    assert apply(tmp_path / "first").problems == []
    export(tmp_path / "second")
    assert (tmp_path / "second" / "budgets.yaml").read_text() == first
    assert Budget.objects.get(name="monthly", window="month").limit_nanousd == 9_007_199_254_740_991


def test_a_key_is_named_by_its_name_or_by_its_id(tmp_path: Path, acme):
    old, _clear = create_key(tenant=acme, name="twin")
    new, _clear = create_key(tenant=acme, name="twin")
    text = entry("name: m, limit_usd: 5, key: twin")
    assert refused(tmp_path, budgets=text) == [
        "budgets.yaml:4: tenant acme has 2 keys called 'twin'; write the id of one"
    ]
    applied(tmp_path, budgets=text.replace("twin", str(old.pk)))
    assert Budget.objects.get().key == old
    revoke_key(key=old)
    applied(tmp_path, budgets=text)
    assert Budget.objects.get().key == new


@pytest.mark.parametrize(
    ("budget", "complaint"),
    [
        ("limit_usd: 5", "budgets[0] has no name"),
        ("name: b", "needs a limit_usd"),
        ("name: b, limit_usd: -5", "0 or more"),
        ("name: b, limit_usd: 0", "A budget is more than 0"),
        ("name: b, limit_usd: much", "is a number, not 'much'"),
        ("name: b, limit_usd: 5, level: team", "Level 'team' needs a team"),
        ("name: b, limit_usd: 5, team: Nobody", "has no team 'Nobody'"),
        ("name: b, limit_usd: 5, key: nobody", "has no key 'nobody'"),
        ("name: b, limit_usd: 5, window: year", "is one of hour, day, week, month, total"),
        ("name: b, limit_usd: 5, thresholds: [80, 50]", "ascending order"),
        ("name: b, limit_usd: 5, thresholds: [0.5]", "a whole number of percent, not 0.5"),
        ("name: b, limit_usd: 5, thresholds: 50", "a list of percentages"),
        ("name: b, limit_usd: 5, action: degrade", "needs a route or a longest answer"),
        ("name: b, limit_usd: 5, degrade: {route: x}", "the others take neither"),
        ("name: b, limit_usd: 5, degrade: {rout: x}", "did you mean 'route'?"),
        ("name: b, limit_usd: 5, at_limit: block", "unknown key"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_at_its_line(tmp_path: Path, acme, budget: str, complaint: str):
    problems = refused(tmp_path, budgets=entry(budget))
    assert problems
    assert all(problem.startswith("budgets.yaml:4: ") for problem in problems)
    assert complaint in "\n".join(problems)


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        ("value: 5", "needs a metric: one of requests, tokens, concurrency"),
        ("metric: requests", "needs a value"),
        ("metric: requests, value: 0", "at least 1, not 0"),
        ("metric: requests, value: 5, window_s: 0", "requests and tokens one of at least 1 s"),
        ("metric: requests, value: 5, max_wait_ms: 1", "Only calls at a time can be waited for"),
        ("metric: concurrency, value: 5, max_wait_ms: 60001", "less than or equal to 60000"),
        ("metric: requests, value: 5, window: 60", "unknown key (did you mean 'window_s'?)"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused_at_its_line(tmp_path: Path, acme, limit: str, complaint: str):
    problems = refused(tmp_path, budgets=entry(limit=limit))
    assert problems
    assert all(problem.startswith("budgets.yaml:4: ") for problem in problems)
    assert complaint in "\n".join(problems)


def test_what_comes_twice_and_tenants_that_do_not_exist_are_refused(tmp_path: Path, acme):
    text = """\
        tenants:
          acme:
            budgets:
              - {name: b, limit_usd: 5}
              - {name: b, limit_usd: 6}
          nobody: {budgets: []}
        """
    problems = refused(tmp_path, budgets=text)
    assert problems == [
        "budgets.yaml:5: tenants.acme.budgets[1] is there twice: b: $6, Month (Tenant)",
        "budgets.yaml:6: there is no tenant 'nobody'",
    ]
    assert not Budget.objects.exists()


def test_nothing_is_applied_when_a_budget_is_wrong(tmp_path: Path, acme):
    write(tmp_path, providers="providers:\n  sandbox: {}\n")
    refused(tmp_path, budgets=entry("name: b"))
    assert not Budget.objects.exists()
