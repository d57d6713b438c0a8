"""The list of routes: what they are, what they match, what goes over them now."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import django_filters
from django.db.models import Prefetch, Q, QuerySet

from console.tables import Column, Empty, RowPage, Table, TablePage
from events.models import Run
from routing.admin_health import breaker_states, summary
from routing.models import Route, Target
from routing.pages.routes_words import STRATEGIES, conditions
from routing.route_traffic import Traffic, of_routes
from tenants.models import Tenant
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

NOW_MINUTES = 15
"""What "now" means for a route's traffic."""

TONES = {"healthy": "good", "degraded": "warn", "down": "bad"}
COLOURS = ("brand", "teal", "amber", "pink", "blue", "green", "orange", "slate")


def routes_in(workspace: Workspace) -> QuerySet[Route]:
    """The routes that serve calls here: a tenant's own and the platform's; on the platform all."""
    rows = Route.objects.select_related("tenant")
    if workspace.tenant is None:
        return rows
    return rows.filter(Q(tenant=workspace.tenant) | Q(tenant=None))


def may_change(workspace: Workspace, route: Route) -> bool:
    """Whether the user may change the route here: the platform's only on the platform."""
    return workspace.may(TenantPermission.MANAGE_ROUTES) and (workspace.is_platform or route.tenant_id is not None)


class RouteFilter(django_filters.FilterSet):
    """What routes are narrowed down by."""

    strategy = django_filters.ChoiceFilter(
        choices=[(words.value, words.label) for words in STRATEGIES.values()], label="Strategy", empty_label="Any"
    )
    state = django_filters.ChoiceFilter(
        choices=[("on", "Enabled"), ("off", "Disabled")], method="narrowed_by_state", label="State", empty_label="Any"
    )
    owner = django_filters.ChoiceFilter(
        choices=[("platform", "Shared by all tenants"), ("tenant", "Of a tenant")],
        method="narrowed_by_owner",
        label="Owner",
        empty_label="Anyone",
    )

    class Meta:
        """All filters are declared above."""

        model = Route
        fields: tuple[str, ...] = ()

    @staticmethod
    def narrowed_by_state(rows: QuerySet[Route], _name: str, value: str) -> QuerySet[Route]:
        """Enabled ones, or those that are not."""
        return rows.filter(enabled=value == "on")

    @staticmethod
    def narrowed_by_owner(rows: QuerySet[Route], _name: str, value: str) -> QuerySet[Route]:
        """The platform's, or those of tenants."""
        return rows.filter(tenant__isnull=value == "platform")


class RouteTable(Table):
    """Routes with their targets and their traffic of the last minutes."""

    name = "routes"
    caption, noun = "Routes", "route"
    columns = (
        Column("name", "Route", template="console/routes/_name.html", sort="name", primary=True),
        Column("tenant", "Tenant", accessor=lambda row: row.tenant.name if row.tenant else None, sort="tenant__name"),
        Column(
            "strategy",
            "Targets",
            template="console/routes/_targets.html",
            sort="strategy",
            help="How targets are chosen, and the first of them",
        ),
        Column(
            "matches",
            "Serves",
            accessor=lambda row: row.conditions,
            template="console/routes/_matches.html",
            export=False,
            phone=False,
        ),
        Column(
            "calls",
            "Calls",
            kind="number",
            accessor=lambda row: row.traffic.calls,
            help=f"Ended in the last {NOW_MINUTES} minutes",
        ),
        Column(
            "errors",
            "Errors",
            kind="percent",
            accessor=lambda row: row.traffic.error_rate,
            template="console/routes/_errors.html",
            help=f"Part of the calls of the last {NOW_MINUTES} minutes that failed",
        ),
        Column(
            "circuits",
            "Circuits",
            accessor=lambda row: row.health[1],
            template="console/routes/_health.html",
            help="Whether the targets' circuit breakers let calls through",
        ),
    )
    default_sort = "name"
    search = ("name", "targets__model__name", "targets__model__provider__name")
    search_hint = "Name, model or provider"
    filterset = RouteFilter
    live = "llm.request.* breaker.state.changed config.object.changed"
    live_throttle_ms = 3_000
    empty = Empty(
        "route",
        "No routes yet",
        "A route is a name that callers put in “model”. Behind it are one or more models, and what happens when one of "
        "them fails.",
        "Create a route",
        "route-create",
        "manage_routes",
    )

    def row_url(self, row: Route) -> str:
        """The route's page."""
        return self.workspace.url("route", pk=row.pk)

    def shown_columns(self) -> tuple[Column, ...]:
        """Whose a route is, is known in a tenant."""
        return tuple(column for column in self.columns if column.name != "tenant" or self.workspace.is_platform)

    def searched(self, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
        """By name, or by what the targets are called; each route once."""
        named = Target.objects.filter(Q(model__name__icontains=text) | Q(model__provider__name__icontains=text)).values(
            "route_id"
        )
        return rows.filter(Q(name__icontains=text) | Q(pk__in=named))

    @cached_property
    def page(self) -> RowPage:
        """The rows with what their cells show: traffic and circuits, read for all of them at once."""
        page = super().page
        decorate(page.rows, self.workspace)
        return page


def decorate(routes: Any, workspace: Any) -> None:
    """Give each route ``traffic``, ``health``, ``conditions``, ``bar`` and ``words``."""
    traffic = of_routes(routes, workspace.scope(Run.objects.all()), NOW_MINUTES)
    live = {route.pk: [target for target in route.targets.all() if is_live(target)] for route in routes}
    states = breaker_states().read(str(target.pk) for targets in live.values() for target in targets)
    for route in routes:
        key, words = summary([states[str(target.pk)] for target in live[route.pk]])
        route.traffic = traffic.get(route.pk, Traffic())
        route.health = (TONES.get(key, "neutral"), words)
        route.conditions = conditions(route)
        route.bar = weight_bar(live[route.pk], route.strategy)
        route.words = STRATEGIES[route.strategy]


def is_live(target: Target) -> bool:
    """Whether calls may go to the target."""
    return target.enabled and target.model.enabled and target.model.provider.enabled


def weight_bar(targets: list[Target], strategy: str) -> list[dict[str, Any]]:
    """Segments of a bar of 100: the weights of the targets, or of the first step where there are steps."""
    first = targets
    if strategy == "priority" and targets:
        lowest = min(target.priority for target in targets)
        first = [target for target in targets if target.priority == lowest]
    total, at, segments = sum(target.weight for target in first), 0.0, []
    for number, target in enumerate(first):
        width = target.weight / total * 100 if total else 100 / len(first)
        segments.append({"x": round(at, 2), "width": round(width, 2), "colour": COLOURS[number % len(COLOURS)]})
        at += width
    return segments


def listed(routes: QuerySet[Route]) -> QuerySet[Route]:
    """With the targets that a list shows, in their order."""
    targets = Target.objects.select_related("model__provider").order_by("priority", "-weight", "id")
    return routes.prefetch_related(Prefetch("targets", queryset=targets))


class RouteList(WorkspacePage, TablePage):
    """All routes of the workspace."""

    permission = TenantPermission.VIEW_TENANT
    template_name = "console/routes/list.html"
    table_class = RouteTable

    def get_rows(self) -> QuerySet[Route]:
        """Own ones and the shared ones."""
        return listed(routes_in(self.workspace))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the words at the top."""
        tenant: Tenant | None = self.workspace.tenant
        return super().get_context_data(tenant=tenant, **kwargs)
