"""Schedules of runs: the list, one with each time that it was due, and the form, which is a run's with a calendar."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import TemplateView, View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from evaluation.models import Evaluator, Gate, GoldenVersion
from evaluation.pages.run_forms import PLACES, RunCreate, RunForm
from evaluation.pages.words import OUTCOMES, run_words
from evaluation.schedules.rows import RunSchedule, ScheduledRun
from evaluation.schedules.running import run_now
from evaluation.schedules.services import create_run_schedule, delete_run_schedule, update_run_schedule
from guardrails.models import PolicyVersion
from tenants.models import Tenant
from tenants.pages.cadence_fields import CADENCE, CadenceForm, cadence_initial
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

MOST_TIMES = 50
MOST_VERSIONS = 50
_FIELDS = ("split", "concurrency", "max_output_tokens")


class ScheduleTable(Table):
    """By name."""

    name = "run-schedules"
    caption, noun = "Schedules", "schedule"
    columns = (
        Column("name", "Schedule", accessor="name", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("golden_set", "Golden set", accessor="golden_set.name", phone=False),
        Column("cadence", "When", accessor=lambda row: row.cadence.in_words),
        Column("gate", "Gate", accessor=lambda row: row.gate.name if row.gate else None, phone=False),
        Column("last_at", "Last due", kind="when", sort="last_at"),
        Column(
            "next_at", "Next", template="console/evaluation/_schedule_next.html", accessor="next_at", sort="next_at"
        ),
    )
    default_sort = "name"
    search = ("name", "golden_set__name")
    search_hint = "Schedule or golden set"
    live = "evaluation.schedule.due"
    empty = Empty(
        "calendar",
        "Nothing runs by itself",
        "A schedule starts the same run every night or week, and holds it to a gate against the one before.",
        "Schedule a run",
        "run-schedule-create",
        "manage_evaluations",
    )

    def row_url(self, row: RunSchedule) -> str:
        """Its page."""
        return self.workspace.url("run-schedule", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose it is, is known in a tenant."""
        return tuple(one for one in self.columns if one.name != "tenant" or self.workspace.is_platform)


class ScheduleList(WorkspacePage, TablePage):
    """All schedules of the workspace."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/schedules.html"
    table_class = ScheduleTable

    def get_rows(self) -> QuerySet[RunSchedule]:
        """With what the list names."""
        return self.workspace.scope(RunSchedule.objects.select_related("tenant", "golden_set", "gate"))


class ScheduleForm(CadenceForm, RunForm):
    """A run's form, and when."""

    version = forms.ModelChoiceField(
        GoldenVersion.objects.none(), required=False, empty_label="The newest, whatever it is by then"
    )
    gate = forms.ModelChoiceField(
        Gate.objects.none(),
        required=False,
        empty_label="None",
        help_text="Each run's first variant is held to it, against the same variant of the run before.",
    )
    enabled = forms.BooleanField(label="Switched on", required=False, initial=True)

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, tenant=tenant, **kwargs)
        self.clock_of(tenant.time_zone)
        self.fields["name"].help_text = "Runs are named after it."
        versions = GoldenVersion.objects.for_tenant(tenant).select_related("golden_set")
        self.fields["version"].queryset = versions.order_by("golden_set__name", "-number")  # type: ignore[attr-defined]
        self.fields["gate"].queryset = Gate.objects.for_tenant(tenant)  # type: ignore[attr-defined]
        first, *rest = self.sections
        what = (*first[2], "version")
        when = ("When", "", (*CADENCE, "enabled"))
        self.sections = (("", "", what), when, *rest, ("Gate", "Optional.", ("gate",)))  # type: ignore[misc]

    def values(self) -> dict[str, Any]:
        """For the services, all but the golden set."""
        cleaned = self.cleaned_data
        chosen = Evaluator.objects.for_tenant(self.tenant).filter(pk__in=cleaned["evaluators"])
        named = {name: cleaned[name] for name in (*_FIELDS, "name", "version", "gate", "enabled")}
        return {
            **named,
            **self.cadence_values(),
            "variants": self.choices(),
            "evaluators": list(chosen),
            "budget_nanousd": cleaned["budget"],
            "judge_budget_nanousd": cleaned["judge_budget"],
        }


class ScheduleCreate(RunCreate):
    """A new one; ``?set=`` and ``?like=`` (a run) fill the form."""

    form_class = ScheduleForm
    title, submit_label = "Schedule a run", "Create the schedule"

    def get_initial(self) -> dict[str, Any]:
        """As a run's form, with another name."""
        found = super().get_initial()
        return {**found, "name": "Nightly" if not self.request.GET.get("like") else found["name"]}

    def save(self, form: forms.Form) -> str:
        """Due the next time that it says."""
        assert isinstance(form, ScheduleForm)
        row = create_run_schedule(golden_set=form.cleaned_data["golden_set"], **form.values())
        messages.success(self.request, f"“{row.name}” is there. {_due(row)}")
        return self.workspace.url("run-schedule", pk=row.pk)

    def cancel_url(self) -> str:
        """The list."""
        return self.workspace.url("run-schedules")


class OfSchedule(WorkspacePage):
    """Beside a view of one schedule."""

    permission = TenantPermission.MANAGE_EVALUATIONS

    @cached_property
    def schedule(self) -> RunSchedule:
        """The one of the address."""
        rows = RunSchedule.objects.select_related("tenant", "golden_set", "version__golden_set", "gate")
        found: RunSchedule = get_object_or_404(self.workspace.scope(rows), pk=self.kwargs["pk"])
        return found

    @property
    def url(self) -> str:
        """Its page."""
        return self.workspace.url("run-schedule", pk=self.schedule.pk)


class SchedulePage(OfSchedule, TemplateView):
    """What it starts, when, and what came of each time."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/schedule.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The last times first."""
        row = self.schedule
        times = ScheduledRun.objects.filter(tenant=row.tenant_id, schedule=row).select_related("run")[:MOST_TIMES]
        names = Evaluator.objects.filter(tenant=row.tenant_id, pk__in=row.evaluators).values_list("name", flat=True)
        return super().get_context_data(
            schedule=row,
            times=[
                (
                    one,
                    run_words(one.run) if one.run else None,
                    OUTCOMES.get((one.gate_outcome or {}).get("outcome", "")),
                )
                for one in times
            ],
            evaluators=list(names),
            costs=self.workspace.may(TenantPermission.VIEW_COSTS),
            **kwargs,
        )


class ScheduleEdit(OfSchedule, FormPage):
    """The form of one that there is."""

    form_class = ScheduleForm
    template_name = "console/evaluation/run_form.html"
    submit_label = "Save the schedule"

    def get_title(self) -> str:
        """Names it."""
        return f"Schedule “{self.schedule.name}”"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Of its tenant."""
        return {**super().get_form_kwargs(), "tenant": self.schedule.tenant}

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        row = self.schedule
        named = {name: getattr(row, name) for name in (*_FIELDS, "name", "enabled")}
        found = {
            **named,
            **cadence_initial(row),
            "golden_set": str(row.golden_set_id),
            "version": str(row.version_id or ""),
            "gate": str(row.gate_id or ""),
            "evaluators": row.evaluators,
            "budget": row.budget_nanousd,
            "judge_budget": row.judge_budget_nanousd,
        }
        for at, one in enumerate(row.variants[:PLACES]):
            for name in ("model", "name", "system_prompt", "template"):
                found[f"{name}_{at}"] = one.get(name, "")
            found[f"policy_{at}"] = _version_of(row, one)
        return found

    def get_form(self, form_class: Any = None) -> Any:
        """The golden set stays: another one is another schedule."""
        form: Any = super().get_form(form_class)
        form.fields["golden_set"].disabled = True
        return form

    def save(self, form: forms.Form) -> str:
        """Beat is told."""
        assert isinstance(form, ScheduleForm)
        row = update_run_schedule(schedule=self.schedule, **form.values())
        messages.success(self.request, f"Saved. {_due(row)}")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Its page."""
        return self.url


class ScheduleSwitch(OfSchedule, View):
    """Switches it on or off."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What was due meanwhile is not made up for."""
        row = update_run_schedule(schedule=self.schedule, enabled=not self.schedule.enabled)
        messages.success(request, _due(row))
        return go_to(request, self.url)


class ScheduleRunNow(OfSchedule, View):
    """Starts its run at once."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """To the run's page."""
        try:
            time = run_now(schedule=self.schedule)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return go_to(request, self.url)
        messages.success(request, "The run is on its way. You may leave this page: it goes on.")
        return go_to(request, self.workspace.url("eval-run", pk=time.run_id))


class ScheduleDelete(OfSchedule, View):
    """Away with it."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Runs stay."""
        delete_run_schedule(schedule=self.schedule)
        messages.success(request, f"“{self.schedule.name}” is gone. The runs that it started stay.")
        return go_to(request, self.workspace.url("run-schedules"))


def _outcome(time: ScheduledRun) -> tuple[str, str, str] | None:
    return OUTCOMES.get((time.gate_outcome or {}).get("outcome", ""))


def _due(row: RunSchedule) -> str:
    if not row.enabled or row.next_at is None:
        return "It is switched off: nothing runs."
    return f"It is due next on {row.next_at.astimezone(row.zone):%-d %B at %H:%M}."


def _version_of(row: RunSchedule, variant: dict[str, Any]) -> str:
    if not variant.get("policy"):
        return ""
    rows = PolicyVersion.objects.filter(tenant=row.tenant_id) | PolicyVersion.objects.filter(tenant=None)
    found = rows.filter(policy=variant["policy"], number=variant.get("policy_version")).values_list("pk", flat=True)
    return str(next(iter(found), ""))
