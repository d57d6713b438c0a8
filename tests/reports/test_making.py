"""Reports are made once for each time, of what happened, and put down for whom they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from contracts.tenant_scope import across_tenants
from evaluation.models import EvalRun
from reports import making
from reports.engine.content import Content, Section
from reports.models import Recipient, Report, ReportDelivery, ReportSchedule
from reports.sections import ALL
from reports.sections.base import Asked
from reports.services import ask_for_report, delete_report_schedule, update_report_schedule
from reports.tasks import follow, make_report, make_scheduled
from tenants.models import Tenant
from tests.evaluation.golden_rows import finished_run, make_set
from tests.reports.conftest import make_member, make_schedule, two_weeks
from tests.tenants.factories import make_tenant

pytestmark = pytest.mark.django_db


@transaction.atomic
def change_and_check(rows: QuerySet[Any], **fields: Any) -> None:
    """Past all services, with what the database checks at the end of a transaction."""
    with across_tenants("a test breaks a rule"):
        rows.update(**fields)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def reports_of(tenant: Tenant | None) -> list[Report]:
    with across_tenants("a test looks"):
        return list(Report.objects.filter(tenant=tenant).order_by("requested_at"))


def past(row: ReportSchedule, days: int = 8) -> ReportSchedule:
    moved = timezone.now() - timedelta(days=days)
    ReportSchedule.objects.filter(tenant=row.tenant_id, pk=row.pk).update(since=moved)
    row.refresh_from_db()
    return row


def made(schedule: ReportSchedule) -> Report:
    report = ask_for_report(schedule=schedule, send=False)
    assert make_report(str(report.pk)) is True
    report.refresh_from_db()
    return report


def test_a_report_is_begun_once_for_each_time_and_made_once(weekly: ReportSchedule):
    past(weekly)

    assert make_scheduled(str(weekly.pk)) is True
    assert make_scheduled(str(weekly.pk)) is False
    assert follow() == 0
    [report] = reports_of(weekly.tenant)
    assert make_report(str(report.pk)) is True
    assert make_report(str(report.pk)) is False

    report.refresh_from_db()
    assert report.slot is not None
    assert (report.state, report.slot.weekday()) == ("made", 0)
    assert ReportDelivery.objects.filter(tenant=weekly.tenant, report=report).count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Report.objects.create(
            tenant=weekly.tenant, schedule=weekly, slot=report.slot, kind="weekly", start=report.start, end=report.end
        )


def test_what_beat_missed_is_made_up_for_once(weekly: ReportSchedule):
    past(weekly, days=40)
    ReportSchedule.objects.filter(tenant=weekly.tenant).update(next_at=timezone.now() - timedelta(days=30))

    assert follow() == 1
    assert follow() == 0


def test_beat_knows_of_schedules_by_the_calendar_and_not_of_those_by_runs(weekly: ReportSchedule):
    task = PeriodicTask.objects.get(task="reports.make_scheduled")
    assert (task.crontab.day_of_week, str(task.crontab.timezone)) == ("1", "Europe/Berlin")

    update_report_schedule(schedule=weekly, kind="evaluation")
    assert not PeriodicTask.objects.filter(task="reports.make_scheduled").exists()
    update_report_schedule(schedule=weekly, kind="daily")
    assert PeriodicTask.objects.filter(task="reports.make_scheduled").exists()
    delete_report_schedule(schedule=weekly)
    assert not PeriodicTask.objects.filter(task="reports.make_scheduled").exists()


def test_it_says_what_changed_by_how_much_and_with_what_confidence(acme: Tenant, weekly: ReportSchedule):
    two_weeks(acme, errors=12, slower=8, dearer=1.5)

    says = made(weekly).says

    traffic, costs = says.sections[:2]
    figures = {one.label: one for section in (traffic, costs) for one in section.figures}
    failed = figures["Failed calls"]
    assert failed.value == pytest.approx(12.4 / 108, abs=0.01)
    assert failed.verdict == "worse"
    assert failed.low is not None
    assert failed.high is not None
    assert 0 < failed.low < 0.09 < failed.high < 0.2
    assert figures["Median latency"].verdict == "worse"
    assert figures["Cost"].growth == pytest.approx(0.5, abs=0.1)
    assert figures["Cost a call"].value == pytest.approx(30_000_000)
    assert {one.text for one in says.todos} >= {
        "Look at the calls that failed.",
        "Look at what became dearer, and set a budget where there is none.",
    }
    assert len(traffic.charts[0].times) == 7
    assert costs.tables[1].rows[0][0] == "gpt-5-mini"


def test_days_like_those_before_prove_nothing(acme: Tenant, weekly: ReportSchedule):
    two_weeks(acme)

    says = made(weekly).says

    assert says.proven == []
    assert says.todos == []
    assert {one.verdict for one in says.sections[0].figures if one.tested} == {"unclear"}


def test_without_calls_there_is_nothing_to_say(weekly: ReportSchedule):
    says = made(weekly).says

    assert says.sections == []


def test_days_are_the_tenants_own(acme: Tenant, weekly: ReportSchedule):
    report = ask_for_report(schedule=weekly, send=False, now=datetime(2026, 11, 22, 23, 30, tzinfo=UTC))

    assert (report.start, report.end) == (
        datetime(2026, 11, 15, 23, tzinfo=UTC),
        datetime(2026, 11, 22, 23, tzinfo=UTC),
    )
    assert report.title == "Week, 16–22 November 2026"


def test_what_is_frozen_stays_as_it_was_made(acme: Tenant, weekly: ReportSchedule):
    two_weeks(acme)
    report = made(weekly)
    before = report.says

    two_weeks(acme, errors=50)
    report.refresh_from_db()

    assert report.says == before
    assert Content.of_plain(before.to_plain()) == before


def test_a_worker_that_dies_while_it_reads_leaves_the_report_to_another(weekly: ReportSchedule):
    report = ask_for_report(schedule=weekly, send=True)

    class Killed(BaseException):
        """Nothing catches it."""

    with patch.object(making, "read_sections", side_effect=Killed), pytest.raises(Killed):
        make_report(str(report.pk))
    assert make_report(str(report.pk)) is False, "Who has it may still be at work."
    later = timezone.now() + making.PAUSE
    assert making.waiting(now=later) == [report.pk]
    assert making.make(report.pk, now=later) is True

    assert ReportDelivery.objects.filter(tenant=weekly.tenant, report=report).count() == 2


def test_what_cannot_be_read_is_tried_again_and_then_given_up(weekly: ReportSchedule):
    report = ask_for_report(schedule=weekly, send=True)
    moment = timezone.now()

    with patch.object(making, "read_sections", side_effect=RuntimeError("secret words")):
        for _ in range(making.MOST_TRIES):
            with pytest.raises(RuntimeError):
                making.make(report.pk, now=moment)
            moment += making.PAUSE
    report.refresh_from_db()

    assert (report.state, report.error) == ("failed", "It could not be read: RuntimeError.")
    assert making.make(report.pk, now=moment) is False
    assert not ReportDelivery.objects.filter(tenant=weekly.tenant).exists()


def test_a_section_that_cannot_be_read_is_named_and_keeps_nobody_from_the_others(acme: Tenant, weekly: ReportSchedule):
    two_weeks(acme)

    update_report_schedule(schedule=weekly, sections=["traffic", "costs"])

    def broken(_asked: Asked) -> Section | None:
        raise ZeroDivisionError

    with patch.dict(ALL, costs=replace(ALL["costs"], read=broken)):
        says = made(weekly).says

    assert says.missing == ["Cost"]
    assert "traffic" in {one.key for one in says.sections}


def test_each_run_that_ends_is_reported_once(acme: Tenant, mailbox):
    schedule = past(make_schedule(acme, name="Runs", kind="evaluation", channels=[mailbox]))
    run = finished_run(
        make_set(acme, *(f"Q{at}" for at in range(30))), {"old": [0.9, 0.8] * 15, "new": [0.2, 0.3] * 15}
    )

    assert follow() == 1
    assert follow() == 0

    [report] = reports_of(acme)
    make_report(str(report.pk))
    report.refresh_from_db()
    [section] = report.says.sections
    quality = next(one for one in section.figures if one.label == "quality")
    assert (report.run, report.title, quality.verdict) == (run, "Runs: Past", "worse")
    assert report.schedule == schedule


def test_a_run_that_is_not_over_is_not_reported(acme: Tenant, mailbox):
    past(make_schedule(acme, name="Runs", kind="evaluation", channels=[mailbox]))
    run = finished_run(make_set(acme), {"old": [1.0, 1.0]})
    EvalRun.objects.for_tenant(acme).filter(pk=run.pk).update(state="running", ended_at=None)

    assert follow() == 0


def test_recipients_are_the_owners_own(acme: Tenant, weekly: ReportSchedule, mailbox):
    other = make_tenant(slug="other")
    stranger = make_member(other, "eve", "owner")

    with pytest.raises(ValidationError, match="members"):
        update_report_schedule(schedule=weekly, users=[stranger])
    with pytest.raises(ValidationError, match="same owner"):
        make_schedule(other, channels=[mailbox])
    with pytest.raises(IntegrityError, match="same_tenant"):
        change_and_check(Recipient.objects.filter(channel=mailbox), tenant=other)


def test_the_platform_reports_all_tenants_together(acme: Tenant):
    two_weeks(acme)
    two_weeks(make_tenant(slug="other"))
    schedule = make_schedule(None, name="All")

    says = made(schedule).says

    assert says.owner == "All tenants"
    assert (says.sections[0].figures[0].value or 0) > 1_400


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"sections": ["nothing"]}, "no section"), ({"sections": []}, "at least one"), ({"every": "x"}, "every")],
)
def test_what_is_not_valid_is_refused(acme: Tenant, fields: dict, told: str):
    with pytest.raises(ValidationError, match=told):
        make_schedule(acme, **fields)


def test_sending_to_nobody_is_refused(acme: Tenant):
    with pytest.raises(ValidationError, match="Nobody gets this report"):
        ask_for_report(schedule=make_schedule(acme), send=True)
