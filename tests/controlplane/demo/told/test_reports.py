"""The demo's schedules and reports."""

from __future__ import annotations

from typing import Any

from contracts.tenant_scope import across_tenants
from evaluation.models import RunSchedule
from reports.models import Report


def test_the_demo_has_a_report_that_says_something_and_is_sent_to_nobody(demo_small: Any) -> None:
    with across_tenants("a test looks"):
        reports = list(Report.objects.select_related("schedule"))
        assert [row.enabled for row in RunSchedule.objects.all()] == [False]

    assert {one.state for one in reports} == {"made"}
    daily = next(one for one in reports if one.kind == "daily")
    assert daily.says.sections[0].key == "traffic"
    assert daily.says.missing == []
    assert daily.deliveries.filter(tenant=daily.tenant).count() == 0
