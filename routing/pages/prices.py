"""Prices that were set: the list with what is scheduled, and setting and deleting one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import View

from console.forms import FormPage
from console.forms.views import go_to
from console.tables import Column, Empty, Table, TablePage
from routing.models import Model, ModelPrice
from routing.pages.price_words import KIND_LABELS, amount
from routing.prices import PriceHistory
from routing.services import delete_price, set_price
from tenants.admin_money import UsdField
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import WorkspacePage

_AS_INPUT, _AS_OUTPUT = "Empty: as input.", "Empty: as output."
_HELP = {
    "cached_input": _AS_INPUT,
    "cache_write": _AS_INPUT,
    "audio_input": _AS_INPUT,
    "image_input": _AS_INPUT,
    "reasoning": _AS_OUTPUT,
    "audio_output": _AS_OUTPUT,
    "image_output": _AS_OUTPUT,
    "request": "On top of the tokens.",
}


class PriceFilter(django_filters.FilterSet):
    """By when it holds, and for whom."""

    state = django_filters.ChoiceFilter(
        label="State",
        choices=[("now", "In force"), ("scheduled", "Scheduled"), ("over", "Over")],
        method="in_state",
    )
    tenant = django_filters.ModelChoiceFilter(
        label="For", queryset=Tenant.objects.order_by("name"), null_label="Everybody"
    )

    class Meta:
        """Declared above."""

        model = ModelPrice
        fields = ("state", "tenant")

    def in_state(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """As of now."""
        now = timezone.now()
        if value == "scheduled":
            return rows.filter(valid_from__gt=now)
        if value == "over":
            return rows.filter(valid_until__lte=now)
        begun = Q(valid_from=None) | Q(valid_from__lte=now)
        return rows.filter(begun, Q(valid_until=None) | Q(valid_until__gt=now))


class PriceTable(Table):
    """Every price that was set."""

    name = "prices"
    caption, noun = "Prices", "price"
    columns = (
        Column(
            "model",
            "Model",
            accessor="model.name",
            sort="model__name",
            primary=True,
            template="console/prices/_model.html",
        ),
        Column("tenant", "For", accessor="tenant.name", sort="tenant__name", template="console/prices/_whose.html"),
        Column("state", "State", template="console/prices/_state.html", accessor="pk", export=False),
        Column("valid_from", "From", kind="when", sort="valid_from", template="console/prices/_from.html"),
        Column("valid_until", "Until", kind="when", sort="valid_until", template="console/prices/_until.html"),
        Column("input", "Input / 1M", kind="money", sort="input", template="console/prices/_amount.html"),
        Column("output", "Output / 1M", kind="money", sort="output", template="console/prices/_amount.html"),
    )
    default_sort = "model"
    search = ("model__name", "model__provider__name", "tenant__name")
    search_hint = "Model, provider or tenant"
    filterset = PriceFilter
    row_actions = "console/prices/_actions.html"
    exportable = True
    live = "config.object.changed"
    empty = Empty(
        "coin",
        "No prices were set",
        "Published prices are used as they are. Set one for a model that has none, or to bill a tenant differently.",
        "Set a price",
        "price-new",
        TenantPermission.MANAGE_PRICES,
    )


class PriceList(WorkspacePage, TablePage):
    """For operators and auditors: tenants see prices on their models' pages."""

    permission = TenantPermission.VIEW_COSTS
    template_name = "console/prices/list.html"
    table_class = PriceTable

    def get_rows(self) -> QuerySet[Any]:
        """With model and tenant."""
        rows: QuerySet[Any] = ModelPrice.objects.select_related("model__provider", "tenant")
        return self.workspace.scope(rows)


def _dollars(label: str, **kwargs: Any) -> UsdField:
    attrs = {"step": "any", "min": "0", "inputmode": "decimal", "data-half": True}
    return UsdField(label=label, widget=forms.NumberInput(attrs=attrs), **kwargs)


class PriceForm(forms.Form):
    """A price in US dollars per million tokens."""

    model = forms.ModelChoiceField(queryset=Model.objects.none(), empty_label="Choose a model")
    tenant = forms.ModelChoiceField(
        label="For",
        queryset=Tenant.objects.none(),
        required=False,
        empty_label="Everybody",
        help_text="A tenant's own price wins over everybody's; when it ends, everybody's holds again.",
    )
    valid_from = forms.DateTimeField(
        label="From",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "data-half": True}, format="%Y-%m-%dT%H:%M"),
        help_text="In your time zone. Empty: from now on. The price that holds until then ends there.",
    )
    valid_until = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "data-half": True}, format="%Y-%m-%dT%H:%M"),
        help_text="Empty: until further notice, or until the next price that is scheduled.",
    )
    input = _dollars("Input, $ per 1M", required=True)
    output = _dollars("Output, $ per 1M", required=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind, words in _HELP.items():
            unit = "$" if kind == "request" else "$ per 1M"
            self.fields[kind] = _dollars(f"{KIND_LABELS[kind]}, {unit}", help_text=words)
        models: Any = self.fields["model"]
        models.queryset = Model.objects.select_related("provider").order_by("provider__name", "name")
        tenants: Any = self.fields["tenant"]
        tenants.queryset = Tenant.objects.order_by("name")

    def clean(self) -> dict[str, Any]:
        """The end comes after the beginning."""
        cleaned: dict[str, Any] = super().clean() or {}
        start: datetime = cleaned.get("valid_from") or timezone.now()
        if cleaned.get("valid_until") and cleaned["valid_until"] <= start:
            self.add_error("valid_until", "A price ends after it begins.")
        return cleaned

    @property
    def prices(self) -> dict[str, int]:
        """Nano-USD by kind; what is empty is left out."""
        return {kind: value for kind in KIND_LABELS if (value := self.cleaned_data[kind]) is not None}


class PriceCreate(WorkspacePage, FormPage):
    """Set a price from an instant on."""

    permission = TenantPermission.MANAGE_PRICES
    form_class = PriceForm
    title, submit_label = "Set a price", "Set the price"
    intro = "Calls that begin from then on cost this. What ended calls cost does not change."

    def get_initial(self) -> dict[str, Any]:
        """Of ``?model=``, with the price in force."""
        key = self.request.GET.get("model", "")
        try:
            model = (
                Model.objects.select_related("provider").prefetch_related("prices").filter(pk=key).first()
                if key
                else None
            )
        except ValidationError:
            model = None
        if model is None:
            return {}
        price = PriceHistory(model).at(timezone.now())
        known = {} if price is None else {kind: getattr(price, kind) for kind in KIND_LABELS}
        return {"model": model.pk, **known}

    def save(self, form: Any) -> str:
        """Through the service."""
        cleaned = form.cleaned_data
        start = cleaned["valid_from"] or timezone.now()
        price = set_price(
            model=cleaned["model"],
            tenant=cleaned["tenant"],
            prices=form.prices,
            valid_from=start,
            valid_until=cleaned["valid_until"],
        )
        whose = cleaned["tenant"].name if cleaned["tenant"] else "everybody"
        amounts = f"{amount(price.input)} in, {amount(price.output)} out"
        messages.success(self.request, f"{cleaned['model']} costs {whose} {amounts} per million tokens.")
        return self.workspace.url("model", pk=cleaned["model"].pk)

    def cancel_url(self) -> str:
        """Back to the list."""
        return self.workspace.url("prices")


class PriceDelete(WorkspacePage, View):
    """Take one price away."""

    permission = TenantPermission.MANAGE_PRICES

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Through the service."""
        price = get_object_or_404(ModelPrice.objects.select_related("model__provider", "tenant"), pk=pk)
        model = price.model
        delete_price(price=price)
        messages.success(request, f"The price of {model} is gone.")
        return go_to(request, self.workspace.url("model", pk=model.pk))
