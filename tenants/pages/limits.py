"""Rate limits: the list with what is used now, and what sets and lifts one."""

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
from tenants import services
from tenants.models import LONGEST_WAIT_MS, RateLimit
from tenants.pages.fields import InSections, explained, shown_with
from tenants.pages.limit_figures import states_of
from tenants.pages.subject_forms import SubjectForm
from tenants.roles import TenantPermission
from tenants.subjects import SubjectLevel
from tenants.workspaces import WorkspacePage

METRICS = {
    RateLimit.Metric.REQUESTS: ("Requests", "Calls that are admitted in the window."),
    RateLimit.Metric.TOKENS: (
        "Tokens",
        "Of prompts and answers; the longest possible answer is reserved first, the rest given back.",
    ),
    RateLimit.Metric.CONCURRENCY: ("Calls at a time", "Calls under way. More may wait for a place, if you let them."),
}
WINDOWS = {"1": "1 second", "60": "1 minute", "3600": "1 hour", "86400": "1 day", "other": "Another"}


class LimitFilter(django_filters.FilterSet):
    """Filters of the list."""

    level = django_filters.ChoiceFilter(choices=SubjectLevel.choices, label="Level", empty_label="Any")
    metric = django_filters.ChoiceFilter(choices=RateLimit.Metric.choices, label="Counts", empty_label="Anything")

    class Meta:
        """Of limits."""

        model = RateLimit
        fields: ClassVar[list[str]] = ["level", "metric"]


class LimitTable(Table):
    """Limits with their use."""

    name = "limits"
    caption = "Rate limits"
    noun = "rate limit"
    columns = (
        Column("limit", "Limit", template="console/limits/_limit.html", accessor="value", sort="value", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name"),
        Column("level", "Whose", template="console/limits/_subject.html", sort="level"),
        Column("used", "Used now", template="console/limits/_used.html", accessor=lambda limit: limit.now.used),
        Column(
            "max_wait_ms",
            "Waits up to",
            kind="ms",
            accessor=lambda limit: limit.max_wait_ms or None,
            sort="max_wait_ms",
            phone=False,
        ),
    )
    default_sort = ""
    search = ("team__name", "key__name", "key__prefix")
    search_hint = "Team or key"
    filterset = LimitFilter
    row_actions = "console/limits/_actions.html"
    exportable = True
    live = "llm.request.* config.object.changed"
    empty = Empty(
        "gauge",
        "No rate limits yet",
        "Without limits one client that runs wild takes everybody's share. Begin with requests per minute for the "
        "whole tenant.",
        "Set a limit",
        "limit-create",
        TenantPermission.MANAGE_LIMITS,
    )

    def shown_columns(self) -> tuple[Column, ...]:
        """The tenant on the platform only."""
        return tuple(column for column in self.columns if self.workspace.is_platform or column.name != "tenant")

    @cached_property
    def page(self) -> RowPage:
        """With what is used of each limit now."""
        page = super().page
        for limit, state in zip(page.rows, states_of(page.rows), strict=True):
            limit.now = state
        return page


class LimitList(WorkspacePage, TablePage):
    """The limits of a tenant, or of all."""

    template_name = "console/limits/list.html"
    table_class = LimitTable

    def get_rows(self) -> QuerySet[RateLimit]:
        """With what they are about."""
        rows = RateLimit.objects.select_related("tenant", "team", "key")
        return self.workspace.scope(rows.order_by("tenant__name", "level", "metric", "window_s", "pk"))


class LimitForm(SubjectForm):
    """A limit as people set it."""

    metric = forms.ChoiceField(
        label="What is counted",
        choices=[(metric.value, explained(*words)) for metric, words in METRICS.items()],
        widget=forms.RadioSelect,
        initial=RateLimit.Metric.REQUESTS.value,
    )
    value = forms.IntegerField(label="At most", min_value=1, max_value=2**53)
    window = forms.ChoiceField(
        choices=list(WINDOWS.items()),
        initial="60",
        help_text="The window slides: at no moment do more count than this.",
        widget=forms.Select(attrs=shown_with("metric=requests,tokens")),
    )
    window_s = forms.IntegerField(
        label="Seconds",
        min_value=1,
        max_value=31 * 86_400,
        required=False,
        widget=forms.NumberInput(attrs=shown_with("window=other")),
    )
    wait_s = forms.DecimalField(
        label="May wait for a place (seconds)",
        min_value=0,
        max_value=LONGEST_WAIT_MS // 1000,
        required=False,
        help_text="How long a call waits for another to end before it is refused. Empty: not at all.",
        widget=forms.NumberInput(attrs=shown_with("metric=concurrency")),
    )
    sections: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
        ("", "", ("level", "team", "key")),
        ("How much", "", ("metric", "value", "window", "window_s", "wait_s")),
    )

    def clean(self) -> dict[str, Any]:
        """Window and wait in the units of the row."""
        cleaned = super().clean()
        row_window(self, cleaned)
        return cleaned


def row_window(form: forms.Form, cleaned: dict[str, Any]) -> None:
    """Put ``window_s`` and ``max_wait_ms`` as the row has them into what was cleaned."""
    concurrency = cleaned.get("metric") == RateLimit.Metric.CONCURRENCY
    if concurrency:
        cleaned["window_s"] = 0
    elif cleaned.get("window", "other") != "other":
        cleaned["window_s"] = int(cleaned["window"])
    elif not cleaned.get("window_s") and "window_s" not in form.errors:
        form.add_error("window_s", "Say how many seconds.")
    cleaned["max_wait_ms"] = int((cleaned.get("wait_s") or 0) * 1000) if concurrency else 0


class LimitCreate(WorkspacePage, FormPage):
    """Set a limit of the workspace's tenant."""

    permission = TenantPermission.MANAGE_LIMITS
    template_name = "console/limits/form.html"
    form_class = LimitForm
    title, submit_label, success_message = (
        "Set a rate limit",
        "Set the limit",
        "The limit is set. Gateways follow within a second.",
    )

    def get_form_kwargs(self) -> dict[str, Any]:
        """What a link may say already."""
        given = {name: self.request.GET[name] for name in ("level", "team", "key") if name in self.request.GET}
        return {**super().get_form_kwargs(), "tenant": self.workspace.tenant, "initial": given}

    def save(self, form: forms.Form) -> str:
        """Through the service; a limit of the same kind is not replaced unasked."""
        assert isinstance(form, LimitForm)
        fields = {name: form.cleaned_data[name] for name in ("metric", "value", "window_s", "max_wait_ms")}
        tenant = self.workspace.tenant
        assert tenant is not None
        same = RateLimit.objects.for_tenant(tenant).filter(
            **form.subject(), metric=fields["metric"], window_s=fields["window_s"]
        )
        if same.exists():
            raise forms.ValidationError("There is a limit of this kind already; change its value instead.")
        services.set_rate_limit(tenant=tenant, **form.subject(), **fields)
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("limits")


class LimitValueForm(InSections, forms.Form):
    """What of a limit can be changed: whose it is and what it counts stay."""

    value = forms.IntegerField(label="At most", min_value=1, max_value=2**53)
    wait_s = forms.DecimalField(
        label="May wait for a place (seconds)",
        min_value=0,
        max_value=LONGEST_WAIT_MS // 1000,
        required=False,
        help_text="How long a call waits for another to end before it is refused. Empty: not at all.",
    )

    def __init__(self, *args: Any, limit: RateLimit, **kwargs: Any) -> None:
        wait = None if not limit.max_wait_ms else limit.max_wait_ms / 1000
        kwargs["initial"] = {"value": limit.value, "wait_s": wait}
        super().__init__(*args, **kwargs)
        if limit.metric != RateLimit.Metric.CONCURRENCY:
            del self.fields["wait_s"]


class OfOneLimit(WorkspacePage):
    """Base of pages about one limit."""

    permission = TenantPermission.MANAGE_LIMITS

    @cached_property
    def limit(self) -> RateLimit:
        """The limit of the address."""
        rows = RateLimit.objects.select_related("tenant", "team", "key")
        return get_object_or_404(self.workspace.scope(rows), pk=self.kwargs["pk"])  # type: ignore[no-any-return]


class LimitEdit(OfOneLimit, FormPage):
    """Change how much is admitted."""

    template_name = "console/limits/edit.html"
    form_class = LimitValueForm
    title, submit_label, success_message = (
        "Change the limit",
        "Save",
        "The limit is changed. Gateways follow within a second.",
    )

    def get_form_kwargs(self) -> dict[str, Any]:
        """With the limit as it is."""
        return {**super().get_form_kwargs(), "limit": self.limit}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the form is about."""
        return super().get_context_data(limit=self.limit, **kwargs)

    def save(self, form: forms.Form) -> str:
        """Through the service."""
        limit = self.limit
        services.set_rate_limit(
            tenant=limit.tenant,
            level=limit.level,
            team=limit.team,
            key=limit.key,
            metric=limit.metric,
            window_s=limit.window_s,
            value=form.cleaned_data["value"],
            max_wait_ms=int((form.cleaned_data.get("wait_s") or 0) * 1000),
        )
        return self.cancel_url()

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("limits")


class LimitDelete(OfOneLimit, View):
    """Lift a limit."""

    def post(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Through the service."""
        services.delete_rate_limit(limit=self.limit)
        messages.success(request, "The limit is lifted.")
        return go_to(request, self.workspace.url("limits"))
