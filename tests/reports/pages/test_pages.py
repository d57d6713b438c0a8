"""Pages of reports and their schedules."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from alerting.models import Channel
from evaluation.models import EvalRun
from reports.models import Recipient, Report, ReportDelivery, ReportSchedule
from reports.services import ask_for_report
from reports.tasks import make_report
from tenants.models import Tenant, User
from tests.evaluation.golden_rows import finished_run, make_set
from tests.reports.conftest import make_schedule, two_weeks
from tests.reports.pages.conftest import body

pytestmark = pytest.mark.django_db


def made(schedule: ReportSchedule, *, send: bool = False) -> Report:
    report = ask_for_report(schedule=schedule, send=send)
    make_report(str(report.pk))
    report.refresh_from_db()
    return report


def only(tenant: Tenant) -> ReportSchedule:
    found: ReportSchedule = ReportSchedule.objects.filter(tenant=tenant).get()
    return found


def test_a_schedule_is_made_looked_at_changed_switched_and_deleted(
    developer: Client, acme: Tenant, mailbox: Channel, ann: User
):
    assert "No reports yet" in body(developer.get("/t/acme/reports/"))
    assert "No report is scheduled" in body(developer.get("/t/acme/reports/schedules/"))
    form = body(developer.get("/t/acme/reports/schedules/new/"))
    assert "By the clock of Europe/Berlin" in form
    sent = {
        "name": "Monday", "kind": "weekly", "parts_of_it": ["traffic", "costs"], "every": "weekly", "weekday": "0",
        "time": "07:30", "enabled": "on", "channels": [str(mailbox.pk)], "users": [str(ann.pk)],
    }  # fmt: skip

    page = developer.post("/t/acme/reports/schedules/new/", sent).headers["Location"]

    row = only(acme)
    assert (row.weekday, row.hour, row.minute, row.sections) == (0, 7, 30, ["traffic", "costs"])
    shown = body(developer.get(page))
    for said in ("Every Monday at 07:30", "On call", "ann", "Send now", "Preview"):
        assert said in shown
    changed = developer.post(f"{page}edit/", {**sent, "name": "Tuesday", "weekday": "1", "users": []})
    assert changed.headers["Location"] == page
    assert only(acme).weekday == 1
    assert Recipient.objects.filter(tenant=acme).count() == 1
    developer.post(f"{page}switch/")
    assert not only(acme).enabled
    assert "Off" in body(developer.get("/t/acme/reports/schedules/"))
    developer.post(f"{page}delete/")
    assert not ReportSchedule.objects.filter(tenant=acme).exists()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"parts_of_it": []}, "Choose at least one section"),
        ({"every": "cron", "cron": "* * * * *"}, "At most once an hour"),
        ({"every": "monthly", "day": "31"}, "less than or equal to 28"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_a_form_that_is_refused_keeps_what_was_typed(developer: Client, acme: Tenant, wrong: dict, told: str):
    sent = {"name": "Kept words", "kind": "daily", "parts_of_it": ["traffic"], "every": "daily", "time": "06:10"}

    shown = body(developer.post("/t/acme/reports/schedules/new/", {**sent, **wrong}))

    assert told in shown
    assert 'value="06:10"' in shown
    assert ('value="Kept words"' in shown) == ("name" not in wrong)
    assert not ReportSchedule.objects.filter(tenant=acme).exists()


def test_a_preview_goes_to_nobody_until_it_is_sent(developer: Client, acme: Tenant, weekly: ReportSchedule):
    page = developer.post(f"/t/acme/reports/schedules/{weekly.pk}/make/").headers["Location"]
    assert "It is being made" in body(developer.get(page))
    report = Report.objects.get(tenant=acme)
    make_report(str(report.pk))

    assert "There was nothing to report" in body(developer.get(page))
    assert not ReportDelivery.objects.filter(tenant=acme).exists()
    assert "On its way to 2 recipients" in body(developer.post(f"{page}send/", follow=True))
    assert "has it already" in body(developer.post(f"{page}send/", follow=True))
    assert ReportDelivery.objects.filter(tenant=acme).count() == 2


def test_a_report_shows_its_figures_with_what_is_more_than_chance(developer: Client, acme: Tenant, weekly):
    two_weeks(acme, errors=12, slower=8, dearer=1.5)
    report = made(weekly)

    shown = body(developer.get(f"/t/acme/reports/{report.pk}/"))

    for said in ("What to do", "Worse, more than chance", "Failed calls", "gpt-5-mini"):
        assert said in shown
    assert "/t/acme/usage/" in shown
    assert report.title in body(developer.get("/t/acme/reports/"))


def test_a_report_shows_where_a_variant_is_better_than_chance(developer: Client, acme: Tenant, weekly):
    golden_set = make_set(acme, *(f"Question {number}" for number in range(20)))
    run = finished_run(golden_set, {"small": [0.0, 0.2] * 10, "large": [0.8, 1.0] * 10})
    EvalRun.objects.filter(tenant=acme, pk=run.pk).update(ended_at=timezone.now() - timedelta(days=2))
    report = made(weekly)

    (section,) = report.says.sections
    proven = next(one for one in section.tables if one.title == "More than chance")
    page = body(developer.get(f"/t/acme/reports/{report.pk}/"))

    assert proven.rows[0][:3] == ["Past", "large against small", "quality"]
    assert str(proven.rows[0][3]).startswith("+80.0 points (+")
    assert all(len(row) == len(one.columns) for one in section.tables for row in one.rows)
    for said in ("More than chance", "Difference (95% interval)", "large against small", "+80.0 points"):
        assert said in page
    assert developer.get(f"/t/acme/reports/{report.pk}/pdf/").content.startswith(b"%PDF-")


def test_a_kept_report_with_a_column_too_many_is_shown(developer: Client, acme: Tenant, weekly):
    two_weeks(acme)
    report = made(weekly)
    kept = report.content
    assert kept is not None
    table = next(table for section in kept["sections"] for table in section.get("tables", ()) if table["rows"])
    table["columns"].append({"label": "Of no cell"})
    Report.objects.filter(tenant=acme, pk=report.pk).update(content=kept)

    shown = body(developer.get(f"/t/acme/reports/{report.pk}/"))

    assert table["title"] in shown
    assert "Of no cell" not in shown


def test_costs_are_not_everybodys(as_member, acme: Tenant, weekly):
    two_weeks(acme, dearer=3)
    report = made(weekly)
    page = f"/t/acme/reports/{report.pk}/"
    viewer = as_member("viewer")

    assert "Cost a call" not in body(viewer.get(page))
    assert "Cost a call" in body(as_member("billing").get(page))
    assert viewer.post(f"{page}send/").status_code == 403
    assert viewer.get("/t/acme/reports/schedules/new/").status_code == 403


def test_a_report_is_a_pdf(developer: Client, acme: Tenant, weekly):
    two_weeks(acme, errors=12)
    report = made(weekly)

    answer = developer.get(f"/t/acme/reports/{report.pk}/pdf/")

    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith('attachment; filename="week-')
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.count(b"/Subtype /Image") >= 4


def test_the_platform_has_reports_of_its_own(operator: Client, acme: Tenant, weekly):
    two_weeks(acme)
    made(make_schedule(None, name="All of it"))
    made(weekly)

    shown = body(operator.get("/console/reports/"))

    assert "All of it" in shown
    assert "Week, " in shown
    assert "Members, by mail" not in body(operator.get("/console/reports/schedules/new/"))
