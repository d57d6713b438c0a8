"""Providers and their models."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, AutocompleteSelectFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from contracts.specs import Capability
from routing.admin_fields import CapabilitiesField, KindField, PairsField, shown_usd, usd
from routing.admin_health import badge, summaries
from routing.models import Model, Provider, Route, Target
from routing.prices import price_of
from routing.services import set_enabled
from tenants.admin_rows import ConfigRowAdmin, ConfigRowForm, ConfigRowInline
from tenants.secrets import EnvSecretResolver


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
    """A model as an operator sets it; prices in US dollars."""

    capabilities = CapabilitiesField()
    price_input = usd("Input", help_text="Per million tokens. All prices empty: looked up in the price data.")
    price_output = usd("Output", help_text="Per million tokens.")
    price_cached_input = usd("Cached input", help_text="Per million tokens; empty: as input.")
    price_cache_write = usd("Cache write", help_text="Per million tokens; empty: as input.")
    price_reasoning = usd("Reasoning", help_text="Per million tokens; empty: as output.")
    price_audio_input = usd("Audio input", help_text="Per million tokens; empty: as input.")
    price_audio_output = usd("Audio output", help_text="Per million tokens; empty: as output.")
    price_request = usd("Each call", help_text="On top of the tokens.")


class CompactModelForm(ModelForm):
    """The same in one line."""

    capabilities = CapabilitiesField(compact=True)


class ModelInline(ConfigRowInline):
    """A provider's models; their other prices are on their own pages."""

    model = Model
    form = CompactModelForm
    fields = ("name", "wire_name", "capabilities", "context_window", "price_input", "price_output", "enabled")
    per_page = 20


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
        """Whether the reference resolves in this process, whose environment should be the gateways'."""
        if provider is None or not provider.secret_ref:
            return badge("none", "none")
        try:
            EnvSecretResolver().resolve(provider.secret_ref)
        except LookupError:
            return badge("missing", "not set here")
        return badge("set", "set")

    @display(description="Models", ordering="models_total")
    def models_count(self, provider: Any) -> int:
        """How many."""
        return int(provider.models_total)


@admin.register(Model)
class ModelAdmin(EnablingAdmin):
    """Models at providers."""

    form = ModelForm
    list_display = ("name", "provider", "show_capabilities", "context_window", "show_input", "show_output", "enabled")
    list_filter = (("provider", AutocompleteSelectFilter), "enabled")
    list_select_related = ("provider", "provider__tenant")
    search_fields = ("name", "wire_name", "provider__name")
    search_help_text = "Name, the provider's name for it, or provider"
    autocomplete_fields = ("provider",)
    readonly_fields = ("show_published",)
    fieldsets = (
        (None, {"fields": ("provider", "name", "wire_name", "capabilities", "enabled")}),
        ("Sizes in tokens", {"fields": (("context_window", "max_output_tokens"),)}),
        (
            "Own prices in US dollars per million tokens",
            {
                "fields": (
                    "show_published",
                    ("price_input", "price_output"),
                    ("price_cached_input", "price_cache_write", "price_reasoning"),
                    ("price_audio_input", "price_audio_output", "price_request"),
                )
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A model stays with its provider."""
        return self.readonly_fields if obj is None else ("provider", *self.readonly_fields)

    @display(description="Capabilities")
    def show_capabilities(self, model: Model) -> str:
        """In the order of the specification."""
        return ", ".join(item.value.replace("_", " ") for item in Capability if item.value in model.capabilities)

    @display(description="Input", ordering="price_input")
    def show_input(self, model: Model) -> str:
        """The price in force."""
        return _price_in_force(model, "input")

    @display(description="Output", ordering="price_output")
    def show_output(self, model: Model) -> str:
        """The price in force."""
        return _price_in_force(model, "output")

    @display(description="Published price")
    def show_published(self, model: Model | None) -> str:
        """What the price data says, and so what is used when the own prices are empty."""
        if model is None or model._state.adding:
            return "–"
        price = _published(model)
        if price is None:
            return "None known: without own prices, costs are unknown."
        return f"{shown_usd(price.input)} input, {shown_usd(price.output)} output"


def _price_in_force(model: Model, kind: str) -> str:
    own: int | None = getattr(model, f"price_{kind}")
    if own is not None:
        return shown_usd(own)
    published = _published(model)
    return "unknown" if published is None else f"{shown_usd(getattr(published, kind))} (published)"


def _published(model: Model) -> Any:
    return price_of(
        kind=model.provider.kind,
        base_url=model.provider.base_url,
        wire_name=model.wire_name or model.name,
        at=timezone.now(),
    )
