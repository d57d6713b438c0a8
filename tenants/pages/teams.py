"""Teams: groups of keys that share limits and budgets."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from events.ledger.by_tenant import team_spent_this_month_sql
from tenants import services
from tenants.changes import save_row, with_fields
from tenants.models import ApiKey, Budget, RateLimit, Team
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class TeamTable(Table):
    """Teams with what belongs to each."""

    name = "teams"
    caption, noun = "Teams", "team"
    columns = (
        Column("name", "Team", sort="name", primary=True),
        Column("key_count", "Usable keys", kind="number", sort="key_count"),
        Column("limit_count", "Limits", kind="number", sort="limit_count"),
        Column("budget_count", "Budgets", kind="number", sort="budget_count"),
        Column("spent", "Spent this month", kind="money", sort="spent"),
        Column("created_at", "Created", kind="when", sort="created_at", phone=False),
    )
    default_sort = "name"
    search = ("name",)
    row_actions = "console/teams/_actions.html"
    exportable = True
    live = "config.object.changed"
    empty = Empty(
        "users-group",
        "No teams yet",
        "A team groups API keys, so that they share limits and budgets and are summed up together.",
        "Create a team",
        "team-create",
        TenantPermission.MANAGE_TEAMS,
    )

    def shown_columns(self) -> tuple[Column, ...]:
        """Costs only for who may see them."""
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        return tuple(column for column in self.columns if costs or column.name != "spent")


def with_contents(teams: QuerySet[Team]) -> QuerySet[Team]:
    """The teams with ``key_count``, ``limit_count``, ``budget_count`` and ``spent`` (nano-dollars)."""
    return teams.annotate(
        key_count=_count_of(ApiKey.objects.usable(timezone.now())),
        limit_count=_count_of(RateLimit.objects.all()),
        budget_count=_count_of(Budget.objects.enabled()),
        spent=RawSQL(_SPENT, (), output_field=BigIntegerField()),  # noqa: S611 - a constant
    )


_SPENT = team_spent_this_month_sql(
    "tenants_team.tenant_id::text",
    "tenants_team.id::text",
    "(SELECT own.time_zone FROM tenants_tenant own WHERE own.id = tenants_team.tenant_id)",
)


def _count_of(rows: QuerySet[Any]) -> Coalesce:
    per_team = rows.filter(team=OuterRef("pk"), tenant=OuterRef("tenant")).order_by().values("team")
    return Coalesce(Subquery(per_team.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


class TeamList(WorkspacePage, TablePage):
    """All teams of the tenant."""

    template_name = "console/teams/list.html"
    table_class = TeamTable

    def get_rows(self) -> QuerySet[Team]:
        """With their contents counted."""
        return with_contents(self.workspace.scope(Team.objects.all()))


class TeamForm(forms.Form):
    """A team's name."""

    name = forms.CharField(
        label="Name",
        max_length=200,
        widget=forms.TextInput(attrs={"autofocus": True}),
        help_text="Such as 'Search' or 'Back office': whoever shares a budget.",
    )


class TeamPage(WorkspacePage):
    """Of one team, for who may manage teams."""

    permission = TenantPermission.MANAGE_TEAMS

    @cached_property
    def team(self) -> Team:
        """The row.

        Raises:
            Http404: the tenant has none of this id.
        """
        found: Team = get_object_or_404(self.workspace.scope(Team.objects.all()), pk=self.kwargs["pk"])
        return found

    def cancel_url(self) -> str:
        """All teams."""
        return self.workspace.url("teams")


class TeamCreate(WorkspacePage, FormPage):
    """A new team."""

    permission = TenantPermission.MANAGE_TEAMS
    form_class = TeamForm
    title, submit_label = "Create a team", "Create the team"
    success_message = "The team “{name}” is there. Put keys into it, and give it limits or a budget."

    def save(self, form: forms.Form) -> str:
        """Audited."""
        assert self.workspace.tenant is not None
        services.create_team(tenant=self.workspace.tenant, **form.cleaned_data)
        return self.workspace.url("teams")

    def cancel_url(self) -> str:
        """All teams."""
        return self.workspace.url("teams")


class TeamEdit(TeamPage, FormPage):
    """Another name."""

    form_class = TeamForm
    title, submit_label = "Rename the team", "Save"
    success_message = "The team is called “{name}” now."

    def get_initial(self) -> dict[str, Any]:
        """As it is."""
        return {"name": self.team.name}

    def save(self, form: forms.Form) -> str:
        """Audited."""
        save_row(with_fields(self.team, form.cleaned_data))
        return self.cancel_url()


class TeamDelete(TeamPage, View):
    """Delete a team that has no keys."""

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Says why not, where keys are still in it."""
        name = self.team.name
        try:
            services.delete_team(team=self.team)
        except ValidationError:
            messages.error(
                request, f"“{name}” still has keys: revoked ones count too, since their calls are summed up under it."
            )
        else:
            messages.success(request, f"The team “{name}” is gone.")
        return go_to(request, self.cancel_url())
