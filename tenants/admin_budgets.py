"""Budgets: who may spend how much, in dollars."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from contracts.money import shown_usd
from tenants.admin_money import usd
from tenants.admin_rows import ConfigRowForm
from tenants.admin_subjects import SubjectAdmin
from tenants.budgets import Budget, default_thresholds


class PercentagesField(forms.CharField):
    """Whole percentages with commas between them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextInputWidget(), **kwargs)

    def to_python(self, value: Any) -> Any:
        """The numbers.

        Raises:
            ValidationError: something between two commas is no whole number.
        """
        if isinstance(value, list):
            return value
        parts = [part.strip().removesuffix("%").strip() for part in str(value or "").split(",")]
        try:
            return [int(part) for part in parts if part]
        except ValueError as error:
            raise ValidationError("Write whole percentages with commas between them, such as 50, 80, 100.") from error

    def prepare_value(self, value: Any) -> Any:
        """The numbers as text; what was typed stays as it is."""
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the numbers differ, however they are written."""
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True


class BudgetForm(ConfigRowForm):
    """A budget as an operator sets it."""

    limit_nanousd = usd("Limit", required=True, help_text="The most that may be spent in one window.")
    thresholds = PercentagesField(
        initial=default_thresholds,
        help_text="Percentages of the limit, ascending; crossing one is told once per window.",
    )


@admin.register(Budget)
class BudgetAdmin(SubjectAdmin):
    """All budgets of all tenants."""

    form = BudgetForm
    list_display = (
        "name",
        "tenant",
        "show_level",
        "subject",
        "show_limit",
        "window",
        "show_action",
        "show_thresholds",
        "enabled",
    )
    list_display_links = ("name", "tenant")
    list_filter = (
        ("tenant", AutocompleteSelectFilter),
        ("level", ChoicesDropdownFilter),
        ("window", ChoicesDropdownFilter),
        ("action", ChoicesDropdownFilter),
        "enabled",
    )
    search_fields = ("name", "tenant__slug", "tenant__name", "team__name", "key__name", "key__prefix")
    search_help_text = "Name, tenant, team or key"
    fieldsets = (
        (None, {"fields": ("name", "enabled")}),
        ("Whose money", {"fields": ("tenant", "level", "team", "key")}),
        ("How much", {"fields": (("limit_nanousd", "window"), "thresholds")}),
        ("Beyond the limit", {"fields": ("action", ("degrade_route", "degrade_max_output_tokens"))}),
    )

    @display(description="Limit", ordering="limit_nanousd")
    def show_limit(self, budget: Budget) -> str:
        """In dollars."""
        return shown_usd(budget.limit_nanousd)

    @display(
        description="Beyond the limit",
        ordering="action",
        label={"block": "danger", "degrade": "warning", "alert_only": "info"},
    )
    def show_action(self, budget: Budget) -> tuple[str, str]:
        """A badge."""
        return budget.action, budget.get_action_display()

    @display(description="Thresholds")
    def show_thresholds(self, budget: Budget) -> str:
        """As percentages."""
        return ", ".join(f"{threshold} %" for threshold in budget.thresholds) or "–"
