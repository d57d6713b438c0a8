"""The forms of budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html

from contracts.money import shown_usd
from tenants.budgets import MAX_LIMIT_NANOUSD, default_thresholds
from tenants.callable_names import callable_names
from tenants.models import Budget, Tenant
from tenants.pages.fields import DollarsField, InSections, PercentagesField, explained, shown_with
from tenants.pages.subject_forms import SubjectForm

ACTIONS = {
    Budget.Action.BLOCK: (
        "Block calls",
        "They are refused with 402 until the window begins anew. Nothing is overspent, also by calls at the same time.",
    ),
    Budget.Action.DEGRADE: ("Degrade calls", "They go on, over a cheaper route or with shorter answers."),
    Budget.Action.ALERT_ONLY: ("Alert only", "Nothing changes for callers. Thresholds are told, also beyond 100%."),
}


class BudgetFields(InSections, forms.Form):
    """What of a budget can be changed later."""

    name = forms.CharField(max_length=100, help_text="Shown in errors, events and reports, such as “monthly”.")
    limit_nanousd = DollarsField(label="Amount ($)", help_text="The most that may be spent in one window.")
    thresholds = PercentagesField(
        required=False,
        initial=default_thresholds,
        help_text="Percentages of the amount with commas between them; crossing one is told once per window.",
    )
    action = forms.ChoiceField(
        label="Beyond the amount",
        choices=[(action.value, explained(*words)) for action, words in ACTIONS.items()],
        widget=forms.RadioSelect,
        initial=Budget.Action.BLOCK.value,
    )
    degrade_route = forms.ChoiceField(
        required=False,
        label="Degrade to the route",
        help_text="None: the route that was asked for.",
        widget=forms.Select(attrs=shown_with("action=degrade")),
    )
    degrade_max_output_tokens = forms.IntegerField(
        required=False,
        min_value=1,
        label="Longest degraded answer (tokens)",
        help_text="Empty: as asked for.",
        widget=forms.NumberInput(attrs=shown_with("action=degrade")),
    )
    enabled = forms.BooleanField(
        required=False, initial=True, label="On", help_text="A budget that is off neither counts nor acts."
    )

    if TYPE_CHECKING:
        tenant: Tenant

    def offer_routes(self, chosen: str = "") -> None:
        """Let people choose among the tenant's routes."""
        names = dict.fromkeys([*callable_names(self.tenant.pk).routes, *([chosen] if chosen else [])])
        self.fields["degrade_route"].choices = [("", "None"), *((name, name) for name in names)]  # type: ignore[attr-defined]

    def clean_limit_nanousd(self) -> int:
        """Not nothing, and not more than counters keep exact.

        Raises:
            ValidationError: it is.
        """
        limit: int = self.cleaned_data["limit_nanousd"]
        if not 0 < limit <= MAX_LIMIT_NANOUSD:
            raise ValidationError(f"A budget is more than $0 and at most {shown_usd(MAX_LIMIT_NANOUSD)}.")
        return limit

    def clean(self) -> dict[str, Any]:
        """What goes with degrading is asked for there, and nowhere else."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("action") != Budget.Action.DEGRADE:
            cleaned["degrade_route"], cleaned["degrade_max_output_tokens"] = "", None
        elif not cleaned.get("degrade_route") and not cleaned.get("degrade_max_output_tokens"):
            self.add_error("degrade_route", "Choose a route, or a longest answer below.")
        if cleaned.get("action") == Budget.Action.ALERT_ONLY and not cleaned.get("thresholds"):
            self.add_error("thresholds", "A budget that only alerts needs at least one threshold.")
        return cleaned

    def budget_fields(self) -> dict[str, Any]:
        """What goes into the row."""
        names = ("limit_nanousd", "thresholds", "action", "degrade_route", "degrade_max_output_tokens", "enabled")
        return {name: self.cleaned_data[name] for name in names}


class NewBudgetForm(BudgetFields, SubjectForm):
    """A new budget."""

    window = forms.ChoiceField(choices=Budget.Window.choices, initial=Budget.Window.MONTH)
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "level", "team", "key")),
        ("How much", "", ("limit_nanousd", "window", "thresholds")),
        ("Beyond the amount", "", ("action", "degrade_route", "degrade_max_output_tokens")),
        ("", "", ("enabled",)),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["window"].help_text = _window_words(self.tenant)
        self.offer_routes()


class BudgetForm(BudgetFields):
    """A budget that is there: whose it is and its window stay, so that what was spent stays comparable."""

    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("name", "limit_nanousd", "thresholds")),
        ("Beyond the amount", "", ("action", "degrade_route", "degrade_max_output_tokens")),
        ("", "", ("enabled",)),
    )

    def __init__(self, *args: Any, budget: Budget, **kwargs: Any) -> None:
        kwargs["initial"] = {name: getattr(budget, name) for name in ("name", *_CHANGEABLE)}
        super().__init__(*args, **kwargs)
        self.tenant = budget.tenant
        self.offer_routes(budget.degrade_route)

    def budget_fields(self) -> dict[str, Any]:
        """The name as well."""
        return {"name": self.cleaned_data["name"], **super().budget_fields()}


class RaiseForm(forms.Form):
    """A larger amount, at once."""

    limit_nanousd = DollarsField(label="New amount ($)")

    def __init__(self, *args: Any, budget: Budget, suggested: int, **kwargs: Any) -> None:
        kwargs["initial"] = {"limit_nanousd": suggested}
        super().__init__(*args, **kwargs)
        self.budget = budget
        self.fields["limit_nanousd"].help_text = format_html("It is {} now.", shown_usd(budget.limit_nanousd))

    def clean_limit_nanousd(self) -> int:
        """More than it is.

        Raises:
            ValidationError: it is not.
        """
        limit: int = self.cleaned_data["limit_nanousd"]
        if limit <= self.budget.limit_nanousd:
            raise ValidationError(
                f"Write more than {shown_usd(self.budget.limit_nanousd)}; to lower it, edit the budget."
            )
        if limit > MAX_LIMIT_NANOUSD:
            raise ValidationError(f"A budget is at most {shown_usd(MAX_LIMIT_NANOUSD)}.")
        return limit


_CHANGEABLE = ("limit_nanousd", "thresholds", "action", "degrade_route", "degrade_max_output_tokens", "enabled")


def _window_words(tenant: Tenant) -> str:
    return f"Days, weeks (from Monday) and months begin at midnight in {tenant.time_zone}, the tenant's time zone."
