"""What reads providers, models and routes."""

from __future__ import annotations

import uuid

from django.db.models import Prefetch, Q, QuerySet

from routing.models import Model, Route, Target


def live_routes(tenant_id: uuid.UUID | None) -> QuerySet[Route]:
    """Enabled routes of the tenant (None: the platform) with their enabled targets, in two queries.

    A target is enabled when it, its model and its provider are.
    """
    targets = Target.objects.filter(enabled=True, model__enabled=True, model__provider__enabled=True).select_related(
        "model__provider"
    )
    return (
        Route.objects.filter(_owned_by("tenant", tenant_id), enabled=True)
        .order_by("order", "id")
        .prefetch_related(Prefetch("targets", queryset=targets.order_by("priority", "id")))
    )


def live_models(tenant_id: uuid.UUID | None) -> QuerySet[Model]:
    """Enabled models at the enabled providers of the tenant (None: the platform), oldest provider first."""
    return (
        Model.objects.filter(_owned_by("provider__tenant", tenant_id), enabled=True, provider__enabled=True)
        .select_related("provider")
        .order_by("provider_id", "id")
    )


def _owned_by(path: str, tenant_id: uuid.UUID | None) -> Q:
    return Q(**{f"{path}__isnull": True}) if tenant_id is None else Q(**{path: tenant_id})
