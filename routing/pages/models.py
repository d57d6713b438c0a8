"""Models at providers: the list, one model's page with its prices over time, and what changes them."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import TemplateView

from console.tables import Column, Empty, Table, TablePage
from contracts.specs import Capability
from routing.models import Model, Provider, Target
from routing.pages.price_words import price_rows, priced, state_of
from routing.prices import price_spec
from routing.published_prices import PublishedPrices
from routing.selectors import models_without_price
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

CAPABILITIES = [(item.value, item.value.replace("_", " ")) for item in Capability]


def model_rows(workspace: Workspace) -> QuerySet[Any]:
    """The models that the workspace shows: all on the platform, those of a tenant's own providers in its portal."""
    rows: QuerySet[Any] = Model.objects.select_related("provider", "provider__tenant").prefetch_related("prices")
    return workspace.scope(rows, "provider__tenant_id")


def _providers(request: Any) -> QuerySet[Provider]:
    rows: QuerySet[Provider] = request.workspace.scope(Provider.objects.all())
    return rows.order_by("name")


class ModelFilter(django_filters.FilterSet):
    """By provider, capability, price and state."""

    # Asked of the request, which the stubs do not know of.
    provider = django_filters.ModelChoiceFilter(label="Provider", queryset=_providers)  # type: ignore[arg-type]
    can = django_filters.ChoiceFilter(label="Can", choices=CAPABILITIES, method="with_capability")
    price = django_filters.ChoiceFilter(
        label="Price", choices=[("known", "Known"), ("unknown", "Unknown")], method="with_price"
    )
    enabled = django_filters.BooleanFilter(
        label="State", widget=forms.Select(choices=[("", "Any"), ("true", "On"), ("false", "Off")])
    )

    class Meta:
        """Declared above."""

        model = Model
        fields = ("provider", "can", "price", "enabled")

    def with_capability(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Models that can do it."""
        return rows.filter(capabilities__contains=[value])

    def with_price(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Worked out in Python, as published prices are not in the database."""
        unknown = [model.pk for model in models_without_price(timezone.now())]
        return rows.filter(pk__in=unknown) if value == "unknown" else rows.exclude(pk__in=unknown)


class ModelTable(Table):
    """Models with what they can do and cost."""

    name = "models"
    caption, noun = "Models", "model"
    columns = (
        Column("name", "Model", sort="name", primary=True, template="console/models/_name.html"),
        Column("provider", "Provider", accessor="provider.name", sort="provider__name"),
        Column("capabilities", "Can", template="console/models/_can.html", export=False, phone=False),
        Column(
            "context_window", "Context", kind="tokens", sort="context_window", help="Tokens, input and output together"
        ),
        Column(
            "input",
            "Input / 1M",
            kind="money",
            accessor="pk",
            template="console/models/_input.html",
            help="US dollars per million tokens",
            export=False,
        ),
        Column(
            "output",
            "Output / 1M",
            kind="money",
            accessor="pk",
            template="console/models/_output.html",
            help="US dollars per million tokens",
            export=False,
        ),
        Column("source", "Price", accessor="pk", template="console/models/_source.html", export=False),
        Column("target_count", "Targets", kind="number", sort="target_count", help="Targets of routes that use it"),
    )
    default_sort = "provider"
    search = ("name", "wire_name", "provider__name")
    search_hint = "Model or provider"
    filterset = ModelFilter
    quick_filters = ("provider", "price")
    live = "config.changed config.object.changed"
    exportable = True
    empty = Empty(
        "box",
        "No models yet",
        "A model is what callers name and routes point at. Add a provider, and its models come with it.",
        "Add a provider",
        "provider-new",
        TenantPermission.MANAGE_ROUTES,
    )

    @property
    def empty_url(self) -> str:
        """Tenants cannot add providers."""
        return super().empty_url if self.workspace.is_platform else ""

    def shown_columns(self) -> tuple[Column, ...]:
        """Prices for those who may see costs."""
        money = {"input", "output", "source"}
        if self.workspace.may(TenantPermission.VIEW_COSTS):
            return self.columns
        return tuple(column for column in self.columns if column.name not in money)

    def row_url(self, row: Any) -> str:
        """The model's page."""
        return self.workspace.url("model", pk=row.pk)


class ModelList(WorkspacePage, TablePage):
    """Every model."""

    template_name = "console/models/list.html"
    table_class = ModelTable

    def get_rows(self) -> QuerySet[Any]:
        """With how many targets use each."""
        rows: QuerySet[Any] = model_rows(self.workspace).annotate(target_count=Count("targets", distinct=True))
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the models whose price nobody knows."""
        unknown = len(models_without_price(timezone.now())) if self.workspace.is_platform else 0
        words = "1 model has no known price" if unknown == 1 else f"{unknown} models have no known price"
        return super().get_context_data(unknown=unknown, unknown_words=words, **kwargs)


class ModelPage(WorkspacePage, TemplateView):
    """One model: what it can do, what it costs and when, who uses it."""

    template_name = "console/models/page.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With every price, of everybody and of single tenants."""
        model = get_object_or_404(model_rows(self.workspace), pk=kwargs["pk"])
        now = timezone.now()
        prices = model.prices.select_related("tenant") if self.workspace.is_platform else model.prices.all()
        rows = [{"row": row, "state": state_of(row, now), "kinds": price_rows(price_spec(row))} for row in prices]
        one = priced(model)
        return super().get_context_data(
            model=model,
            one=one,
            kinds=price_rows(one.price) if one.price else [],
            published=self._published(model, now),
            prices=rows,
            users=Target.objects.filter(model=model).select_related("route__tenant").order_by("route__name"),
            **kwargs,
        )

    @staticmethod
    def _published(model: Model, now: Any) -> list[tuple[str, str]]:
        provider = model.provider
        found = PublishedPrices(
            kind=provider.kind, base_url=provider.base_url, wire_name=model.wire_name or model.name
        ).at(now)
        return price_rows(found) if found is not None else []
