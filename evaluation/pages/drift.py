"""Drift monitors: the list, and the form that shows what a monitor would say now."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.generic import View

from console.forms import FormPage, Previewed
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from evaluation.drift import selectors, services
from evaluation.drift.rows import DriftMonitor, DriftState
from evaluation.pages.drift_findings import OfMonitor
from evaluation.pages.drift_form import DriftForm
from evaluation.pages.drift_shown import Cell
from evaluation.pages.drift_words import OUTCOMES
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class DriftFilter(django_filters.FilterSet):
    """What monitors are narrowed down by."""

    phase = django_filters.ChoiceFilter(
        field_name="state__phase", choices=DriftState.Phase.choices, label="State", empty_label="Any"
    )

    class Meta:
        """All filters are declared above."""

        model = DriftMonitor
        fields: tuple[str, ...] = ()


class DriftTable(Table):
    """Monitors with where each stands."""

    name = "drift-monitors"
    caption, noun = "Drift monitors", "monitor"
    columns = (
        Column("name", "Monitor", template="console/evaluation/_drift_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("phase", "State", template="console/evaluation/_drift_phase.html", accessor="state.phase"),
        Column("found", "Last look", template="console/evaluation/_drift_found.html", accessor="found"),
        Column("looked_at", "Looked", kind="when", accessor="state.looked_at", sort="state__looked_at"),
    )
    default_sort = "name"
    search = ("name",)
    search_hint = "Name"
    filterset = DriftFilter
    live = "evaluation.drift.* config.object.changed"
    empty = Empty(
        "wave-sine",
        "No drift monitors yet",
        "A monitor compares the calls of the last hours with those of earlier ones: latency, cost, lengths, languages, "
        "refusals, what prompts are about. It says what moved, by how much, where, and shows the calls that did.",
        "Create a monitor",
        "drift-create",
        "manage_evaluations",
    )

    def row_url(self, row: DriftMonitor) -> str:
        """The monitor's page."""
        return self.workspace.url("drift-monitor", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose it is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


class DriftList(WorkspacePage, TablePage):
    """All monitors of the workspace."""

    permission = TenantPermission.VIEW_RUNS
    template_name = "console/evaluation/drift_list.html"
    table_class = DriftTable

    def get_rows(self) -> QuerySet[DriftMonitor]:
        """With their states and last looks."""
        rows = self.workspace.scope(DriftMonitor.objects.select_related("tenant", "state"))
        return selectors.with_last_looks(rows)


class DriftFormPage(WorkspacePage, Previewed, FormPage):
    """The form, with what the monitor would say beside it."""

    permission = TenantPermission.MANAGE_EVALUATIONS
    form_class = DriftForm
    template_name = "console/evaluation/drift_form.html"

    def owner(self) -> Tenant:
        """Whose monitor it is."""
        tenant = self.workspace.tenant
        assert tenant is not None, "monitors are made in a tenant's own workspace"
        return tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """For the owner's calls."""
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        return {**super().get_form_kwargs(), "tenant": self.owner(), "costs": costs}

    def preview(self, request: HttpRequest) -> HttpResponse:
        """See :class:`Previewed`."""
        # Numbers by the thousand take numpy: web workers import it with the first preview, not as they start.
        from evaluation.drift.looks import look

        form = self.get_form()
        form.fields["name"].required = False
        shown: dict[str, Any] = {"form": form}
        assert isinstance(form, DriftForm)
        if form.is_valid():
            draft = form.draft()
            check, findings = look(draft, now=timezone.now(), preview=True)
            seen = [one for one in findings if one.signal not in form.hidden]
            names = selectors.key_names(draft, {one.segment for one in seen})
            shown |= {
                "check": check,
                "outcome": OUTCOMES[check.outcome],
                "cells": [Cell.of(draft, one, names) for one in seen if one.drifted or not one.segment],
            }
        return render(request, "console/evaluation/_drift_preview.html", shown)

    def cancel_url(self) -> str:
        """The list."""
        return str(self.workspace.url("drift-monitors"))


class DriftCreate(DriftFormPage):
    """A new monitor of the workspace."""

    title, submit_label = "Create a drift monitor", "Create the monitor"

    def save(self, form: forms.Form) -> str:
        """It looks within a minute."""
        assert isinstance(form, DriftForm)
        monitor = services.create_monitor(tenant=self.owner(), **form.values())
        messages.success(self.request, f"“{monitor.name}” looks within a minute.")
        return self.workspace.url("drift-monitor", pk=monitor.pk)


class DriftEdit(OfMonitor, DriftFormPage):
    """A monitor that there is."""

    submit_label = "Save the monitor"

    def get_title(self) -> str:
        """Names it."""
        return f"Monitor “{self.monitor.name}”"

    def owner(self) -> Tenant:
        """The monitor's, also where the platform changes it."""
        tenant: Tenant = self.monitor.tenant
        return tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the monitor as it is."""
        return {**super().get_form_kwargs(), "monitor": self.monitor}

    def save(self, form: forms.Form) -> str:
        """What it had found is over where it says something else now."""
        assert isinstance(form, DriftForm)
        services.update_monitor(monitor=self.monitor, **form.values())
        messages.success(self.request, "Saved.")
        return self.url

    def cancel_url(self) -> str:
        """The monitor's page."""
        return self.url


class DriftDelete(OfMonitor, View):
    """Away with it."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Its looks go with it."""
        services.delete_monitor(monitor=self.monitor)
        messages.success(request, f"“{self.monitor.name}” is gone. Its incidents stay.")
        return go_to(request, self.workspace.url("drift-monitors"))


class DriftSwitch(OfMonitor, View):
    """On or off."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """The other way round."""
        monitor = services.update_monitor(monitor=self.monitor, enabled=not self.monitor.enabled)
        messages.success(request, "It looks within a minute." if monitor.enabled else "It does not look any more.")
        return go_to(request, self.url)


class DriftLook(OfMonitor, View):
    """Have it look now."""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Within a minute, by the clock's worker."""
        try:
            services.look_soon(monitor=self.monitor)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            messages.success(request, "It looks within a minute.")
        return go_to(request, self.url)
