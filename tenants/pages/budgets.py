"""Budgets: the list with how each burns down, and what sets, changes, raises and deletes one."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import django_filters
from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, RowPage, Table, TablePage
from contracts.money import shown_usd
from tenants import services
from tenants.budget_figures import BudgetState, states_of
from tenants.models import Budget
from tenants.pages.budget_forms import BudgetForm, NewBudgetForm, RaiseForm
from tenants.roles import TenantPermission
from tenants.subjects import SubjectLevel
from tenants.workspaces import WorkspacePage


class BudgetFilter(django_filters.FilterSet):
    """Filters of the list."""

    level = django_filters.ChoiceFilter(choices=SubjectLevel.choices, label="Level", empty_label="Any")
    window = django_filters.ChoiceFilter(choices=Budget.Window.choices, label="Window", empty_label="Any")
    action = django_filters.ChoiceFilter(choices=Budget.Action.choices, label="Beyond it", empty_label="Any")
    enabled = django_filters.ChoiceFilter(
        choices=[("true", "On"), ("false", "Off")], method="by_switch", label="On or off", empty_label="Both"
    )

    class Meta:
        """Of budgets."""

        model = Budget
        fields: ClassVar[list[str]] = ["level", "window", "action", "enabled"]

    def by_switch(self, rows: QuerySet[Budget], _name: str, on: str) -> QuerySet[Budget]:
        """Those that count, or those that do not."""
        return rows.filter(enabled=on == "true")


class BudgetTable(Table):
    """Budgets with how they burn down."""

    name = "budgets"
    caption = "Budgets"
    noun = "budget"
    columns = (
        Column("name", "Budget", template="console/budgets/_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column(
            "spent",
            "Spent",
            template="console/budgets/_burn_cell.html",
            accessor=lambda budget: budget.now.spent,
            sort="limit_nanousd",
            help="Sorted by the amount",
        ),
        Column("left", "Left", kind="money", accessor=lambda budget: budget.now.left, phone=False),
        Column(
            "reserved",
            "Reserved",
            kind="money",
            accessor=lambda budget: budget.now.reserved or None,
            phone=False,
            help="By calls that are under way",
        ),
        Column(
            "forecast",
            "Forecast",
            template="console/budgets/_forecast.html",
            accessor=lambda budget: budget.now.forecast,
            help="At the end of the window, if spending goes on as it did at these hours of the day",
        ),
        Column("state", "State", template="console/budgets/_state.html", accessor=lambda budget: budget.now.state[0]),
        Column("window", "Begins anew", template="console/budgets/_window.html", sort="window", phone=False),
    )
    default_sort = ""
    search = ("name", "team__name", "key__name", "key__prefix")
    search_hint = "Name, team or key"
    filterset = BudgetFilter
    exportable = True
    live = "llm.request.* budget.* config.object.changed"
    empty = Empty(
        "wallet",
        "No budgets yet",
        "A budget says how much may be spent in a day, week or month, tells you on the way, and stops or degrades "
        "calls at the end.",
        "Create a budget",
        "budget-create",
        TenantPermission.MANAGE_BUDGETS,
    )

    def shown_columns(self) -> tuple[Column, ...]:
        """The tenant on the platform only."""
        return tuple(column for column in self.columns if self.workspace.is_platform or column.name != "tenant")

    def row_url(self, row: Budget) -> str:
        """The budget's page."""
        return self.workspace.url("budget", pk=row.pk)

    @cached_property
    def page(self) -> RowPage:
        """With the current window of each."""
        page = super().page
        for budget, state in zip(page.rows, states_of(page.rows), strict=True):
            budget.now = state
        return page


class BudgetList(WorkspacePage, TablePage):
    """The budgets of a tenant, or of all."""

    permission = TenantPermission.VIEW_COSTS
    template_name = "console/budgets/list.html"
    table_class = BudgetTable

    def get_rows(self) -> QuerySet[Budget]:
        """With whose they are."""
        rows = Budget.objects.select_related("tenant", "team", "key")
        return self.workspace.scope(rows.order_by("tenant__name", "level", "name", "pk"))


class BudgetCreate(WorkspacePage, FormPage):
    """A new budget of the workspace's tenant."""

    permission = TenantPermission.MANAGE_BUDGETS
    template_name = "console/budgets/form.html"
    form_class = NewBudgetForm
    title, submit_label, success_message = (
        "Create a budget",
        "Create the budget",
        "The budget “{name}” counts from now on.",
    )

    def get_form_kwargs(self) -> dict[str, Any]:
        """What a link may say already."""
        given = {name: self.request.GET[name] for name in ("level", "team", "key") if name in self.request.GET}
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant, "initial": given}

    def save(self, form: forms.Form) -> str:
        """Through the service; a budget of the same name is not replaced unasked."""
        assert isinstance(form, NewBudgetForm)
        tenant = self.workspace.tenant
        assert tenant is not None
        identity = {**form.subject(), "name": form.cleaned_data["name"], "window": form.cleaned_data["window"]}
        if Budget.objects.for_tenant(tenant).filter(**identity).exists():
            raise forms.ValidationError({"name": "There is a budget of this name, subject and window already."})
        budget = services.set_budget(tenant=tenant, **identity, **form.budget_fields())
        return self.workspace.url("budget", pk=budget.pk)

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("budgets")


class OfOneBudget(WorkspacePage):
    """Base of pages about one budget: ``self.budget``; what is not of the workspace is not there."""

    @cached_property
    def budget(self) -> Budget:
        """The budget of the address."""
        rows = Budget.objects.select_related("tenant", "team", "key")
        return get_object_or_404(self.workspace.scope(rows), pk=self.kwargs["pk"])  # type: ignore[no-any-return]

    @cached_property
    def state(self) -> BudgetState:
        """Its current window."""
        return states_of([self.budget])[0]

    def cancel_url(self) -> str:
        """Back to the budget."""
        return self.workspace.url("budget", pk=self.budget.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Templates show it as ``budget`` and ``state``."""
        about = {"budget": self.budget, "state": self.state}
        return super().get_context_data(**about, **kwargs)  # type: ignore[misc,no-any-return]


class BudgetEdit(OfOneBudget, FormPage):
    """Change the amount and what happens beyond it."""

    permission = TenantPermission.MANAGE_BUDGETS
    template_name = "console/budgets/form.html"
    form_class = BudgetForm
    title, submit_label, success_message = (
        "Edit the budget",
        "Save",
        "“{name}” is changed. Gateways follow within a second.",
    )

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the budget as it is."""
        return {**super().get_form_kwargs(), "budget": self.budget}

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        assert isinstance(form, BudgetForm)
        services.update_budget(budget=self.budget, **form.budget_fields())
        return self.cancel_url()


class BudgetRaise(OfOneBudget, FormPage):
    """Allow more, at once."""

    permission = TenantPermission.MANAGE_BUDGETS
    template_name = "console/budgets/raise.html"
    form_class = RaiseForm
    title, submit_label = "Raise the budget", "Raise it now"

    def get_form_kwargs(self) -> dict[str, Any]:
        """What would do until the window's end, and a bit."""
        wanted = max(self.state.forecast or 0, self.state.used, self.budget.limit_nanousd)
        return {**super().get_form_kwargs(), "budget": self.budget, "suggested": _rounded_up(round(wanted * 1.1))}

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        limit = form.cleaned_data["limit_nanousd"]
        services.update_budget(budget=self.budget, limit_nanousd=limit)
        messages.success(self.request, f"The budget is {shown_usd(limit)} now. Gateways follow within a second.")
        return self.cancel_url()


class BudgetReset(OfOneBudget, View):
    """Let a budget begin anew within its window."""

    permission = TenantPermission.MANAGE_BUDGETS

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Through the service."""
        services.reset_budget(budget=self.budget)
        messages.success(request, f"“{self.budget.name}” begins anew. Gateways follow within a second.")
        return go_to(request, self.cancel_url())


class BudgetDelete(OfOneBudget, View):
    """Delete a budget."""

    permission = TenantPermission.MANAGE_BUDGETS

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Through the service."""
        name = self.budget.name
        services.delete_budget(budget=self.budget)
        messages.success(request, f"The budget “{name}” is deleted.")
        return go_to(request, self.workspace.url("budgets"))


def _rounded_up(nanousd: int) -> int:
    """To two digits that matter: people do not set budgets of $437.19."""
    step = int(10 ** max(0, len(str(nanousd)) - 2))
    return -(-nanousd // step) * step
