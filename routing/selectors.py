"""What reads providers, models and routes."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db.models import Prefetch, Q, QuerySet

from contracts.tenant_scope import across_tenants
from routing.models import Model, ModelPrice, Route, Target
from routing.prices import PriceHistory


def live_routes(tenant_id: uuid.UUID | None) -> QuerySet[Route]:
    """Enabled routes of the tenant (None: the platform) with their enabled targets and prices, in three queries.

    A target is enabled when it, its model and its provider are.
    """
    targets = (
        Target.objects.filter(enabled=True, model__enabled=True, model__provider__enabled=True)
        .select_related("model__provider")
        .prefetch_related("model__prices")
    )
    return (
        Route.objects.filter(_owned_by("tenant", tenant_id), enabled=True)
        .order_by("order", "id")
        .prefetch_related(Prefetch("targets", queryset=targets.order_by("priority", "id")))
    )


def live_models(tenant_id: uuid.UUID | None) -> QuerySet[Model]:
    """Enabled models with prices, at enabled providers of the tenant (None: the platform), oldest provider first."""
    return (
        Model.objects.filter(_owned_by("provider__tenant", tenant_id), enabled=True, provider__enabled=True)
        .select_related("provider")
        .prefetch_related("prices")
        .order_by("provider_id", "id")
    )


def models_priced_for(tenant_id: uuid.UUID) -> QuerySet[Model]:
    """Models of the platform for which the tenant has prices of its own, with all their prices."""
    priced = ModelPrice.objects.for_tenant(tenant_id).values("model_id")
    return (
        Model.objects.filter(pk__in=priced, provider__tenant=None)
        .select_related("provider")
        .prefetch_related("prices")
        .order_by("id")
    )


def _owned_by(path: str, tenant_id: uuid.UUID | None) -> Q:
    return Q(**{f"{path}__isnull": True}) if tenant_id is None else Q(**{path: tenant_id})


@across_tenants("whoever runs the installation asks, and every owner's models may lack a price")
def models_without_price(at: datetime) -> list[Model]:
    """Enabled models whose calls cost nobody knows what at that instant; prices of single tenants do not count."""
    rows = Model.objects.filter(enabled=True, provider__enabled=True)
    rows = rows.select_related("provider__tenant").prefetch_related("prices").order_by("provider__name", "name", "id")
    return [row for row in rows if PriceHistory(row, row.provider.tenant_id).at(at) is None]
