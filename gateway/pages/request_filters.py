"""What requests can be narrowed down by, as the explorer's URL says it.

The names of the fields are the query parameters: links of other pages use them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import django_filters
from django import forms
from django.db.models import Q

from console.formats import NANO
from events.models import Run, RunState
from events.run_search import ENDED_BADLY, Runs, mentioning
from gateway.pages.run_names import key_ids_named
from tenants.models import Tenant
from tenants.workspaces import Workspace

STATUSES = (
    ("completed", "Completed"),
    ("failed", "Failed"),
    ("rejected", "Refused"),
    ("bad", "Failed or refused"),
    ("running", "Running"),
    ("lost", "Lost"),
)
_STATES = {
    "completed": (RunState.COMPLETED,),
    "failed": (RunState.FAILED,),
    "rejected": (RunState.REJECTED,),
    "bad": ENDED_BADLY,
    "running": (RunState.RUNNING,),
    "lost": (RunState.LOST,),
}
YES_OR_NO = (("yes", "Yes"), ("no", "No"))
LONGEST_TEXT = 200


def _named(options: str, example: str = "") -> forms.TextInput:
    """A text field that suggests the names of a ``<datalist>``."""
    return forms.TextInput(attrs={"list": options, "autocomplete": "off", "placeholder": example, "maxlength": 200})


class _Text(django_filters.CharFilter):
    def __init__(self, label: str, options: str = "", example: str = "", **kwargs: Any) -> None:
        widget = _named(options, example) if options or example else forms.TextInput(attrs={"maxlength": 200})
        super().__init__(label=label, widget=widget, max_length=LONGEST_TEXT, **kwargs)


class _Number(django_filters.NumberFilter):
    def __init__(self, label: str, example: str, step: str, **kwargs: Any) -> None:
        widget = forms.NumberInput(attrs={"min": "0", "step": step, "placeholder": example})
        super().__init__(label=label, min_value=0, max_value=1_000_000_000, widget=widget, **kwargs)


class RunFilter(django_filters.FilterSet):
    """All filters; without ``tenant`` in a tenant's own workspace, and without cost where costs are not shown."""

    status = django_filters.ChoiceFilter(label="Status", choices=STATUSES, method="by_status", empty_label="Any")
    route = _Text("Route", "request-routes")
    model = _Text("Model", "request-models")
    tenant = _Text("Tenant", "request-tenants", method="by_tenant")
    provider = _Text("Provider", "request-providers")
    key = _Text("API key", "request-keys", "Name or id", method="by_key")
    user = _Text("End user", field_name="end_user")
    error = _Text("Error code", example="PROVIDER_TIMEOUT", method="by_error")
    http_status = _Number("HTTP status", "429", "1", field_name="http_status")
    tag = _Text("Tag", example="feature=search", method="by_tag")
    latency_min = _Number("Latency from, ms", "1000", "any", field_name="duration_ms", lookup_expr="gte")
    latency_max = _Number("Latency up to, ms", "", "any", field_name="duration_ms", lookup_expr="lte")
    cost_min = _Number("Cost from, $", "0.01", "any", method="by_cost_min")
    cost_max = _Number("Cost up to, $", "", "any", method="by_cost_max")
    streamed = django_filters.ChoiceFilter(label="Streamed", choices=YES_OR_NO, method="by_stream", empty_label="Any")
    fallback = django_filters.ChoiceFilter(
        label="Fallback used", choices=YES_OR_NO, method="by_fallback", empty_label="Any"
    )
    trace = _Text("Trace id", field_name="trace_id")

    class Meta:
        """Every filter is declared above."""

        model = Run
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        workspace = self.workspace
        if not workspace.is_platform:
            del self.filters["tenant"]
        if not workspace.may("view_costs"):
            del self.filters["cost_min"], self.filters["cost_max"]

    @property
    def workspace(self) -> Workspace:
        """Where the page is that filters."""
        workspace: Workspace = self.request.workspace  # type: ignore[union-attr]
        return workspace

    def narrow(self, runs: Runs) -> Runs:
        """The runs that fit, whatever runs the form was made with."""
        return self.filter_queryset(runs)

    # --- what is not one comparison ------------------------------------------------------------------

    def by_status(self, runs: Runs, _name: str, value: str) -> Runs:
        """A word for one or more states."""
        return runs.filter(state__in=_STATES[value])

    def by_tenant(self, runs: Runs, _name: str, _value: str) -> Runs:
        """Slug or id; an unknown one has no runs."""
        return runs.filter(tenant_id=self.tenant_id or "-")

    @cached_property
    def tenant_id(self) -> str:
        """Of the tenant that is filtered for; empty where there is none."""
        return tenant_id_of(str(self.form.cleaned_data.get("tenant") or ""))

    def by_key(self, runs: Runs, _name: str, _value: str) -> Runs:
        """Id, or the name, which two tenants may both have given."""
        return runs.filter(key_id__in=self.key_ids)

    @cached_property
    def key_ids(self) -> list[str]:
        """The ids of the keys that are called so, revoked ones included."""
        return key_ids_named(self.workspace, str(self.form.cleaned_data["key"]))

    def by_error(self, runs: Runs, _name: str, value: str) -> Runs:
        """Error codes are upper-case."""
        return runs.filter(error_code=value.strip().upper())

    def by_tag(self, runs: Runs, _name: str, value: str) -> Runs:
        """``key=value``, or a key alone."""
        name, equals, wanted = value.partition("=")
        if equals:
            return runs.filter(tags__contains={name.strip(): wanted.strip()})
        return runs.filter(tags__has_key=name.strip())

    def by_cost_min(self, runs: Runs, _name: str, value: Decimal) -> Runs:
        """Dollars."""
        return runs.filter(cost_nanousd__gte=int(value * NANO))

    def by_cost_max(self, runs: Runs, _name: str, value: Decimal) -> Runs:
        """Dollars."""
        return runs.filter(cost_nanousd__lte=int(value * NANO))

    def by_stream(self, runs: Runs, _name: str, value: str) -> Runs:
        """Runs of which nothing is known (refused ones) are not streamed."""
        return runs.filter(stream=True) if value == "yes" else runs.exclude(stream=True)

    def by_fallback(self, runs: Runs, _name: str, value: str) -> Runs:
        """Whether another target had to step in."""
        return runs.filter(fallback_used=True) if value == "yes" else runs.exclude(fallback_used=True)


def text_in(text: str, *, tenant_id: str | None, payloads: bool, start: datetime, end: datetime) -> Q:
    """Runs that mention the text; stored prompts and answers are read only where the viewer may."""
    return mentioning(text, tenant_id=tenant_id, payloads=payloads, start=start, end=end)


def tenant_id_of(reference: str) -> str:
    """The id of the tenant with this id or slug; empty where there is none."""
    reference = reference.strip()
    if not reference:
        return ""
    try:
        return str(uuid.UUID(reference))
    except ValueError:
        found = Tenant.objects.filter(slug=reference).values_list("pk", flat=True).first()
        return str(found or "")
