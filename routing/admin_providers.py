"""Providers and their models."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, AutocompleteSelectFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from contracts.specs import Capability
from routing.admin_fields import CapabilitiesField, KindField, PairsField
from routing.admin_health import badge, summaries
from routing.admin_prices import KnownPriceFilter, PriceInline, price_in_force, published_price, source_badge
from routing.models import Model, Provider, Route, Target
from routing.services import set_enabled
from tenants.admin_rows import ConfigRowAdmin, ConfigRowForm, ConfigRowInline
from tenants.secrets.process import availability

_AVAILABILITY = {"set": "set", "missing": "not set here", "unknown": "by reference"}


def owner_badge(row: Provider | Route) -> str:
    """Whose the row is."""
    return badge("platform", "platform") if row.tenant is None else badge("tenant", row.tenant.slug)


class EnablingAdmin(ConfigRowAdmin):
    """Rows that can be switched off, many at a time."""

    actions = ("enable_selected", "disable_selected")

    @action(description="Enable", permissions=("change",))
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Each row as its own change."""
        changed = set_enabled(rows=queryset, enabled=True)
        self.message_user(request, f"Enabled {changed}.", messages.SUCCESS)

    @action(description="Disable", permissions=("change",))
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Each row as its own change."""
        changed = set_enabled(rows=queryset, enabled=False)
        self.message_user(request, f"Disabled {changed}; gateways stop using them within a second.", messages.SUCCESS)


class HealthAdmin(EnablingAdmin):
    """Rows with a badge that sums up the breakers behind them."""

    def breaker_ids(self, rows: list[Any]) -> dict[Any, list[str]]:
        """Ids of the breakers behind each row, by the row's key."""
        raise NotImplementedError

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page's rows get their badges in one round trip."""
        changelist: Any = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        badges = summaries(self.breaker_ids(rows))
        for row in rows:
            row.health = badges[row.pk]
        changelist.result_list = rows
        return changelist

    @display(description="Health")
    def show_health(self, row: Any) -> str:
        """A badge."""
        if row is None or row._state.adding:
            return "–"
        if not row.enabled:
            return badge("off", "switched off")
        key, text = getattr(row, "health", None) or summaries(self.breaker_ids([row]))[row.pk]
        return badge(key, text)


class ModelForm(ConfigRowForm):
    """A model as an operator sets it."""

    capabilities = CapabilitiesField()


class CompactModelForm(ModelForm):
    """The same in one line."""

    capabilities = CapabilitiesField(compact=True)


class ModelInline(ConfigRowInline):
    """A provider's models; their prices are set on their own pages."""

    model = Model
    form = CompactModelForm
    fields = ("name", "wire_name", "capabilities", "context_window", "show_price", "enabled")
    readonly_fields = ("show_price",)
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """With what the price is made of."""
        rows: QuerySet[Model] = super().get_queryset(request)
        return rows.select_related("provider").prefetch_related("prices")

    @display(description="Price in force")
    def show_price(self, model: Model | None) -> str:
        """Input and output."""
        return "–" if model is None or model._state.adding else str(price_in_force(model))


class ProviderForm(ConfigRowForm):
    """A provider as an operator sets it."""

    kind = KindField()
    options = forms.JSONField(
        required=False,
        initial=dict,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="What this kind needs beyond the rest, as a JSON object (Azure's api-version ...).",
    )
    headers = PairsField(
        label="Extra headers", help_text="Sent with every call, one 'name: value' a line. No credentials."
    )


@admin.register(Provider)
class ProviderAdmin(HealthAdmin):
    """Accounts at upstreams."""

    form = ProviderForm
    list_display = (
        "name",
        "kind",
        "show_owner",
        "show_health",
        "show_secret",
        "models_count",
        "base_url",
        "max_in_flight",
        "enabled",
    )
    list_filter = (("kind", AllValuesCheckboxFilter), "enabled", ("tenant", AutocompleteSelectFilter))
    list_select_related = ("tenant",)
    search_fields = ("name", "kind", "base_url", "tenant__slug", "models__name")
    search_help_text = "Name, kind, address, tenant or one of its models"
    autocomplete_fields = ("tenant",)
    inlines = (ModelInline,)
    readonly_fields = ("show_health", "show_secret", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "tenant", "kind", "enabled", "show_health")}),
        ("Connection", {"fields": ("base_url", "secret_ref", "show_secret", "headers", "options")}),
        (
            "Time and load",
            {
                "fields": (
                    ("connect_timeout_ms", "first_token_timeout_ms", "timeout_ms"),
                    ("max_in_flight", "max_queue"),
                )
            },
        ),
        ("History", {"fields": ("created_at", "updated_at"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """With the number that the list shows."""
        rows: QuerySet[Provider] = super().get_queryset(request)
        return rows.annotate(models_total=Count("models", distinct=True))

    def breaker_ids(self, rows: list[Any]) -> dict[Any, list[str]]:
        """Those of every target at the provider, and of its models called directly."""
        ids: dict[Any, list[str]] = {row.pk: [] for row in rows}
        for provider_id, pk in Model.objects.filter(provider__in=list(ids)).values_list("provider_id", "pk"):
            ids[provider_id].append(str(pk))
        targets = Target.objects.filter(model__provider__in=list(ids)).values_list("model__provider_id", "pk")
        for provider_id, pk in targets:
            ids[provider_id].append(str(pk))
        return ids

    @display(description="Owner", ordering="tenant__slug")
    def show_owner(self, provider: Provider) -> str:
        """A badge."""
        return owner_badge(provider)

    @display(description="Credential")
    def show_secret(self, provider: Provider | None) -> str:
        """Whether the credential is there, where that can be told without asking another store."""
        if provider is None or not provider.secret_ref:
            return badge("none", "none")
        tenant_id = None if provider.tenant_id is None else str(provider.tenant_id)
        state = availability(provider.secret_ref, tenant_id=tenant_id)
        return badge(state, _AVAILABILITY[state])

    @display(description="Models", ordering="models_total")
    def models_count(self, provider: Any) -> int:
        """How many."""
        return int(provider.models_total)


@admin.register(Model)
class ModelAdmin(EnablingAdmin):
    """Models at providers."""

    form = ModelForm
    list_display = ("name", "provider", "show_capabilities", "context_window", "show_price", "show_source", "enabled")
    list_filter = (("provider", AutocompleteSelectFilter), KnownPriceFilter, "enabled")
    list_select_related = ("provider", "provider__tenant")
    search_fields = ("name", "wire_name", "provider__name")
    search_help_text = "Name, the provider's name for it, or provider"
    autocomplete_fields = ("provider",)
    readonly_fields = ("show_price", "show_published")
    inlines = (PriceInline,)
    fieldsets = (
        (None, {"fields": ("provider", "name", "wire_name", "capabilities", "enabled")}),
        ("Sizes in tokens", {"fields": (("context_window", "max_output_tokens"),)}),
        ("Price in US dollars per million tokens", {"fields": (("show_price", "show_published"),)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        """With what the prices are made of."""
        rows: QuerySet[Model] = super().get_queryset(request)
        return rows.prefetch_related("prices")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A model stays with its provider."""
        return self.readonly_fields if obj is None else ("provider", *self.readonly_fields)

    @display(description="Capabilities")
    def show_capabilities(self, model: Model) -> str:
        """In the order of the specification."""
        return ", ".join(item.value.replace("_", " ") for item in Capability if item.value in model.capabilities)

    @display(description="Price in force")
    def show_price(self, model: Model | None) -> str:
        """Input and output, per million tokens."""
        return "–" if model is None or model._state.adding else str(price_in_force(model))

    @display(description="Price from")
    def show_source(self, model: Model) -> str:
        """A badge."""
        return source_badge(model)

    @display(description="Published price")
    def show_published(self, model: Model | None) -> str:
        """What the price data says, and so what is used when there is no own price."""
        if model is None or model._state.adding:
            return "–"
        return published_price(model)
