"""Routes and their targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from routing.admin_fields import PairsField
from routing.admin_health import breaker_states, state_badge
from routing.admin_providers import HealthAdmin, owner_badge
from routing.cache_form import CacheSettings
from routing.models import Route, Target
from tenants.admin_rows import ConfigRowForm, ConfigRowInline, LinesField

if TYPE_CHECKING:
    TargetFormSet = BaseInlineFormSet[Any, Any, Any]
else:
    TargetFormSet = BaseInlineFormSet

_SHOWN_TARGETS = 3


class TargetForm(ConfigRowForm):
    """A target as an operator sets it."""

    drop_params = LinesField(
        help_text="Fields to leave out when the provider has no equivalent, one a line; any other is refused."
    )


class TargetsOfRoute(TargetFormSet):
    """Targets that know their route while they are checked, also one that is not saved yet."""

    def _construct_form(self, i: int, **kwargs: Any) -> Any:
        form = super()._construct_form(i, **kwargs)  # type: ignore[misc]
        form.instance.route = self.instance
        return form


class TargetInline(ConfigRowInline):
    """A route's targets in order; the breaker's figures are on their own pages."""

    model = Target
    formset = TargetsOfRoute
    fields = ("model", "priority", "weight", "enabled", "show_health")
    readonly_fields = ("show_health",)
    autocomplete_fields = ("model",)
    tab = False
    ordering = ("priority", "-weight", "id")

    _states: dict[str, str] | None = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Target]:
        """With the names that each line shows."""
        rows: QuerySet[Target] = super().get_queryset(request)
        return rows.select_related("model__provider", "route")

    @display(description="Breaker")
    def show_health(self, target: Target | None) -> str:
        """A badge; the first of a page reads those of all its lines."""
        if target is None or target._state.adding:
            return "–"
        key = str(target.pk)
        if self._states is None or key not in self._states:
            ids = Target.objects.filter(route=target.route_id).values_list("pk", flat=True)
            self._states = breaker_states().read(str(pk) for pk in ids)
        return state_badge(self._states[key])


class RouteForm(CacheSettings, ConfigRowForm):
    """A route as an operator sets it."""

    match_modes = LinesField(label="Modes", help_text="One a line, such as 'direct'; empty matches any.")
    match_tags = PairsField(
        label="Tags", help_text="What a call must carry, one 'name: value' a line; an empty value matches any."
    )
    match_headers = PairsField(
        label="Headers", help_text="What a call must carry, one 'name: value' a line; an empty value matches any."
    )


@admin.register(Route)
class RouteAdmin(HealthAdmin):
    """Named ways to serve calls."""

    form = RouteForm
    list_display = (
        "name",
        "show_owner",
        "show_health",
        "strategy",
        "show_targets",
        "max_latency_ms",
        "order",
        "is_default",
        "enabled",
    )
    list_filter = (
        ("strategy", ChoicesDropdownFilter),
        "enabled",
        "is_default",
        ("tenant", AutocompleteSelectFilter),
    )
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__slug", "targets__model__name", "targets__model__provider__name")
    search_help_text = "Name, tenant, or a model or provider that it sends calls to"
    autocomplete_fields = ("tenant",)
    inlines = (TargetInline,)
    readonly_fields = ("show_health", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("name", "tenant", "enabled", "strategy", "show_health")}),
        (
            "Which calls, when they name no model",
            {"fields": (("is_default", "order"), "match_modes", ("match_tags", "match_headers"))},
        ),
        (
            "Attempts",
            {
                "fields": (
                    ("retry_max_attempts", "retry_per_target"),
                    ("retry_base_ms", "retry_cap_ms"),
                    ("total_timeout_ms", "max_latency_ms"),
                    ("sticky_by_user", "hedge"),
                )
            },
        ),
        (
            "Cache",
            {
                "fields": (
                    ("cache_mode", "cache_ttl_s"),
                    ("cache_max_entries", "cache_max_mib"),
                    ("cache_hit_percent", "cache_only_unsampled"),
                    "cache_confidence_percent",
                )
            },
        ),
        ("History", {"fields": ("created_at", "updated_at"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Route]:
        """With the targets that the list shows."""
        targets = Target.objects.select_related("model__provider").order_by("priority", "-weight", "id")
        rows: QuerySet[Route] = super().get_queryset(request)
        return rows.prefetch_related(Prefetch("targets", queryset=targets))

    def breaker_ids(self, rows: list[Any]) -> dict[Any, list[str]]:
        """Those of the targets that calls can go to."""
        return {row.pk: [str(target.pk) for target in row.targets.all() if _is_live(target)] for row in rows}

    @display(description="Owner", ordering="tenant__slug")
    def show_owner(self, route: Route) -> str:
        """A badge."""
        return owner_badge(route)

    @display(description="Targets")
    def show_targets(self, route: Route) -> str:
        """The first few, in order."""
        names = [str(target.model) for target in route.targets.all()]
        more = len(names) - _SHOWN_TARGETS
        return ", ".join(names[:_SHOWN_TARGETS]) + (f" and {more} more" if more > 0 else "")


def _is_live(target: Target) -> bool:
    return target.enabled and target.model.enabled and target.model.provider.enabled


@admin.register(Target)
class TargetAdmin(HealthAdmin):
    """One target with its breaker; reached from its route."""

    form = TargetForm
    list_display = ("model", "route", "show_health", "priority", "weight", "enabled")
    list_filter = (("route", AutocompleteSelectFilter), "enabled")
    list_select_related = ("model__provider", "route")
    search_fields = ("route__name", "model__name", "model__provider__name")
    autocomplete_fields = ("route", "model")
    readonly_fields = ("show_health",)
    fieldsets = (
        (None, {"fields": ("route", "model", ("priority", "weight"), "drop_params", "enabled", "show_health")}),
        (
            "Breaker; empty fields take the built-in values",
            {
                "fields": (
                    ("breaker_window_s", "breaker_minimum_calls", "breaker_failure_rate"),
                    ("breaker_slow_call_ms", "breaker_slow_call_rate"),
                    ("breaker_open_s", "breaker_half_open_probes"),
                )
            },
        ),
    )

    def breaker_ids(self, rows: list[Any]) -> dict[Any, list[str]]:
        """Its own."""
        return {row.pk: [str(row.pk)] for row in rows}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A target stays with its route."""
        return self.readonly_fields if obj is None else ("route", *self.readonly_fields)
