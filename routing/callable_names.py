"""Names of routes and models for the forms of keys and budgets."""

from __future__ import annotations

import uuid

from django.db.models import Q

from contracts.tenant_scope import across_tenants
from routing.models import Model, Route
from tenants.callable_names import CallableNames

MOST_NAMES = 200


def names_for(tenant_id: uuid.UUID) -> CallableNames:
    """Enabled routes and models of the tenant and of the platform, the first :data:`MOST_NAMES` of each."""
    with across_tenants("the platform's routes and models belong to nobody, and every tenant may use them"):
        routes = Route.objects.filter(Q(tenant_id=tenant_id) | Q(tenant=None), enabled=True)
        models = Model.objects.filter(
            Q(provider__tenant_id=tenant_id) | Q(provider__tenant=None), enabled=True, provider__enabled=True
        )
        return CallableNames(
            tuple(routes.order_by("name").values_list("name", flat=True).distinct()[:MOST_NAMES]),
            tuple(models.order_by("name").values_list("name", flat=True).distinct()[:MOST_NAMES]),
        )
