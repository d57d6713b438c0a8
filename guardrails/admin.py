"""Policies in the admin: raw rows, for whoever runs the installation. People edit them in the console."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter

from guardrails.models import DryRun, FalsePositive, Policy, PolicyVersion
from tenants.admin_rows import ConfigRowAdmin, ReadOnlyAdminMixin


@admin.register(Policy)
class PolicyAdmin(ConfigRowAdmin):
    """Policies with their drafts."""

    list_display = ("name", "tenant", "mode", "live_version", "order", "updated_at")
    list_filter = (("mode", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter))
    list_select_related = ("tenant",)
    search_fields = ("name", "description", "tenant__slug")
    autocomplete_fields = ("tenant",)
    readonly_fields = ("live_version", "created_at", "updated_at")


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """What was published."""

    list_display = ("policy", "number", "author", "note", "created_at")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    list_select_related = ("policy",)
    search_fields = ("policy__name", "author", "note")


@admin.register(FalsePositive)
class FalsePositiveAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """What was marked as harmless."""

    list_display = ("policy", "rule_id", "text_hash", "marked_by", "created_at")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    list_select_related = ("policy",)
    search_fields = ("policy__name", "rule_id", "text_hash", "marked_by")


@admin.register(DryRun)
class DryRunAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Drafts tried on stored calls."""

    list_display = ("policy", "state", "looked_at", "requested_by", "requested_at")
    list_filter = (("state", ChoicesDropdownFilter), ("tenant", AutocompleteSelectFilter))
    list_select_related = ("policy",)
    search_fields = ("policy__name", "requested_by")
