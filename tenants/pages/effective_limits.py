"""Which limits and budgets apply to calls of one key for one end user, and which of them is the tightest."""

from __future__ import annotations

from typing import Any

from django import forms
from django.views.generic import TemplateView

from contracts.ports import SpendQuery
from events.ledger.spending import spend
from tenants import budget_figures
from tenants.budget_figures import BudgetState, live_use_of
from tenants.models import ApiKey, Tenant
from tenants.pages import limit_figures
from tenants.pages.key_page import budgets_upon, limits_upon
from tenants.pages.limit_figures import LimitState
from tenants.pages.subject_forms import SubjectForm
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage


class QuestionForm(SubjectForm):
    """Whose calls."""

    key = forms.CharField(
        max_length=64,
        label="Key",
        help_text="Its id, how it begins, or its name.",
        widget=forms.TextInput(attrs={"list": "keys-known", "autocomplete": "off", "spellcheck": "false"}),
    )
    user = forms.CharField(
        max_length=200,
        required=False,
        label="End user",
        help_text="What calls have as “user”. Empty: calls without one.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["level"], self.fields["team"]

    def clean(self) -> dict[str, Any]:
        """Nothing depends on another field here."""
        return self.cleaned_data


class EffectiveLimits(WorkspacePage, TemplateView):
    """``?key=…&user=…``."""

    template_name = "console/limits/effective.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The answer, once a key is named."""
        tenant = self.workspace.tenant
        assert tenant is not None
        form = QuestionForm(self.request.GET if "key" in self.request.GET else None, tenant=tenant)
        answer = self._answer(form.cleaned_data["key"], form.cleaned_data["user"]) if form.is_valid() else {}
        return super().get_context_data(form=form, tenant=tenant, **answer, **kwargs)

    def _answer(self, key: ApiKey, user: str) -> dict[str, Any]:
        costs = self.workspace.may(TenantPermission.VIEW_COSTS)
        limits = [limit for limit in limits_upon(key) if user or limit.level != "user"]
        budgets = [budget for budget in budgets_upon(key) if user or budget.level != "user"] if costs else []
        limit_states = limit_figures.states_of(limits, user)
        budget_states = budget_figures.states_of(budgets)
        _of_user(budget_states, key.tenant, user)
        return {
            "key": key,
            "user": user,
            "limits": limit_states,
            "budgets": budget_states,
            "tightest": _tightest(limit_states, budget_states),
            "costs": costs,
        }


def _tightest(limits: list[LimitState], budgets: list[BudgetState]) -> LimitState | BudgetState | None:
    states: list[LimitState | BudgetState] = [*limits, *budgets]
    return max(states, key=lambda state: state.share, default=None)


def _of_user(states: list[BudgetState], tenant: Tenant, user: str) -> None:
    """Let budgets of each end user be about this one."""
    about = [state for state in states if state.budget.level == "user"]
    for state in about:
        state.subject, state.live = user, False
        query = SpendQuery(tenant_id=str(tenant.pk), level="user", subject=user, period=state.period)
        state.spent, state.reserved = spend(query).nanousd, 0
    for state, use in zip(about, live_use_of(about), strict=True):
        if use is not None:
            state.spent, state.reserved, state.live = use.spent_nanousd, use.reserved_nanousd, True
