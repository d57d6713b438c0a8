"""When rules were last checked, for those who watch the installation."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone

from alerting.checking import check_all
from alerting.last_check import LATE_S, last_check
from alerting.probe import probe_alerting
from alerting.rules import CheckRun
from contracts.probes import gauge_lines, registered_probes


@pytest.mark.django_db
def test_an_installation_that_begins_is_not_late():
    assert last_check().age_s is None
    assert not last_check().is_late


@pytest.mark.django_db
def test_a_check_says_when_it_was_done_and_how_far_it_came():
    check_all()

    found = last_check()
    assert found.age_s is not None
    assert found.age_s < LATE_S
    assert found.checked_until is not None


@pytest.mark.django_db(transaction=True)
async def test_the_probe_is_degraded_where_nobody_checks_any_more():
    await CheckRun.objects.acreate(id=1, finished_at=timezone.now() - timedelta(seconds=LATE_S + 1), rules=3)

    told = await probe_alerting()
    assert (told["status"], told["rules"]) == ("degraded", 3)
    assert registered_probes()["alert_rules"] is probe_alerting


@pytest.mark.django_db
def test_prometheus_reads_when_rules_were_checked():
    now = timezone.now()
    # The test's own transaction is on the connection that a scrape would close.
    with patch("alerting.probe.connection"), patch("alerting.probe.close_old_connections"):
        assert b"alerting_checked_timestamp_seconds" not in gauge_lines()
        CheckRun.objects.create(id=1, finished_at=now)
        lines = gauge_lines().decode().splitlines()
    assert f"alerting_checked_timestamp_seconds {now.timestamp()}" in lines
    assert "# TYPE alerting_checked_timestamp_seconds gauge" in lines
