"""A row of every kind of reports and schedules, for the walk over all addresses."""

from __future__ import annotations

from unittest.mock import patch

from django.utils import timezone

from alerting.channel_services import create_channel
from evaluation.models import EvalRun, GoldenSet, ScheduledRun
from evaluation.runs import VariantChoice
from evaluation.schedules.services import create_run_schedule
from reports.models import Report
from reports.services import ask_for_report, create_report_schedule
from reports.tasks import make_report
from tenants.models import Tenant, User


def plant_reports(tenant: Tenant, marker: str, member: User) -> None:
    """All of them with the marker in every text."""
    channel, _ = create_channel(tenant=tenant, kind="email", name=f"{marker} readers", address=f"{marker}@example.org")
    schedule = create_report_schedule(tenant=tenant, name=f"{marker} report", channels=[channel], users=[member])
    with patch("reports.tasks.make_report.delay"), patch("reports.tasks.deliver.apply_async"):
        report = ask_for_report(schedule=schedule, send=True)
        make_report(str(report.pk))
    assert Report.objects.get(tenant=tenant, pk=report.pk).deliveries.filter(tenant=tenant).count() == 2
    golden_set = GoldenSet.objects.filter(tenant=tenant)[0]
    variants = [VariantChoice(name=f"{marker} live", model=f"{marker}-route", system_prompt=f"{marker} prompt")]
    nightly = create_run_schedule(golden_set=golden_set, name=f"{marker} nightly", variants=variants, evaluators=[])
    run = EvalRun.objects.filter(tenant=tenant)[0]
    ScheduledRun.objects.create(
        tenant=tenant, schedule=nightly, slot=timezone.now(), run=run, gate_note=f"{marker} gate", error=f"{marker} why"
    )
