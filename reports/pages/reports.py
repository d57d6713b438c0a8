"""Reports: the list, one drawn with the product's own charts, and as a file."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import django_filters
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch
from django.utils.text import slugify
from django.views.generic import TemplateView, View

from console.charts import Chart, Series
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from reports.drawing import words
from reports.engine import content as facts
from reports.models import Kind, Report, ReportDelivery, ReportSchedule
from reports.services import send_report
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

TONES = {"waiting": ("info", "hourglass"), "made": ("good", "circle-check"), "failed": ("bad", "circle-x")}
URGENCY_TONES = {"now": "bad", "soon": "warn", "consider": "info"}


class ReportingPage(WorkspacePage):
    """For who sees usage; schedules are for who decides who is told of what."""

    permission = TenantPermission.VIEW_USAGE
    write_permission = TenantPermission.MANAGE_ALERTS


class ReportFilter(django_filters.FilterSet):
    """What reports are narrowed down by."""

    kind = django_filters.ChoiceFilter(choices=Kind.choices, label="About", empty_label="Any")

    class Meta:
        """All filters are declared above."""

        model = Report
        fields: tuple[str, ...] = ()


class ReportTable(Table):
    """The newest first."""

    name = "reports"
    caption, noun = "Reports", "report"
    columns = (
        Column("title", "Report", accessor="title", sort="title", primary=True),
        Column("tenant", "Tenant", accessor=lambda row: row.tenant.name if row.tenant else "All tenants"),
        Column("state", "State", template="console/reports/_state.html", sort="state"),
        Column("todos", "To do", kind="number", accessor=lambda row: row.todos or None),
        Column("sent", "Sent to", kind="number", accessor=lambda row: row.sent or None, phone=False),
        Column("requested_by", "Made for", accessor="requested_by", phone=False),
        Column("requested_at", "Made", kind="when", sort="requested_at"),
    )
    default_sort = "-requested_at"
    search = ("title",)
    search_hint = "Title"
    filterset = ReportFilter
    live = "report.content.made"
    empty = Empty(
        "receipt",
        "No reports yet",
        "A report says what changed, by how much and how surely, what it cost, and what to do. It comes by mail and "
        "Slack, and stays here.",
        "Schedule a report",
        "report-schedule-create",
        "manage_alerts",
    )

    def row_url(self, row: Report) -> str:
        """Its page."""
        return self.workspace.url("report", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose it is, is known in a tenant."""
        return tuple(one for one in self.columns if one.name != "tenant" or self.workspace.is_platform)


class ReportList(ReportingPage, TablePage):
    """All reports of the workspace."""

    template_name = "console/reports/reports.html"
    table_class = ReportTable

    def get_rows(self) -> QuerySet[Report]:
        """With how many messages were taken."""
        rows = self.workspace.scope(Report.objects.select_related("tenant").defer("content"))
        found: QuerySet[Report] = rows.annotate(
            sent=Count("deliveries", filter=Q(deliveries__outcome=ReportDelivery.Outcome.SENT))
        )
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether anything is scheduled."""
        scheduled = self.workspace.scope(ReportSchedule.objects.filter(enabled=True)).count()
        return super().get_context_data(scheduled=scheduled, **kwargs)


class OfReport(ReportingPage):
    """Beside a view of one report."""

    @cached_property
    def report(self) -> Report:
        """The one of the address."""
        rows = Report.objects.select_related("tenant", "schedule__tenant")
        found: Report = get_object_or_404(self.workspace.scope(rows), pk=self.kwargs["pk"])
        return found

    def says(self) -> facts.Content | None:
        """What it says to this reader; None while it is not made."""
        if self.report.content is None:
            return None
        return self.report.says.seen_by(self.workspace.may)


class ReportPage(OfReport, TemplateView):
    """What it says, and who got it; while it is made, the page waits for it."""

    template_name = "console/reports/report.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Drawn of what was kept."""
        report, says = self.report, self.says()
        shown: dict[str, Any] = {"report": report, "tone": TONES[report.state]}
        if says is not None:
            shown |= {
                "headline": words.headline(says),
                "missing": words.missing(says),
                "compared": words.compared_with(says),
                "todos": [
                    (one, words.URGENCIES[one.urgency], URGENCY_TONES[one.urgency], self._url(one.page, one.args))
                    for one in says.todos
                ],
                "sections": [self._section(one) for one in says.sections],
            }
        if self.workspace.may(TenantPermission.MANAGE_ALERTS):
            shown["deliveries"] = ReportDelivery.objects.filter(tenant=report.tenant_id, report=report)[:50]
        return super().get_context_data(**shown, **kwargs)

    def _section(self, section: facts.Section) -> dict[str, Any]:
        return {
            "section": section,
            "url": self._url(section.page, {}),
            "figures": [_figure(one) for one in section.figures],
            "charts": [(f"{section.key}-{at}", _chart(one)) for at, one in enumerate(section.charts) if one.times],
            "tables": [(one, _rows(one)) for one in section.tables],
        }

    def _url(self, name: str, args: dict[str, str]) -> str:
        """Empty where the workspace has no such page."""
        try:
            return self.workspace.url(name, **args) if name else ""
        except NoReverseMatch:
            return ""


class ReportFile(OfReport, View):
    """The report as PDF."""

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """For this reader.

        Raises:
            Http404: it is not made.
        """
        # Takes matplotlib and reportlab, which are imported with the first file that somebody asks for.
        from reports.drawing.pdf import pdf

        says = self.says()
        if says is None:
            raise Http404("The report is not made yet.")
        name = f"{slugify(self.report.title) or 'report'}.pdf"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return HttpResponse(pdf(says), content_type="application/pdf", headers=headers)


class ReportSend(OfReport, View):
    """Sends it to all recipients of its schedule who did not get it yet."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Each gets it once."""
        try:
            told = send_report(report=self.report)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            messages.success(request, f"On its way to {told} {'recipient' if told == 1 else 'recipients'}.")
        return go_to(request, self.workspace.url("report", pk=self.report.pk))


def _figure(figure: facts.Figure) -> dict[str, Any]:
    return {
        "figure": figure,
        "value": words.value(figure.value, figure.unit),
        "before": words.value(figure.before, figure.unit),
        "change": words.change(figure),
        "interval": words.interval(figure),
        "verdict": words.verdict(figure),
        "tone": words.tone(figure),
    }


def _chart(chart: facts.Chart) -> Chart:
    times = [datetime.fromtimestamp(at, UTC) for at in chart.times]
    # Bars of the product's charts are stacked: what was before is a line beside what is.
    lines = [Series(one.label, one.values, "slate" if one.pale else "brand") for one in chart.lines]
    return Chart(chart.title, times, lines, unit=chart.unit, height=180, zoom=False, summary=chart.says)


def _rows(table: facts.Table) -> list[list[tuple[str, bool]]]:
    return [
        [(words.cell(shown, column), bool(column.unit)) for shown, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
