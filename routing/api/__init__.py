"""The management API of this app: providers, models, prices and routes."""

from routing.api.providers import ModelPriceResource, ModelResource, ProviderResource
from routing.api.routes import RouteResource

RESOURCES = (
    ("providers", ProviderResource),
    ("models", ModelResource),
    ("prices", ModelPriceResource),
    ("routes", RouteResource),
)
"""Path below ``/api/v1/`` and viewset of each resource."""
