"""What is kept equals what is counted, however the day is cut."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from django.db import connection
from django.utils import timezone

from contracts.tenant_scope import across_tenants
from events.ledger.grains import Grain
from insights import counting, days, keeping
from insights.days import days_of, whole_days
from insights.figures import Period
from insights.keeping import keep_calls
from insights.models import KeptCalls
from insights.selectors import cost_impact
from tests.insights.planted_calls import DAY, NOON, Planted
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOON + timedelta(days=2)


@pytest.fixture
def planted(acme) -> Planted:
    """Calls of every kind, around midnights of several zones and borders of quarters and hours."""
    found = Planted(acme)
    for number in range(24):
        minute = (number - 12) * 60 + (number * 7) % 60
        found.call(1_000 + number, minute=minute, route=f"route-{number % 2}")
        if number % 3 == 0:
            found.call(10_000 + number, minute=minute + 1, fails="PROVIDER_TIMEOUT")
    for border in (-5 * 60 - 30, 0, 60, 90, 7 * 60):
        # Asked on one side of a border, and again on the other.
        found.call(100_000 + border, minute=border - 1, asks=f"x{border}", user="ann")
        found.call(1, minute=border + 2, asks=f"x{border}", user="ann")
    found.call(7_000_000, minute=33, lost_hedge=True)
    found.write()
    return found


def in_zone(tenant, zone: str) -> None:
    tenant.time_zone = zone
    with across_tenants("a test moves the tenant"):
        tenant.save()


def forget(tenant) -> None:
    KeptCalls.objects.for_tenant(tenant).delete()


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        (timedelta(0), timedelta(days=1)),
        (timedelta(hours=2, minutes=7, seconds=3), timedelta(hours=13, minutes=1)),
        (timedelta(hours=12, minutes=1), timedelta(hours=12, minutes=2)),
        (timedelta(hours=-3), timedelta(hours=30)),
    ],
)
def test_what_is_kept_says_the_same_as_what_is_counted(acme, planted, zone, start, end):
    period = Period(DAY.start + start, DAY.start + end)
    in_zone(acme, zone)
    raw = cost_impact(acme, period, at_once=None)
    assert keep_calls(now=LATER) >= 1
    assert msgspec.to_builtins(cost_impact(acme, period)) == msgspec.to_builtins(raw)


def test_figures_equal_the_ledger(acme, planted):
    keep_calls(now=LATER)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), sum(cost_nanousd), sum(cost_nanousd) FILTER (WHERE status = 'failed')"
            " FROM events_usage WHERE tenant_id = %s",
            [str(acme.pk)],
        )
        calls, spent, failed = cursor.fetchone()
    impact = cost_impact(acme, DAY, at_once=0)
    assert (impact.calls, impact.spent_nanousd) == (calls, spent)
    assert {one.kind: one.nanousd for one in impact.wastes} == {
        "failed": failed,
        "blocked": 0,
        "regenerated": sum(100_000 + border for border in (-330, 0, 60, 90, 420)),
        "hedged": 7_000_000,
    }


def test_kept_once_days_are_read_without_counting(acme, planted, counted_stretches):
    assert keep_calls(now=LATER) == 1
    assert keep_calls(now=LATER) == 0
    counted_stretches.clear()
    found = days_of(acme, DAY)
    assert (counted_stretches, found.left_out) == ([], 0)
    assert whole_days(acme, DAY).number == 1
    assert counted_stretches == []


@pytest.fixture
def counted_stretches(monkeypatch) -> list[tuple]:
    seen: list[tuple] = []

    def counted(tenant, start, end, **fields):
        seen.append((start, end))
        return counting.counted(tenant, start, end, **fields)

    monkeypatch.setattr(days, "counted", counted)
    return seen


def test_after_a_change_of_the_zone_nothing_is_counted_again(acme, planted, counted_stretches):
    keep_calls(now=LATER)
    in_zone(acme, "Asia/Kathmandu")
    found = days_of(acme, Period(DAY.start - timedelta(days=1), DAY.end + timedelta(days=1)))
    assert counted_stretches == []
    assert sum(day.calls for day in found.figures) == 43
    assert len([day for day in found.figures if day.calls]) == 2


def test_a_call_that_arrives_late_is_counted_in_at_once_and_kept_by_the_next_run(acme, planted, counted_stretches):
    keep_calls(now=LATER)
    before = cost_impact(acme, DAY)
    planted.call(5_000, minute=44, fails="PROVIDER_TIMEOUT")
    planted.write()
    after = cost_impact(acme, DAY)
    assert after.wasted_nanousd == before.wasted_nanousd + 5_000
    # The quarter before as well: whether one of its answers was asked for again has to be looked at anew.
    assert counted_stretches[-1] == (NOON + timedelta(minutes=15), NOON + timedelta(minutes=45))
    assert keep_calls(now=LATER) == 1
    counted_stretches.clear()
    assert cost_impact(acme, DAY) == after
    assert counted_stretches == []


def test_an_answer_that_is_asked_for_again_in_the_next_quarter_makes_the_one_before_stale(acme):
    planted = Planted(acme)
    planted.call(9, minute=14, asks="x", user="ann")
    planted.write()
    keep_calls(now=NOON + timedelta(minutes=30))
    assert cost_impact(acme, DAY).wasted_nanousd == 0
    planted.call(9, minute=16, asks="x", user="ann")
    planted.write()
    assert cost_impact(acme, DAY).wasted_nanousd == 9


def test_of_the_day_that_goes_on_its_quarters_are_kept_as_they_end(acme, planted):
    keep_calls(now=NOON + timedelta(minutes=46))
    kept = KeptCalls.objects.for_tenant(acme)
    last = kept.filter(grain=Grain.QUARTER).order_by("-start").first()
    assert last is not None
    assert last.start == NOON + timedelta(minutes=15)
    assert not kept.filter(grain=Grain.DAY).exists()
    assert kept.filter(grain=Grain.HOUR, start=NOON - timedelta(hours=1)).exists()
    assert not kept.filter(grain=Grain.HOUR, start=NOON).exists()


def test_before_the_first_run_the_youngest_calls_are_counted_and_the_others_told(acme, planted):
    whole = cost_impact(acme, DAY, at_once=None)
    found = cost_impact(acme, DAY, at_once=10)
    assert 1 <= found.calls <= 10
    assert any(f"{whole.calls - found.calls} calls are not counted in yet" in note for note in found.notes)
    assert not any("not counted in" in note for note in whole.notes)


def test_a_run_that_has_no_time_leaves_the_oldest_for_the_next(acme, planted):
    planted.call(3, minute=-2 * 24 * 60)
    planted.write()
    ticks = iter([0.0, 0.0, 9.0])
    assert keep_calls(now=LATER, within_s=5.0, clock=lambda: next(ticks)) == 1
    kept = KeptCalls.objects.for_tenant(acme).filter(grain=Grain.DAY)
    assert [row.start for row in kept] == [DAY.start]
    assert keep_calls(now=LATER) == 1
    assert kept.all().count() == 2


def test_one_that_dies_while_it_keeps_loses_nothing(acme, planted, monkeypatch):
    def dies(*_, **__):
        raise ConnectionError("the worker is gone")

    with monkeypatch.context() as patched:
        patched.setattr(keeping, "keep", dies)
        with pytest.raises(ConnectionError):
            keep_calls(now=LATER)
    raw = cost_impact(acme, DAY, at_once=None)
    assert keep_calls(now=LATER) == 1
    assert cost_impact(acme, DAY) == raw


def test_other_tenants_calls_are_theirs(acme, planted):
    other = make_tenant(slug="globex")
    keep_calls(now=timezone.now() + timedelta(days=1))
    assert not KeptCalls.objects.for_tenant(other).exists()
    assert cost_impact(other, DAY).calls == 0
