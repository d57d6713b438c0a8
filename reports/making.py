"""Makes reports: those that are due by the calendar or because a run ended, each once, and puts down whom to tell."""

from __future__ import annotations

import logging
import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from contracts.events import EventContext, ReportMade
from contracts.tenant_scope import across_tenants
from evaluation.models import EvalRun
from reports.engine.content import Content
from reports.models import Recipient, Report, ReportDelivery, ReportSchedule
from reports.sections import read_sections
from reports.sections.base import Asked, local
from reports.services import make_soon, new_report
from tenants.emitting import emit
from tenants.scheduled import keep_in_step, out_of_step

logger = logging.getLogger(__name__)

MOST_TRIES: Final = 3
PAUSE: Final = timedelta(minutes=10)
"""After which another worker takes a report that the first has neither made nor given up."""
RUNS_SINCE: Final = timedelta(days=1)
"""Runs that ended longer ago are not reported any more."""
ENDED: Final = (EvalRun.State.DONE, EvalRun.State.FAILED)


@transaction.atomic
def begin_due(schedule_id: uuid.UUID, *, now: datetime | None = None) -> Report | None:
    """The report that the schedule is due for, to be made; None where that is nothing, or somebody else began it."""
    with across_tenants("the schedule that beat names"):
        rows = ReportSchedule.objects.select_for_update(of=("self",)).select_related("tenant")
        row = rows.filter(pk=schedule_id).first()
    slot = None if row is None or row.of_runs else row.due(now or timezone.now())
    if row is None or slot is None:
        return None
    row.take(slot)
    report = new_report(row, slot)
    report.slot = slot
    report.save(force_insert=True)
    make_soon(report)
    return report


def make_up(*, now: datetime | None = None) -> int:
    """Begin what beat has missed and what runs make due, and have beat know of all schedules; how many were begun."""
    by_clock = ReportSchedule.objects.exclude(kind="evaluation")
    for row in out_of_step(by_clock):
        keep_in_step(row, anew=False)
    moment = now or timezone.now()
    with across_tenants("schedules of all tenants that are due"):
        due = list(by_clock.filter(enabled=True, next_at__lte=moment).values_list("pk", flat=True))
    begun = sum(begin_due(pk, now=moment) is not None for pk in due)
    return begun + _begin_of_runs(moment)


def _begin_of_runs(moment: datetime) -> int:
    with across_tenants("reports about runs of all tenants"):
        schedules = list(ReportSchedule.objects.filter(kind="evaluation", enabled=True).select_related("tenant"))
    begun = 0
    for schedule in schedules:
        if schedule.tenant is None:
            continue
        made = Report.objects.filter(tenant=OuterRef("tenant"), schedule=schedule, run=OuterRef("pk"), send=True)
        since = max(schedule.since, moment - RUNS_SINCE)
        runs = EvalRun.objects.filter(~Exists(made), tenant=schedule.tenant, state__in=ENDED, ended_at__gt=since)
        # A run of a schedule waits for what its gate says.
        ready = runs.filter(Q(scheduled_as=None) | Q(scheduled_as__compared_at__isnull=False))
        for run in ready.select_related("version__golden_set"):
            _begin_of_run(schedule, run, moment)
            begun += 1
    return begun


def _begin_of_run(schedule: ReportSchedule, run: EvalRun, moment: datetime) -> None:
    report = new_report(schedule, moment, run=run)
    with transaction.atomic():
        # Of the same run there is one report, whoever is first.
        made = Report.objects.bulk_create([report], ignore_conflicts=True)
        make_soon(made[0])


def make(report_id: uuid.UUID, *, now: datetime | None = None) -> bool:
    """Read what the report says and keep it; whether it is made now.

    Raises:
        Exception: it cannot be read; it is tried again, and given up after some tries.
    """
    moment = now or timezone.now()
    report = _claim(report_id, moment)
    if report is None:
        return False
    try:
        content = content_of(report)
    except Exception as error:
        _failed(report, error)
        raise
    return _finish(report, content)


def waiting(*, now: datetime | None = None) -> list[uuid.UUID]:
    """Reports that nobody is making."""
    with across_tenants("reports of all tenants that wait"):
        rows = Report.objects.filter(state=Report.State.WAITING, next_try_at__lte=now or timezone.now())
        return list(rows.values_list("pk", flat=True)[:100])


def content_of(report: Report) -> Content:
    """What it says, read now."""
    zone = report.schedule.zone if report.schedule is not None else _zone(report)
    asked = Asked(report.tenant, report.kind, report.start, report.end, run=report.run, zone=zone)
    sections, missing = read_sections(asked, report.sections)
    return Content(
        kind=report.kind,
        title=report.title,
        owner=report.tenant.name if report.tenant is not None else "All tenants",
        zone=str(zone),
        start=report.start,
        end=report.end,
        before=local(report.start, zone, -asked.days),
        sections=sections,
        missing=missing,
    )


def _zone(report: Report) -> Any:
    return ReportSchedule(tenant=report.tenant).zone


@transaction.atomic
def _claim(report_id: uuid.UUID, moment: datetime) -> Report | None:
    with across_tenants("the report that a task names"):
        rows = Report.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            pk=report_id, state=Report.State.WAITING, next_try_at__lte=moment
        )
        row: Report | None = rows.select_related("tenant", "schedule__tenant", "run__version__golden_set").first()
    if row is None:
        return None
    row.tries += 1
    row.next_try_at = moment + PAUSE
    row.save(update_fields=["tries", "next_try_at"])
    return row


@transaction.atomic
def _finish(report: Report, content: Content) -> bool:
    rows = Report.objects.filter(tenant=report.tenant_id, pk=report.pk, state=Report.State.WAITING)
    changed = rows.update(
        state=Report.State.MADE, made_at=timezone.now(), content=content.to_plain(), todos=len(content.todos), error=""
    )
    if not changed:
        return False
    if report.send and report.schedule_id is not None:
        tell(report)
    _told(report, len(content.todos))
    return True


def tell(report: Report) -> int:
    """Put down whom to send it to: all recipients of its schedule, each once; how many there are."""
    rows = Recipient.objects.filter(tenant=report.tenant_id, schedule=report.schedule_id)
    told = [
        ReportDelivery(
            tenant_id=report.tenant_id,
            report=report,
            channel=one.channel,
            user=one.user,
            to=(one.channel.shown or one.channel.name if one.channel is not None else one.user.email)[:160],
        )
        for one in rows.select_related("channel", "user")
    ]
    ReportDelivery.objects.bulk_create(told, ignore_conflicts=True)
    if told:
        transaction.on_commit(_deliver_soon, robust=True)
    return len(told)


def _deliver_soon() -> None:
    from reports.tasks import deliver

    deliver.apply_async(expires=60)


@transaction.atomic
def _failed(report: Report, error: Exception) -> None:
    last = report.tries >= MOST_TRIES
    report.error = f"It could not be read: {type(error).__name__}."
    report.state = Report.State.FAILED if last else Report.State.WAITING
    report.save(update_fields=["error", "state"])
    logger.error("a report could not be made: %s (%s)", report.pk, type(error).__name__)
    if last:
        _told(report, 0)


def _told(report: Report, todos: int) -> None:
    event = ReportMade(
        report_id=str(report.pk),
        title=report.title,
        kind=report.kind,
        schedule_id=str(report.schedule_id or ""),
        todos=todos,
        error=report.error,
    )
    transaction.on_commit(lambda: emit(event, EventContext(tenant_id=str(report.tenant_id or ""))), robust=True)
