"""API keys (of applications) and service keys (of programs that manage)."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from django import forms
from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants.admin_issued_keys import IssuedKeyAdmin, IssuedKeyForm, StateFilter
from tenants.admin_limits import KeyLimitInline
from tenants.admin_rows import LinesField
from tenants.keys import SERVICE_KEY_KIND, Scope, ServiceScope
from tenants.models import ApiKey, ServiceKey
from tenants.service_keys import revoke_service_key, rotate_service_key
from tenants.services import ALL_SCOPES, revoke_key, rotate_key


class ApiKeyForm(IssuedKeyForm):
    """An API key as an operator sets it."""

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope],
        initial=list(ALL_SCOPES),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="What the key may be used for.",
        error_messages={"required": "Give the key at least one scope."},
    )
    allowed_routes = LinesField(help_text="Route names, one a line; empty allows all.")
    allowed_models = LinesField(help_text="Model names, one a line; empty allows all.")
    access_tags = LinesField(help_text="Tags of documents, one a line; * stands for all. Empty: those without tags.")


@admin.register(ApiKey)
class ApiKeyAdmin(IssuedKeyAdmin):
    """Credentials of applications."""

    form = ApiKeyForm
    list_display = ("name", "show_key", "show_state", "tenant", "team", "expires_at", "last_used_at")
    list_filter = (("tenant", AutocompleteSelectFilter), StateFilter)
    list_select_related = ("tenant", "team")
    search_fields = ("name", "prefix", "last_four", "tenant__slug", "tenant__name", "team__name")
    search_help_text = "Name, start or last four characters of the key, tenant or team"
    autocomplete_fields = ("tenant", "team")
    inlines = (KeyLimitInline,)
    fieldsets = (
        (None, {"fields": ("tenant", "team", "name", "scopes")}),
        ("Restrictions", {"fields": ("allowed_routes", "allowed_models", "access_tags", "ip_allow", "expires_at")}),
    )

    _rotate = rotate_key
    _revoke = revoke_key


class ServiceKeyForm(IssuedKeyForm):
    """A service key as an operator sets it."""

    kind = SERVICE_KEY_KIND

    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in ServiceScope],
        initial=[ServiceScope.READ.value],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="'manage' may change everything the key sees, 'manage:read' may look at it.",
        error_messages={"required": "Give the key at least one scope."},
    )


@admin.register(ServiceKey)
class ServiceKeyAdmin(IssuedKeyAdmin):
    """Credentials of programs that manage one tenant, or all of the installation."""

    form = ServiceKeyForm
    list_display = ("name", "show_key", "show_state", "tenant", "scopes", "expires_at", "last_used_at")
    list_filter = (("tenant", AutocompleteSelectFilter), StateFilter)
    list_select_related = ("tenant",)
    search_fields = ("name", "prefix", "last_four", "tenant__slug", "tenant__name")
    search_help_text = "Name, start or last four characters of the key, or tenant"
    autocomplete_fields = ("tenant",)
    fieldsets = (
        (None, {"fields": ("tenant", "name", "scopes")}),
        ("Restrictions", {"fields": ("ip_allow", "expires_at")}),
    )

    _rotate = rotate_service_key
    _revoke = revoke_service_key
