"""Finding and counting runs in windows: whole, in order, and honest about what was not looked at."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from events import run_search
from events.models import Run
from events.run_search import count_runs, find_runs
from tests.gateway.pages.runs import make_run
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def runs(monkeypatch):
    monkeypatch.setattr(run_search, "FIRST_WINDOW", 3)
    monkeypatch.setattr(run_search, "_GROWTH", 1)
    tenant = make_tenant()
    began = timezone.now() - timedelta(minutes=30)
    for number in range(40):
        # Three at each instant.
        run = make_run(tenant, end_user="rare" if number % 13 == 0 else "usual")
        run.started_at = began + timedelta(seconds=number // 3)
        run.save()
    return Run.objects.filter(tenant_id=str(tenant.pk))


def rare(rows, _low, _top):
    return rows.filter(end_user="rare")


def span() -> dict:
    return {"start": timezone.now() - timedelta(hours=1), "end": timezone.now()}


def test_windows_leave_nothing_out_and_keep_the_order(runs):
    bounds, after, found = span(), None, []
    while True:
        page = find_runs(
            runs, lambda rows, *_: rows.exclude(end_user="none"), **bounds, after=after, size=7, patience_s=60
        )
        found += [run.pk for run in page.runs]
        after = page.after
        if after is None:
            break

    assert found == list(runs.order_by("-started_at", "-correlation_id").values_list("pk", flat=True))


def test_where_patience_ends_the_search_says_how_far_it_came_and_goes_on(runs):
    bounds, after, found, stops = span(), None, [], 0
    while True:
        page = find_runs(runs, rare, **bounds, after=after, size=50, patience_s=0)
        found += [run.pk for run in page.runs]
        after = page.after
        if after is None:
            break
        assert page.looked_back_to == after.started_at
        stops += 1

    assert stops > 3
    assert set(found) == set(runs.filter(end_user="rare").values_list("pk", flat=True))


def test_without_filters_one_query_is_enough(runs, django_assert_num_queries):
    with django_assert_num_queries(1):
        page = find_runs(runs, None, **span(), size=10)

    assert len(page.runs) == 10


def test_counts_add_up_over_all_windows(runs):
    counted = count_runs(runs, rare, **span(), step=timedelta(minutes=1), patience_s=60)

    assert sum(counted.counts.values()) == runs.filter(end_user="rare").count()


def test_a_count_cut_short_says_since_when(runs):
    bounds = span()

    counted = count_runs(runs, rare, **bounds, step=timedelta(minutes=1), patience_s=0)

    assert counted.since > bounds["start"]
    assert sum(counted.counts.values()) < runs.filter(end_user="rare").count()
