"""Lists of keys: API keys of applications, service keys of programs that manage Breakwater."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar

import django_filters
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from console.tables import Column, Empty, RowPage, Table
from tenants.issued_keys import usable_at
from tenants.keys import Scope
from tenants.models import ApiKey, ServiceKey, Team
from tenants.pages.key_figures import month_at, spend_expression, totals_of_keys
from tenants.roles import TenantPermission

ENDS_SOON = timedelta(days=14)
STATES = (
    ("active", "Active"),
    ("ending", "Ends within two weeks"),
    ("replaced", "Replaced, still working"),
    ("expired", "Expired"),
    ("revoked", "Revoked"),
)


def in_state(rows: QuerySet[Any], state: str, now: datetime) -> QuerySet[Any]:
    """The keys in one of :data:`STATES`."""
    if state == "revoked":
        return rows.filter(revoked_at__isnull=False)
    if state == "expired":
        return rows.filter(revoked_at=None, expires_at__lte=now)
    usable = rows.filter(usable_at(now))
    if state == "ending":
        return usable.filter(expires_at__lte=now + ENDS_SOON)
    if state == "replaced":
        return usable.filter(is_followed(rows.model))
    return usable


def is_followed(model: type[ApiKey] | type[ServiceKey]) -> Exists:
    """Whether a rotation made a successor."""
    # The successor is of the same tenant: the database sees to it.
    return Exists(model._base_manager.filter(rotated_from_id=OuterRef("pk")))


def teams_offered(request: HttpRequest | None) -> QuerySet[Team]:
    """The teams of the page's tenant; none on the platform, where they would be all tenants'."""
    tenant = getattr(getattr(request, "workspace", None), "tenant", None)
    return Team.objects.for_tenant(tenant).order_by("name") if tenant is not None else Team.objects.none()


class IssuedKeyFilter(django_filters.FilterSet):
    """Filters of both lists."""

    state = django_filters.ChoiceFilter(choices=STATES, method="by_state", label="State", empty_label="Any")
    unused = django_filters.ChoiceFilter(
        choices=[("never", "Never used"), ("7", "Not in 7 days"), ("30", "Not in 30 days"), ("90", "Not in 90 days")],
        method="by_use",
        label="Use",
        empty_label="Any",
    )

    def by_state(self, rows: QuerySet[Any], _name: str, state: str) -> QuerySet[Any]:
        """In this state now."""
        return in_state(rows, state, timezone.now())

    def by_use(self, rows: QuerySet[Any], _name: str, days: str) -> QuerySet[Any]:
        """Without calls for so long; keys without any count as well."""
        if days == "never":
            return rows.filter(last_used_at=None)
        since = timezone.now() - timedelta(days=int(days))
        return rows.filter(Q(last_used_at=None) | Q(last_used_at__lt=since))


class ApiKeyFilter(IssuedKeyFilter):
    """Filters of API keys."""

    team = django_filters.ModelChoiceFilter(
        queryset=teams_offered,  # type: ignore[arg-type]
        label="Team",
        empty_label="Any",
    )
    scope = django_filters.ChoiceFilter(
        choices=[(scope.value, scope.value.capitalize()) for scope in Scope],
        method="by_scope",
        label="Scope",
        empty_label="Any",
    )

    made_for = django_filters.ChoiceFilter(
        choices=[("playground", "The playground"), ("applications", "Applications")],
        method="by_purpose",
        label="Made for",
        empty_label="Any",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if getattr(getattr(self.request, "workspace", None), "is_platform", False):
            del self.filters["team"]

    def by_scope(self, rows: QuerySet[Any], _name: str, scope: str) -> QuerySet[Any]:
        """May be used for this."""
        return rows.filter(scopes__contains=[scope])

    def by_purpose(self, rows: QuerySet[Any], _name: str, purpose: str) -> QuerySet[Any]:
        """Keys that pages call with for a member, or all others."""
        return rows.filter(playground_user__isnull=purpose != "playground")


class IssuedKeyTable(Table):
    """What both lists have in common."""

    name = "keys"
    default_sort = "-created_at"
    exportable = True

    def shown_columns(self) -> tuple[Column, ...]:
        """The tenant on the platform only; costs for those who may see them."""
        hidden = set()
        if not self.workspace.is_platform:
            hidden.add("tenant")
        if not self.workspace.may(TenantPermission.VIEW_COSTS):
            hidden.add("spend")
        return tuple(column for column in self.columns if column.name not in hidden)


class KeyTable(IssuedKeyTable):
    """API keys."""

    caption = "API keys"
    noun = "key"
    columns = (
        Column("name", "Name", template="console/keys/_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor="tenant.name", sort="tenant__name", phone=False),
        Column("team", "Team", accessor="team.name", sort="team__name"),
        Column(
            "scopes",
            "Scopes",
            template="console/keys/_scopes_short.html",
            accessor=lambda key: ", ".join(key.scopes),
            phone=False,
        ),
        Column("last_used_at", "Last used", template="console/keys/_used.html", sort="last_used_at"),
        Column("expires_at", "Expires", template="console/keys/_expires.html", sort="expires_at", phone=False),
        Column(
            "spend",
            "Spent this month",
            kind="money",
            accessor=lambda key: getattr(key, "spent_nanousd", None),
            sort="spend_nanousd",
        ),
        Column("state", "State", template="console/keys/_state.html", accessor=lambda key: key.state()),
        Column("created_at", "Created", kind="when", sort="created_at", phone=False),
    )
    search = ("name", "prefix", "last_four", "created_by")
    search_hint = "Name, start of the key, who made it"
    filterset = ApiKeyFilter
    quick_filters = ("state", "team", "unused")
    live = "key.state.changed config.object.changed"
    empty = Empty(
        "key",
        "No keys yet",
        "Applications call the gateway with a key. Create the first one and paste it into your code.",
        "Create a key",
        "key-create",
        TenantPermission.MANAGE_KEYS,
    )

    def row_url(self, row: ApiKey) -> str:
        """The key's page."""
        return self.workspace.url("key", pk=row.pk)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Worked out for all keys only where they are sorted by it.
        if self.sort.removeprefix("-") == "spend":
            self.all_rows = self.all_rows.annotate(spend_nanousd=spend_expression(self._tenant_id, self._month))

    @cached_property
    def page(self) -> RowPage:
        """With what each key of the page has cost this month."""
        page = super().page
        if any(column.name == "spend" for column in self.visible):
            month = self._month
            for key, total in zip(page.rows, totals_of_keys(page.rows, month.start_ms, month.end_ms), strict=True):
                key.spent_nanousd = total.cost_nanousd
        return page

    @property
    def _tenant_id(self) -> str | None:
        return None if self.workspace.is_platform else str(self.workspace.tenant.pk)  # type: ignore[attr-defined]

    @property
    def _month(self) -> Any:
        zone = "UTC" if self.workspace.is_platform else self.workspace.tenant.time_zone  # type: ignore[attr-defined]
        return month_at(zone)


class ServiceKeyTable(IssuedKeyTable):
    """Service keys."""

    caption = "Service keys"
    noun = "service key"
    columns = (
        Column("name", "Name", template="console/keys/_name.html", sort="name", primary=True),
        Column(
            "tenant",
            "Manages",
            template="console/service_keys/_manages.html",
            accessor=lambda key: key.tenant.name if key.tenant else "The whole installation",
            sort="tenant__name",
        ),
        Column("scopes", "May", template="console/keys/_scopes.html", accessor=lambda key: ", ".join(key.scopes)),
        Column("last_used_at", "Last used", template="console/keys/_used.html", sort="last_used_at"),
        Column("expires_at", "Expires", template="console/keys/_expires.html", sort="expires_at", phone=False),
        Column("created_by", "Created by", sort="created_by", phone=False),
        Column("state", "State", template="console/keys/_state.html", accessor=lambda key: key.state()),
        Column("created_at", "Created", kind="when", sort="created_at", phone=False),
    )
    search = ("name", "prefix", "last_four", "created_by")
    filterset = IssuedKeyFilter
    live = "key.state.changed config.object.changed"
    empty = Empty(
        "robot",
        "No service keys yet",
        "Programs use them to manage keys, limits, budgets and routes over the management API.",
        "Create a service key",
        "service-key-create",
        TenantPermission.MANAGE_MEMBERS,
    )
    quick_filters: ClassVar[tuple[str, ...]] = ("state", "unused")

    def row_url(self, row: ServiceKey) -> str:
        """The key's page."""
        return self.workspace.url("service-key", pk=row.pk)
