"""Prices of models: their own list, as rows on the page of the model, and what of them is in force."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from contracts.money import shown_usd
from contracts.specs import PriceSpec
from routing.admin_health import badge
from routing.model_prices import ModelPrice
from routing.prices import PriceHistory
from routing.published_prices import price_of
from routing.selectors import models_without_price
from tenants.admin_money import usd
from tenants.admin_rows import ConfigRowAdmin, ConfigRowForm, ConfigRowInline

if TYPE_CHECKING:
    from routing.models import Model

    # Django's classes take type arguments in their stubs only.
    PriceFormSet = BaseInlineFormSet[Any, Any, Any]
else:
    PriceFormSet = BaseInlineFormSet

_PER_MILLION = "Per million tokens."
_AS_INPUT = "Per million tokens; empty: as input."
_AS_OUTPUT = "Per million tokens; empty: as output."
_SOURCES = {
    "tenant": ("tenant", "tenant's own"),
    "model": ("set", "own"),
    "published": ("platform", "published"),
    "unknown": ("missing", "price unknown"),
}


class PriceForm(ConfigRowForm):
    """A price as an operator sets it, in US dollars."""

    input = usd("Input", required=True, help_text=_PER_MILLION)
    output = usd("Output", required=True, help_text=_PER_MILLION)
    cached_input = usd("Cached input", help_text=_AS_INPUT)
    cache_write = usd("Cache write", help_text=_AS_INPUT)
    reasoning = usd("Reasoning", help_text=_AS_OUTPUT)
    audio_input = usd("Audio input", help_text=_AS_INPUT)
    audio_output = usd("Audio output", help_text=_AS_OUTPUT)
    image_input = usd("Image input", help_text=_AS_INPUT)
    image_output = usd("Image output", help_text=_AS_OUTPUT)
    request = usd("Each call", initial=0, help_text="On top of the tokens.")

    def clean_request(self) -> int:
        """Nothing is 0."""
        return self.cleaned_data["request"] or 0


class PriceRowForm(PriceForm):
    """One of several prices on a page: whether they overlap is for :class:`PricesOfModel` to say.

    By itself, a new price would be refused because of one that the same submission ends.
    """

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "valid_from"}

    def _unsaved_parents(self) -> set[str]:
        return {*super()._unsaved_parents(), "valid_from"}


class PricesOfModel(PriceFormSet):
    """All prices of one model."""

    def clean(self) -> None:
        """No two of them hold at the same time for the same tenant."""
        super().clean()
        for one, other in combinations(self._kept(), 2):
            if one.tenant_id == other.tenant_id and one.overlaps(other):
                raise ValidationError(one.overlap_message())

    def _kept(self) -> Collection[ModelPrice]:
        deleted = self.deleted_forms
        return [
            form.instance
            for form in self.forms
            if form not in deleted and not form.errors and (form.has_changed() or not form.instance._state.adding)
        ]


class PriceInline(ConfigRowInline):
    """A model's prices; the rarer kinds are on the price's own page."""

    model = ModelPrice
    form = PriceRowForm
    formset = PricesOfModel
    fields = (
        "tenant",
        "valid_from",
        "valid_until",
        "input",
        "output",
        "cached_input",
        "cache_write",
        "reasoning",
        "request",
    )
    autocomplete_fields = ("tenant",)
    verbose_name_plural = "own prices"


class KnownPriceFilter(admin.SimpleListFilter):
    """Models by whether anybody knows what their calls cost."""

    title = "price"
    parameter_name = "price"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both."""
        return [("known", "Known"), ("unknown", "Unknown")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        """Worked out in Python, as published prices are not in the database."""
        if self.value() not in ("known", "unknown"):
            return queryset
        unknown = [model.pk for model in models_without_price(timezone.now())]
        return queryset.filter(pk__in=unknown) if self.value() == "unknown" else queryset.exclude(pk__in=unknown)


@admin.register(ModelPrice)
class ModelPriceAdmin(ConfigRowAdmin):
    """All own prices of all models."""

    form = PriceForm
    list_display = ("model", "show_whose", "show_from", "show_until", "show_input", "show_output", "updated_at")
    list_select_related = ("model__provider", "tenant")
    list_filter = (("model", AutocompleteSelectFilter), ("tenant", AutocompleteSelectFilter))
    search_fields = ("model__name", "model__provider__name", "tenant__slug", "tenant__name")
    search_help_text = "Model, provider or tenant"
    autocomplete_fields = ("model", "tenant")
    fieldsets = (
        ("What costs this, and for whom", {"fields": ("model", "tenant")}),
        ("When", {"fields": (("valid_from", "valid_until"),)}),
        (
            "US dollars per million tokens",
            {
                "fields": (
                    ("input", "output"),
                    ("cached_input", "cache_write", "reasoning"),
                    ("audio_input", "audio_output"),
                    ("image_input", "image_output"),
                )
            },
        ),
        ("US dollars", {"fields": ("request",)}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A price stays with its model and tenant."""
        return ("model", "tenant") if obj is not None else ()

    @display(description="For", ordering="tenant__slug")
    def show_whose(self, price: ModelPrice) -> str:
        """A badge."""
        return badge("platform", "everybody") if price.tenant is None else badge("tenant", price.tenant.slug)

    @display(description="From", ordering="valid_from")
    def show_from(self, price: ModelPrice) -> Any:
        """The instant."""
        return price.valid_from or "ever"

    @display(description="Until", ordering="valid_until")
    def show_until(self, price: ModelPrice) -> Any:
        """The instant."""
        return price.valid_until or "further notice"

    @display(description="Input", ordering="input")
    def show_input(self, price: ModelPrice) -> str:
        """In dollars."""
        return shown_usd(price.input)

    @display(description="Output", ordering="output")
    def show_output(self, price: ModelPrice) -> str:
        """In dollars."""
        return shown_usd(price.output)


def price_in_force(model: Model) -> str:
    """What the model costs now, for those without prices of their own."""
    return _shown(PriceHistory(model, model.provider.tenant_id).at(timezone.now()), "unknown")


def source_badge(model: Model) -> str:
    """Where that price is from."""
    return badge(*_SOURCES[PriceHistory(model, model.provider.tenant_id).source_at(timezone.now())])


def published_price(model: Model) -> str:
    """What the price data says."""
    provider = model.provider
    price = price_of(
        kind=provider.kind,
        base_url=provider.base_url,
        wire_name=model.wire_name or model.name,
        at=timezone.now(),
    )
    return _shown(price, "None known: without own prices, costs are unknown.")


def _shown(price: PriceSpec | None, unknown: str) -> str:
    return unknown if price is None else f"{shown_usd(price.input)} input, {shown_usd(price.output)} output"
