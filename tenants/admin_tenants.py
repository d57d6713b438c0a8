"""Tenants and teams."""

# The admin theme comes without type information.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display

from tenants.admin_erasure import EraseEndUserAction
from tenants.admin_limits import TeamLimitInline, TenantLimitInline
from tenants.admin_rows import ConfigRowAdmin, ConfigRowInline
from tenants.models import ApiKey, Membership, Team, Tenant
from tenants.services import update_tenant

KEY_STATES = {"active": "success", "expired": "warning", "revoked": "danger"}


class TeamInline(ConfigRowInline):
    """The tenant's teams."""

    model = Team
    fields = ("name",)


class MembershipInline(ConfigRowInline):
    """Who may operate the tenant."""

    model = Membership
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    verbose_name_plural = "members"


class KeyInline(ConfigRowInline):
    """Keys to look at: a new one is made on its own page, which is the only one to ever show it."""

    model = ApiKey
    fields = readonly_fields = ("name", "show_key", "show_state", "team", "expires_at", "last_used_at")
    can_delete = False
    per_page = 20

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here."""
        return False

    @display(description="Key")
    def show_key(self, key: ApiKey) -> str:
        """What people recognise it by."""
        return key.shown

    @display(description="State", label=KEY_STATES)
    def show_state(self, key: ApiKey) -> str:
        """A badge."""
        return key.state()


@admin.register(Tenant)
class TenantAdmin(EraseEndUserAction, ConfigRowAdmin):
    """Customers."""

    list_display = ("slug", "name", "show_state", "teams_count", "keys_count", "payload_storage", "updated_at")
    list_display_links = ("slug", "name")
    list_filter = (
        "active",
        ("payload_storage", ChoicesDropdownFilter),
        ("redis_outage", ChoicesDropdownFilter),
    )
    search_fields = ("slug", "name")
    readonly_fields = ("version", "created_at", "updated_at")
    actions = ("suspend", "resume")
    actions_detail = ("erase",)
    inlines = (TeamInline, KeyInline, TenantLimitInline, MembershipInline)
    fieldsets = (
        (None, {"fields": ("slug", "name", "active", "plan", "time_zone")}),
        ("Calls", {"fields": ("default_route", "redis_outage")}),
        (
            "Data protection",
            {"fields": ("payload_storage", "payload_retention_days", "event_retention_days", "ledger_retention_days")},
        ),
        ("History", {"fields": ("version", "created_at", "updated_at"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """With the numbers that the list shows."""
        rows: QuerySet[Tenant] = super().get_queryset(request)
        return rows.annotate(
            team_total=_number_of(Team.objects.all(), "tenant"),
            key_total=_number_of(ApiKey.objects.usable(timezone.now()), "tenant"),
        )

    @display(description="State", ordering="active", label={"active": "success", "suspended": "danger"})
    def show_state(self, tenant: Tenant) -> str:
        """A badge."""
        return "active" if tenant.active else "suspended"

    @display(description="Teams", ordering="team_total")
    def teams_count(self, tenant: Any) -> int:
        """How many."""
        return int(tenant.team_total)

    @display(description="Usable keys", ordering="key_total")
    def keys_count(self, tenant: Any) -> int:
        """How many are neither revoked nor expired."""
        return int(tenant.key_total)

    @action(description="Suspend: refuse every call", permissions=("change",))
    def suspend(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        """Each tenant as its own change."""
        self._set_active(request, queryset, active=False)

    @action(description="Resume", permissions=("change",))
    def resume(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        """Each tenant as its own change."""
        self._set_active(request, queryset, active=True)

    def _set_active(self, request: HttpRequest, queryset: QuerySet[Tenant], *, active: bool) -> None:
        changed = [update_tenant(tenant=tenant, active=active) for tenant in queryset.exclude(active=active)]
        done = "Resumed" if active else "Suspended"
        self.message_user(request, f"{done} {len(changed)} tenant(s).", messages.SUCCESS)


@admin.register(Team)
class TeamAdmin(ConfigRowAdmin):
    """Groups of keys that share limits."""

    list_display = ("name", "tenant", "keys_count", "updated_at")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    list_select_related = ("tenant",)
    search_fields = ("name", "tenant__slug", "tenant__name")
    autocomplete_fields = ("tenant",)
    inlines = (TeamLimitInline, KeyInline)
    fields = ("tenant", "name")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """With the numbers that the list shows."""
        rows: QuerySet[Team] = super().get_queryset(request)
        return rows.annotate(key_total=_number_of(ApiKey.objects.all(), "team"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A team stays with its tenant."""
        return ("tenant",) if obj is not None else ()

    @display(description="Keys", ordering="key_total")
    def keys_count(self, team: Any) -> int:
        """How many, in whatever state."""
        return int(team.key_total)


def _number_of(rows: QuerySet[Any], parent: str) -> Coalesce:
    """How many of the rows belong to the parent: counted for the rows of one page only, unlike a join."""
    per_parent = rows.filter(**{parent: OuterRef("pk")}).order_by().values(parent).annotate(number=Count("pk"))
    return Coalesce(Subquery(per_parent.values("number")), 0)
