"""What changes schedules of reports, and asks for a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from alerting.models import Channel
from evaluation.models import EvalRun
from reports.models import Recipient, Report, ReportSchedule
from reports.periods import covered, title_of
from reports.sections import ALL
from tenants.actor import current_actor
from tenants.audit import AuditEntry
from tenants.audit_log import note
from tenants.changes import delete_row, save_row, with_fields
from tenants.models import Membership, Tenant, User
from tenants.scheduled import forget, keep_in_step

MOST_RECIPIENTS: Final = 50
CHANNEL_KINDS: Final = (Channel.Kind.EMAIL.value, Channel.Kind.SLACK.value)
"""Those that take a text to read: PagerDuty wakes people, and programs ask the API."""


@transaction.atomic
def create_report_schedule(
    *, tenant: Tenant | None, channels: Sequence[Channel] = (), users: Sequence[User] = (), **fields: Any
) -> ReportSchedule:
    """A new schedule; its first report is made when it is due next.

    Raises:
        ValidationError: a field is not valid, or a recipient is not the owner's.
    """
    row = with_fields(ReportSchedule(tenant=tenant), {"sections": list(ALL), **fields})
    save_row(row)
    _set_recipients(row, channels, users)
    return _in_step(row, anew=True)


@transaction.atomic
def update_report_schedule(
    *,
    schedule: ReportSchedule,
    channels: Sequence[Channel] | None = None,
    users: Sequence[User] | None = None,
    **fields: Any,
) -> ReportSchedule:
    """Change these fields. With another cadence, or switched on, it is due only for what comes after.

    Raises:
        ValidationError: a field is not valid, or a recipient is not the owner's.
    """
    before = (schedule.enabled, schedule.cadence, schedule.kind)
    row = save_row(with_fields(schedule, fields))
    if channels is not None or users is not None:
        _set_recipients(row, channels, users)
    return _in_step(row, anew=row.enabled and before != (row.enabled, row.cadence, row.kind))


@transaction.atomic
def delete_report_schedule(*, schedule: ReportSchedule) -> None:
    """Reports that it made stay."""
    delete_row(schedule)


@transaction.atomic
def unsubscribe(*, recipient: Recipient) -> None:
    """Send this member nothing of the schedule any more; audited as theirs."""
    schedule = recipient.schedule
    _noted(schedule, {"unsubscribed": str(recipient)})
    recipient.delete()


@transaction.atomic
def ask_for_report(
    *, schedule: ReportSchedule, send: bool, run: EvalRun | None = None, now: datetime | None = None
) -> Report:
    """A report up to now, made soon; with ``send`` it goes to all recipients.

    Raises:
        ValidationError: there is no run that it could be about.
    """
    moment = now or timezone.now()
    if schedule.of_runs and run is None:
        run = EvalRun.objects.filter(tenant=schedule.tenant_id, state=EvalRun.State.DONE).first()
        if run is None:
            raise ValidationError("No evaluation run has ended yet: there is nothing to report.")
    if send and not schedule.recipients.filter(tenant=schedule.tenant_id).exists():
        raise ValidationError("Nobody gets this report: choose a channel or a member first.")
    report = new_report(schedule, moment, run=run, send=send and run is None)
    report.requested_by = current_actor().name[:200]
    report.save()
    _noted(schedule, {"asked_for": str(report.pk), "send": send})
    make_soon(report)
    return report


@transaction.atomic
def send_report(*, report: Report) -> int:
    """Send it to those recipients of its schedule that did not get it yet; how many there are.

    Raises:
        ValidationError: it is not made, has no schedule any more, or nobody is left to get it.
    """
    from reports.making import tell

    if report.state != Report.State.MADE or report.schedule is None:
        raise ValidationError("Only a report that is made, and whose schedule is there, can be sent.")
    before = report.deliveries.filter(tenant=report.tenant_id).count()
    tell(report)
    told: int = report.deliveries.filter(tenant=report.tenant_id).count() - before
    if not told:
        raise ValidationError("Everybody who gets this report has it already.")
    _noted(report.schedule, {"sent": str(report.pk), "recipients": told})
    return told


def new_report(schedule: ReportSchedule, moment: datetime, *, run: EvalRun | None = None, send: bool = True) -> Report:
    """The row of a report that is due at the moment, unsaved."""
    start, end = covered(schedule.kind, moment, schedule.zone)
    if run is not None:
        start, end = run.started_at or run.requested_at, run.ended_at or moment
    return Report(
        tenant=schedule.tenant,
        schedule=schedule,
        run=run,
        kind=schedule.kind,
        title=title_of(schedule.name, schedule.kind, start, end, schedule.zone, run.name if run else "")[:120],
        sections=schedule.sections,
        start=start,
        end=max(end, start + timedelta(seconds=1)),
        send=send,
        requested_by="schedule",
    )


def make_soon(report: Report) -> None:
    """Have a worker make it once this transaction is committed; if that is lost, a later round finds it."""
    from reports.tasks import make_report

    transaction.on_commit(lambda: make_report.delay(str(report.pk)), robust=True)


def offered_channels(tenant: Tenant | None) -> list[Channel]:
    """Channels of the owner that take reports."""
    return list(Channel.objects.filter(tenant=tenant, kind__in=CHANNEL_KINDS))


def offered_users(tenant: Tenant | None) -> list[User]:
    """Members with an address; of the platform nobody: its reports go to channels."""
    if tenant is None:
        return []
    rows = Membership.objects.filter(tenant=tenant, user__is_active=True).exclude(user__email="")
    return [row.user for row in rows.select_related("user").order_by("user__username")]


def _in_step(row: ReportSchedule, *, anew: bool) -> ReportSchedule:
    if not row.of_runs:
        return keep_in_step(row, anew=anew)
    forget(row)
    changed: dict[str, Any] = {"next_at": None, **({"since": timezone.now()} if anew else {})}
    for name, value in changed.items():
        setattr(row, name, value)
    ReportSchedule.objects.filter(tenant=row.tenant_id, pk=row.pk).update(**changed)
    return row


def _set_recipients(row: ReportSchedule, channels: Sequence[Channel] | None, users: Sequence[User] | None) -> None:
    rows = Recipient.objects.filter(tenant=row.tenant_id, schedule=row)
    before = sorted(str(one) for one in rows.select_related("channel", "user"))
    if channels is not None:
        _check_channels(row, channels)
        rows.filter(user=None).exclude(channel__in=channels).delete()
        known = set(rows.filter(user=None).values_list("channel_id", flat=True))
        new = [Recipient(tenant=row.tenant, schedule=row, channel=one) for one in channels if one.pk not in known]
        Recipient.objects.bulk_create(new)
    if users is not None:
        _check_users(row, users)
        rows.filter(channel=None).exclude(user__in=users).delete()
        known = set(rows.filter(channel=None).values_list("user_id", flat=True))
        new = [Recipient(tenant=row.tenant, schedule=row, user=one) for one in users if one.pk not in known]
        Recipient.objects.bulk_create(new)
    after = sorted(str(one) for one in rows.select_related("channel", "user"))
    if len(after) > MOST_RECIPIENTS:
        raise ValidationError({"users": f"At most {MOST_RECIPIENTS} get one report."})
    if before != after:
        _noted(row, {"recipients": after, "before": before})


def _check_channels(row: ReportSchedule, channels: Sequence[Channel]) -> None:
    if any(one.tenant_id != row.tenant_id or one.kind not in CHANNEL_KINDS for one in channels):
        raise ValidationError({"channels": "Reports go to channels of the same owner, by e-mail or Slack."})


def _check_users(row: ReportSchedule, users: Sequence[User]) -> None:
    known = {one.pk for one in offered_users(row.tenant)}
    if any(one.pk not in known for one in users):
        raise ValidationError({"users": "Reports go to members with an e-mail address."})


def _noted(schedule: ReportSchedule, details: dict[str, Any]) -> None:
    note(
        AuditEntry.Action.UPDATED,
        object_type="reportschedule",
        object_id=str(schedule.pk),
        object_name=schedule.name,
        tenant_id=schedule.tenant_id,
        details=details,
    )
