"""The demo's schedules, of runs and of reports, and a report about its last day."""

from __future__ import annotations

from datetime import datetime, timedelta

from contracts.tenant_scope import across_tenants
from controlplane.demo.configuration import Made, MadeTenant
from controlplane.demo.past import Past
from evaluation.models import EvalRun, Gate, GoldenSet, RunSchedule, ScheduledRun
from evaluation.runs import VariantChoice
from evaluation.schedules.services import create_run_schedule
from reports.making import content_of
from reports.models import Report, ReportSchedule
from reports.services import create_report_schedule, new_report


def build_schedules(made: Made, past: Past, until: datetime) -> list[ReportSchedule]:
    """Of the first tenant that stores prompts: a nightly run, switched off so that it asks nobody, and two reports."""
    tenant = next((one for one in made.tenants if one.plan.payload_storage != "none"), None)
    if tenant is None:
        return []
    developer = tenant.people["developer"][0]
    with past.at(until - timedelta(days=2), developer.username), across_tenants("the demo makes rows of its tenants"):
        _run_schedule(tenant, until)
        readers = [tenant.people["owner"][0], developer]
        return [
            create_report_schedule(
                tenant=tenant.row, name="Quality and cost", kind="weekly", every="weekly", users=readers
            ),
            create_report_schedule(tenant=tenant.row, name="Yesterday", kind="daily", every="daily", users=readers[:1]),
        ]


def _run_schedule(tenant: MadeTenant, until: datetime) -> None:
    golden_set = GoldenSet.objects.filter(tenant=tenant.row).first()
    if golden_set is None:
        return
    row: RunSchedule = create_run_schedule(
        golden_set=golden_set,
        name="Nightly",
        variants=[VariantChoice(name="today", model="chat")],
        evaluators=[],
        every="daily",
        hour=3,
        budget_nanousd=500_000_000,
        gate=Gate.objects.filter(tenant=tenant.row).first(),
        enabled=False,
    )
    run = EvalRun.objects.filter(tenant=tenant.row).first()
    night = until.replace(hour=3, minute=0, second=0, microsecond=0)
    times = [
        ScheduledRun(
            tenant=tenant.row,
            schedule=row,
            slot=night - timedelta(days=1),
            at=night - timedelta(days=1),
            compared_at=night - timedelta(days=1),
            error="The run before is still under way.",
        ),
        ScheduledRun(
            tenant=tenant.row,
            schedule=row,
            slot=night,
            at=night,
            run=run,
            compared_at=night,
            gate_note="There is no run before that is done.",
        ),
    ]
    ScheduledRun.objects.bulk_create(times)


def make_reports(schedules: list[ReportSchedule], past: Past, until: datetime) -> None:
    """One of each schedule, of the calls that were made; nothing is sent."""
    for schedule in schedules:
        report = new_report(schedule, until, send=False)
        report.requested_at = report.made_at = until - timedelta(minutes=5)
        with past.at(until, "demo"), across_tenants("the demo makes rows of its tenants"):
            report.save(force_insert=True)
            content = content_of(report)
        Report.objects.filter(tenant=schedule.tenant, pk=report.pk).update(
            state=Report.State.MADE, content=content.to_plain(), todos=len(content.todos)
        )
