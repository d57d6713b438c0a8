"""Kept answers to questions in other words, on the page of a route: how sure they have to be, and what shadow found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.generic import View

from console.forms.views import go_to
from events.traffic.grains import snapped
from events.traffic.kept_answers import shadow_figures
from events.traffic.measures import PLATFORM
from events.traffic.reading import Stretch
from routing.answer_judging import reset_confidence
from routing.judged_answers import RouteConfidence
from routing.kept_answers import CacheMode
from routing.models import Route
from routing.pages.routes import routes_in
from tenants.roles import TenantPermission
from tenants.workspaces import Workspace, WorkspacePage

SHADOW_DAYS: Final = 7


def alike_of(workspace: Workspace, route: Route) -> dict[str, Any] | None:
    """For the page's template; None where the route looks for equal calls alone."""
    if route.cache_mode not in (CacheMode.SEMANTIC, CacheMode.SHADOW):
        return None
    whose = workspace.tenant.pk if workspace.tenant is not None else route.tenant_id
    rows = workspace.scope(RouteConfidence.objects.all()).filter(route=route)
    moved = rows.filter(tenant=whose).first() if whose is not None else None
    now = timezone.now()
    stretch = Stretch(snapped(now - timedelta(days=SHADOW_DAYS), now), int(now.timestamp()) // 60 * 60 + 60)
    return {
        "shadow": route.cache_mode == CacheMode.SHADOW,
        "configured": route.cache_confidence_percent / 100,
        "needed": moved.confidence if moved else route.cache_confidence_percent / 100,
        "moved": moved,
        "tenants": rows.count() if whose is None else 0,
        "found": shadow_figures(str(whose) if whose is not None else PLATFORM, stretch, route.name),
        "days": SHADOW_DAYS,
        "may_reset": moved is not None and workspace.may(TenantPermission.MANAGE_ROUTES),
    }


class RouteConfidenceReset(WorkspacePage, View):
    """Has the route's own threshold hold again for the tenant."""

    permission = TenantPermission.MANAGE_ROUTES

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        """Of the workspace's tenant, or of the one that owns the route."""
        route = get_object_or_404(routes_in(self.workspace), pk=pk)
        tenant = self.workspace.tenant or route.tenant
        if tenant is not None:
            reset_confidence(tenant=tenant, route=route)
            messages.success(request, f"“{route.name}” goes by its own confidence again; what was said is forgotten.")
        return go_to(request, self.workspace.url("route", pk=route.pk))
