"""Schedules of reports: what is made when, and who gets it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from reports import services
from reports.models import Kind, Recipient, Report, ReportSchedule
from reports.pages.reports import TONES, ReportingPage
from reports.sections import ALL
from tenants.models import Tenant
from tenants.pages.cadence_fields import CADENCE, CadenceForm, cadence_initial
from tenants.pages.fields import InSections, explained
from tenants.roles import TenantPermission

MOST_REPORTS = 20


class ReportScheduleTable(Table):
    """By name."""

    name = "report-schedules"
    caption, noun = "Scheduled reports", "schedule"
    columns = (
        Column("name", "Report", accessor="name", sort="name", primary=True),
        Column("tenant", "Tenant", accessor=lambda row: row.tenant.name if row.tenant else "All tenants"),
        Column("kind", "About", accessor=lambda row: row.get_kind_display(), sort="kind", phone=False),
        Column("cadence", "When", accessor=lambda row: when_in_words(row)),
        Column("recipients", "Recipients", kind="number", accessor="recipient_count"),
        Column("next_at", "Next", template="console/evaluation/_schedule_next.html", sort="next_at"),
    )
    default_sort = "name"
    search = ("name",)
    search_hint = "Name"
    empty = Empty(
        "calendar",
        "No report is scheduled",
        "Choose what it is about, when it comes, and which channels and members get it.",
        "Schedule a report",
        "report-schedule-create",
        "manage_alerts",
    )

    def row_url(self, row: ReportSchedule) -> str:
        """Its page."""
        return self.workspace.url("report-schedule", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose it is, is known in a tenant."""
        return tuple(one for one in self.columns if one.name != "tenant" or self.workspace.is_platform)


class ReportScheduleList(ReportingPage, TablePage):
    """All of the workspace."""

    template_name = "console/reports/schedules.html"
    table_class = ReportScheduleTable

    def get_rows(self) -> QuerySet[ReportSchedule]:
        """With how many get it."""
        rows = self.workspace.scope(ReportSchedule.objects.select_related("tenant"))
        found: QuerySet[ReportSchedule] = rows.annotate(recipient_count=Count("recipients"))
        return found


class ReportScheduleForm(InSections, CadenceForm):
    """What, when, and to whom."""

    name = forms.CharField(max_length=64, help_text="Reports are called so.")
    kind = forms.ChoiceField(label="About", choices=Kind.choices, widget=forms.RadioSelect, initial=Kind.WEEKLY.value)
    parts_of_it = forms.MultipleChoiceField(
        label="Sections",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="One that has nothing to say is left out.",
    )
    channels = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    users = forms.MultipleChoiceField(label="Members, by mail", required=False, widget=forms.CheckboxSelectMultiple)
    enabled = forms.BooleanField(label="Switched on", required=False, initial=True)
    sections = (
        ("", "", ("name", "kind", "parts_of_it")),
        (
            "When",
            "Reports about evaluation runs come when a run has ended, whatever is chosen here.",
            (*CADENCE, "enabled"),
        ),
        (
            "Who gets it",
            "Channels get all of it. Members get what their role lets them see, and can end it by a link in the mail.",
            ("channels", "users"),
        ),
    )

    def __init__(self, *args: Any, tenant: Tenant | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["name", "kind", "parts_of_it", *CADENCE, "enabled", "channels", "users"])
        self.clock_of(tenant.time_zone if tenant is not None else "UTC")
        self.offered_channels = {str(one.pk): one for one in services.offered_channels(tenant)}
        self.offered_users = {str(one.pk): one for one in services.offered_users(tenant)}
        self.fields["every"].initial = "weekly"
        choices: dict[str, list[tuple[str, Any]]] = {
            "parts_of_it": [(one.key, explained(one.title, one.about)) for one in ALL.values()],
            "channels": [
                (key, f"{one.name}, {one.shown or one.get_kind_display()}")
                for key, one in self.offered_channels.items()
            ],
            "users": [(key, f"{one.username}, {one.email}") for key, one in self.offered_users.items()],
        }
        for name, offered in choices.items():
            if offered:
                self.fields[name].choices = offered  # type: ignore[attr-defined]
            else:
                del self.fields[name]
        self.fields["parts_of_it"].initial = list(ALL)

    def values(self) -> dict[str, Any]:
        """For the services."""
        cleaned = self.cleaned_data
        return {
            **self.cadence_values(),
            **{name: cleaned[name] for name in ("name", "kind", "enabled")},
            "sections": [key for key in ALL if key in cleaned["parts_of_it"]],
            "channels": [self.offered_channels[key] for key in cleaned.get("channels", [])],
            "users": [self.offered_users[key] for key in cleaned.get("users", [])],
        }


class ReportScheduleFormPage(ReportingPage, FormPage):
    """The form."""

    permission = TenantPermission.MANAGE_ALERTS
    template_name = "console/sections_form.html"
    form_class = ReportScheduleForm

    def get_form_kwargs(self) -> dict[str, Any]:
        """For the workspace's channels and members."""
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant}

    def cancel_url(self) -> str:
        """The list."""
        return str(self.workspace.url("report-schedules"))


class ReportScheduleCreate(ReportScheduleFormPage):
    """A new one."""

    title, submit_label = "Schedule a report", "Create the schedule"
    intro = "What changed, by how much and how surely, what it cost, and what to do: by mail, in Slack, and here."

    def save(self, form: forms.Form) -> str:
        """To its page, where a first one can be made."""
        assert isinstance(form, ReportScheduleForm)
        row = services.create_report_schedule(tenant=self.workspace.tenant, **_renamed(form.values))
        messages.success(self.request, f"“{row.name}” is there. Make a first report to see what it will say.")
        return self.workspace.url("report-schedule", pk=row.pk)


class OfReportSchedule(ReportingPage):
    """Beside a view of one schedule."""

    @cached_property
    def schedule(self) -> ReportSchedule:
        """The one of the address."""
        rows = ReportSchedule.objects.select_related("tenant")
        found: ReportSchedule = get_object_or_404(self.workspace.scope(rows), pk=self.kwargs["pk"])
        return found

    @property
    def url(self) -> str:
        """Its page."""
        return self.workspace.url("report-schedule", pk=self.schedule.pk)


class ReportSchedulePage(OfReportSchedule, TemplateView):
    """What it makes and for whom, and its last reports."""

    template_name = "console/reports/schedule.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The last reports first."""
        row = self.schedule
        recipients = Recipient.objects.filter(tenant=row.tenant_id, schedule=row).select_related("channel", "user")
        made = Report.objects.filter(tenant=row.tenant_id, schedule=row).defer("content")[:MOST_REPORTS]
        return super().get_context_data(
            schedule=row,
            when=when_in_words(row),
            recipients=list(recipients),
            sections=[ALL[key].title for key in row.sections if key in ALL],
            reports=[(one, TONES[one.state]) for one in made],
            **kwargs,
        )


class ReportScheduleEdit(OfReportSchedule, ReportScheduleFormPage):
    """One that there is."""

    permission = TenantPermission.MANAGE_ALERTS
    submit_label = "Save the schedule"

    def get_title(self) -> str:
        """Names it."""
        return f"Report “{self.schedule.name}”"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Of its owner."""
        return {**super().get_form_kwargs(), "tenant": self.schedule.tenant}

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        row = self.schedule
        recipients = list(Recipient.objects.filter(tenant=row.tenant_id, schedule=row))
        return {
            **cadence_initial(row),
            "name": row.name,
            "kind": row.kind,
            "enabled": row.enabled,
            "parts_of_it": row.sections,
            "channels": [str(one.channel_id) for one in recipients if one.channel_id],
            "users": [str(one.user_id) for one in recipients if one.user_id],
        }

    def save(self, form: forms.Form) -> str:
        """Beat is told."""
        assert isinstance(form, ReportScheduleForm)
        services.update_report_schedule(schedule=self.schedule, **_renamed(form.values))
        messages.success(self.request, "Saved.")
        return self.url

    def cancel_url(self) -> str:
        """Its page."""
        return self.url


class ReportScheduleSwitch(OfReportSchedule, View):
    """Switches it on or off."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What was due meanwhile is not made up for."""
        row = services.update_report_schedule(schedule=self.schedule, enabled=not self.schedule.enabled)
        messages.success(request, "Switched on." if row.enabled else "Switched off: no reports are made.")
        return go_to(request, self.url)


class ReportMake(OfReportSchedule, View):
    """Makes a report now: to look at, or with ``send`` for all who get it."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """To its page, which waits until it is made."""
        try:
            report = services.ask_for_report(schedule=self.schedule, send=bool(request.POST.get("send")))
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, self.url)
        return go_to(request, self.workspace.url("report", pk=report.pk))


class ReportScheduleDelete(OfReportSchedule, View):
    """Away with it."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Reports stay."""
        services.delete_report_schedule(schedule=self.schedule)
        messages.success(request, f"“{self.schedule.name}” is gone. Its reports stay.")
        return go_to(request, self.workspace.url("report-schedules"))


def when_in_words(row: ReportSchedule) -> str:
    """When it comes."""
    return "When a run has ended" if row.of_runs else row.cadence.in_words


def _renamed(values: Any) -> dict[str, Any]:
    """What the service refuses of sections stands beside the field that is called otherwise here.

    Raises:
        ValidationError: no section is chosen.
    """
    found: dict[str, Any] = values()
    if not found["sections"] and found["kind"] != Kind.EVALUATION:
        raise ValidationError({"parts_of_it": "Choose at least one section."})
    return found
