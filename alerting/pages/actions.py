"""Actions: the list, one with what it did, and the form."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.generic import TemplateView, View

from alerting.actions.rows import ActionRun, AlertAction
from alerting.actions.services import delete_action, may_undo, require, save_action
from alerting.actions.undoing import undo
from alerting.pages.action_form import ActionForm
from alerting.pages.words import AlertingPage, ChangePage, one_of
from console.formats import counted
from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from tenants.models import Tenant
from tenants.roles import TenantPermission

MOST_RUNS = 25


def thing(row: AlertAction) -> str:
    """What it acts upon, in a few words."""
    if row.kind == AlertAction.Kind.DEGRADE:
        return f"{row.route}: {counted(len(row.keep), 'target')}"
    return str(row.target or row.policy or row.channel or row.route or "–")


def mode(row: AlertAction) -> str:
    """Whether it does anything."""
    return "Off" if not row.enabled else "Dry run" if row.dry_run else "On"


class ActionFilter(django_filters.FilterSet):
    """What actions are narrowed down by."""

    kind = django_filters.ChoiceFilter(choices=AlertAction.Kind.choices, label="Kind", empty_label="Any")
    dry_run = django_filters.BooleanFilter(
        label="Mode", widget=forms.Select(choices=[("", "Any"), ("true", "Dry run"), ("false", "Acts")])
    )

    class Meta:
        """All filters are declared above."""

        model = AlertAction
        fields: tuple[str, ...] = ()


class ActionTable(Table):
    """Actions with what they act upon."""

    name = "alert-actions"
    caption, noun = "Actions", "action"
    columns = (
        Column("name", "Action", sort="name", primary=True),
        Column("tenant", "Tenant", accessor=lambda row: row.tenant.name if row.tenant else "The platform"),
        Column("mode", "State", accessor=mode, template="console/alerting/_action_mode.html"),
        Column("kind", "Does", accessor=lambda row: row.get_kind_display(), sort="kind"),
        Column("thing", "Upon", accessor=thing),
        Column("rule", "While", accessor=lambda row: row.rule.name if row.rule else "any rule fires", phone=False),
        Column("after_minutes", "After", accessor=lambda row: f"{row.after_minutes} min", phone=False),
    )
    default_sort = "name"
    search = ("name",)
    search_hint = "Name"
    filterset = ActionFilter
    live = "alert.action.* config.object.changed"
    empty = Empty(
        "bolt",
        "Nothing is done by itself",
        "An action drains a target, opens a circuit, degrades a route, rolls back a policy or an experiment, or calls "
        "a hook while an alert holds. It begins as a dry run, is held within limits, and is undone with one click.",
        "Create an action",
        "alert-action-create",
        "manage_alerts",
    )

    def row_url(self, row: AlertAction) -> str:
        """The action's page."""
        return self.workspace.url("alert-action", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose it is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)


def _rows() -> QuerySet[AlertAction]:
    related = ("tenant", "rule", "route", "policy", "channel", "target__route", "target__model__provider")
    return AlertAction.objects.select_related(*related)


class ActionList(AlertingPage, TablePage):
    """All actions of the workspace."""

    template_name = "console/alerting/actions.html"
    table_class = ActionTable

    def get_rows(self) -> QuerySet[AlertAction]:
        """With what they act upon."""
        return self.workspace.scope(_rows())


class OfAction(AlertingPage):
    """One action of the workspace."""

    @cached_property
    def action(self) -> AlertAction:
        """The one of the address.

        Raises:
            Http404: there is none.
        """
        found: AlertAction = one_of(self.workspace, _rows(), self.kwargs["pk"])
        return found


class ActionPage(OfAction, TemplateView):
    """Its limits, and what it did."""

    template_name = "console/alerting/action.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With its last runs."""
        action = self.action
        rows = ActionRun.objects.filter(tenant=action.tenant_id, action=action).select_related("incident")
        return super().get_context_data(
            action=action,
            thing=thing(action),
            runs=shown_runs(rows[:MOST_RUNS], self.workspace),
            **kwargs,
        )


def shown_runs(rows: Any, workspace: Any) -> list[tuple[ActionRun, bool]]:
    """Each with whether whoever looks may undo it."""
    return [(run, may_undo(run, workspace.may)) for run in rows]


class ActionFormPage(ChangePage, FormPage):
    """The form."""

    form_class = ActionForm

    def owner(self) -> Tenant | None:
        """Whose action it is."""
        return self.workspace.tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """With what the owner has."""
        return {**super().get_form_kwargs(), "tenant": self.owner()}

    def cancel_url(self) -> str:
        """The list."""
        return str(self.workspace.url("alert-actions"))


class ActionCreate(ActionFormPage):
    """A new one of the workspace."""

    title, submit_label = "Create an action", "Create the action"
    intro = "What is done while an alert holds, within limits. It can be undone with one click."

    def get_initial(self) -> dict[str, Any]:
        """A rule's page leads here."""
        return {"rule": self.request.GET["rule"]} if "rule" in self.request.GET else {}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        assert isinstance(form, ActionForm)
        row = save_action(action=AlertAction(tenant=self.owner()), may=self.workspace.may, **form.values())
        said = "says what it would do" if row.dry_run else "acts"
        messages.success(self.request, f"“{row.name}” {said} from now on.")
        return self.workspace.url("alert-action", pk=row.pk)


class ActionEdit(OfAction, ActionFormPage):
    """One that there is."""

    permission = TenantPermission.MANAGE_ALERTS
    submit_label = "Save the action"

    def get_title(self) -> str:
        """Names it."""
        return f"Action “{self.action.name}”"

    def owner(self) -> Tenant | None:
        """The action's, also where the platform changes it."""
        tenant: Tenant | None = self.action.tenant
        return tenant

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the action as it is."""
        return {**super().get_form_kwargs(), "action": self.action}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        assert isinstance(form, ActionForm)
        save_action(action=self.action, may=self.workspace.may, **form.values())
        messages.success(self.request, "Saved.")
        return self.cancel_url()

    def cancel_url(self) -> str:
        """The action's page."""
        return str(self.workspace.url("alert-action", pk=self.action.pk))


class ActionDelete(OfAction, View):
    """Away with it."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """What it did stays, and can still be undone."""
        delete_action(action=self.action)
        messages.success(request, f"“{self.action.name}” is gone. What it did stays in the incidents.")
        return go_to(request, self.workspace.url("alert-actions"))


class ActionUndo(AlertingPage, View):
    """Put back what one run changed."""

    permission = TenantPermission.MANAGE_ALERTS

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Undone, or said why not."""
        run: ActionRun = one_of(self.workspace, ActionRun.objects.all(), pk)
        try:
            require(self.workspace.may, run.kind)
            done = undo(run=run, now=timezone.now())
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
        else:
            if done.state == ActionRun.State.UNDONE:
                messages.success(request, f"“{run.name}” is undone.")
            else:
                messages.info(request, "It was changed since, and is left as it is.")
        return go_to(request, self.workspace.url("incident", pk=run.incident_id))
